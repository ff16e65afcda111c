--  Procedures within another.
procedure Names_Ada is
   Sum : Integer := 0;

   procedure Join (Count : Integer) is
   begin
      Sum := Sum + Count;
   end Join;
begin
   Join (3);
end Names_Ada;
