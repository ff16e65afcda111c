! Procedures of a module, of none, and within another.
module shapes
contains
  subroutine grow(n)
    integer, intent(inout) :: n
    n = n + 1
  end subroutine
end module

subroutine plain(n)
  use shapes
  integer, intent(inout) :: n
  call inner()
contains
  subroutine inner()
    call grow(n)
  end subroutine
end subroutine

program main
  integer :: n
  n = 1
  call plain(n)
end program
