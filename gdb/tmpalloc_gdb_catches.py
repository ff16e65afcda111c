"""Breakpoints of the user in GDB that stand for catches."""

import re

import gdb

from tmpalloc import binding


def find_frame(pc, inlined):
    """The innermost frame with this pc, or of the inlined ones there the one so many further out."""
    frame = gdb.newest_frame()
    while frame and frame.pc() != pc:
        frame = frame.older()
    if frame is None:
        raise gdb.error(f"no frame at {pc:#x}")
    for _ in range(inlined):
        if frame.type() == gdb.INLINE_FRAME:
            frame = frame.older()
    return frame


def _holds(breakpoint, pc, inlined):
    """Whether a breakpoint's condition is true; as GDB's own it stops where it has none."""
    try:
        if pc:
            find_frame(pc, inlined).select()
        return bool(gdb.parse_and_eval(breakpoint.condition))
    except gdb.error as error:
        words = "Error in testing condition for breakpoint"
        gdb.write(f"{words} {breakpoint.number}:\n{error}\n", gdb.STDERR)
        return True
    finally:
        gdb.newest_frame().select()


#: In GDB's list: what becomes of a breakpoint at a stop, and at how many more stops.
_DISPOSITION = re.compile(r"(?m)^\d+ +catchpoint +(\w+)")
_MORE_STOPS = re.compile(r"disable after (?:next|additional) (\d+) hits")


class Catches:
    """Catchpoints of libraries that aren't there: GDB keeps what the user says of them, and never hits
    one.  It disables pending breakpoints that get a condition.
    """

    def __init__(self):
        self._breakpoints = {}  # by the core's numbers
        self._stops = {}  # at how many more it is enabled, of those for which that was said
        self._stopping = []  # that stop the program at the present hit
        self._commands = ""  # of these
        self.has_commands = False  # at the latest stop, which show the frame, too

    def insert(self, id):
        """See struct tmpalloc_host."""
        gdb.execute(f"catch load tmpalloc catch {id}", to_string=True)
        self._breakpoints[id] = gdb.breakpoints()[-1]

    def number(self, id):
        """Its number; 0: it was deleted."""
        breakpoint = self._breakpoints.get(id)
        return breakpoint.number if breakpoint and breakpoint.is_valid() else 0

    def is_one(self, breakpoint):
        """Whether a breakpoint stands for a catch."""
        return breakpoint in self._breakpoints.values()

    def learn(self, breakpoint):
        """Notes what only GDB's list tells of a breakpoint."""
        if not breakpoint.is_valid():
            return
        listed = gdb.execute(f"info breakpoints {breakpoint.number}", to_string=True)
        disposition, more = _DISPOSITION.search(listed), _MORE_STOPS.search(listed)
        self._stops.pop(breakpoint.number, None)
        if disposition and disposition[1] == "dis":
            self._stops[breakpoint.number] = int(more[1]) if more else 1

    def end_stop(self, execute):
        """The program has stopped: what was enabled for so many stops is that for one less."""
        stopping, self._stopping = self._stopping, []
        for breakpoint in filter(gdb.Breakpoint.is_valid, stopping):
            more = self._stops.get(breakpoint.number, 0) - 1
            if breakpoint.temporary:
                breakpoint.delete()
            elif more == 0:
                breakpoint.enabled = False
            elif more > 0:
                self._stops[breakpoint.number] = more
                execute(f"enable count {more} {breakpoint.number}")

    def ask(self, id, pc, inlined):
        """See struct tmpalloc_host."""
        breakpoint = self._breakpoints.get(id)
        if not (breakpoint and breakpoint.is_valid() and breakpoint.enabled):
            return binding.CATCH_PASSES
        if breakpoint.condition and not _holds(breakpoint, pc, inlined):
            return binding.CATCH_PASSES
        if breakpoint.ignore_count > 0:
            breakpoint.ignore_count -= 1
            return binding.CATCH_PASSES
        self._stopping.append(breakpoint)
        first, _, rest = (breakpoint.commands or "").partition("\n")
        silent = first.strip() == "silent"
        if first and not silent:
            self._commands += "frame\n" + breakpoint.commands
        elif silent:
            self._commands += rest or "silent\n"
        return binding.CATCH_SILENT if silent else binding.CATCH_STOPS

    def hand_commands_on(self, breakpoint):
        """Gives what asked breakpoints are to execute to the one by which the program stops."""
        commands, self._commands = self._commands, ""
        self.has_commands = bool(commands)
        if commands != breakpoint.given:
            breakpoint.commands = breakpoint.given = commands

    def remove(self, id):
        """See struct tmpalloc_host."""
        breakpoint = self._breakpoints.pop(id, None)
        if breakpoint and breakpoint.is_valid():
            breakpoint.delete()
