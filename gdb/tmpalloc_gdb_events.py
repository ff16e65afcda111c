"""What happens to the tracked process in GDB: its hits, stops and end, its files and breakpoints."""

import signal
from collections import namedtuple

import gdb

from tmpalloc import binding
from tmpalloc.host import AGENT, Host
from tmpalloc_gdb_catches import Catches
from tmpalloc_gdb_process import file_of, is_traced
from tmpalloc_gdb_settings import place
from tmpalloc_gdb_watch import Watch


def _disable_in_agent(breakpoint):
    """A breakpoint on malloc is about the allocator's, not about what calls it on the way."""
    locations = getattr(breakpoint, "locations", ())  # GDB 13
    for location in locations if len(locations) > 1 else ():
        if location.enabled and (gdb.solib_name(location.address) or "").endswith(AGENT):
            location.enabled = False


#: The inferior that has breakpoints of ours: its number, its process, its program space then.
Tracked = namedtuple("Tracked", "number pid program")


def refusal():
    """What forbids breakpoints: GDB makes them nevertheless, and leaves them out of the program."""
    for name in ("may-insert-breakpoints", "may-write-memory", "may-write-registers"):
        if not gdb.parameter(name):
            return f"GDB's setting {name} is off"
    return ""


class OwnBreakpoint(gdb.Breakpoint):
    """A breakpoint that users don't see and that stops the program without a word, if at all."""

    def __init__(self, host, id, address, hardware):
        forbidden = refusal()
        if forbidden:
            raise gdb.error(forbidden)
        kind = gdb.BP_HARDWARE_BREAKPOINT if hardware else gdb.BP_BREAKPOINT
        try:
            super().__init__(f"*{place(address)}", type=kind, internal=True)
        except gdb.error:
            # It exists nevertheless when only its insertion failed.
            if self.is_valid():
                self.delete()
            raise
        self.silent = True
        self.given = ""  # commands of the user's, for one stop
        self._host = host
        self._id = id

    def stop(self):
        """Called by GDB at each hit; False lets the program go on."""
        stops = self._host.hit(self._id)
        self._host.catches.hand_commands_on(self)
        return stops


def addresses(breakpoint):
    """Addresses of a breakpoint of the user in the selected program; none before GDB 13."""
    number = gdb.selected_inferior().num
    locations = getattr(breakpoint, "locations", ()) if breakpoint.is_valid() else ()
    return {l.address for l in locations if l.address and number in l.thread_groups}


def _take_number(name):
    """A convenience variable of GDB's that was set since the last call; None: it wasn't.

    GDB leaves what ended one process in place when it kills or detaches the next one.
    """
    value = gdb.convenience_variable(name)
    if value is None or value.type.name != "int":
        return None
    gdb.set_convenience_variable(name, int(value))  # the same, as another type
    return int(value)


def take_ending():
    """Exit status and signal of a process that has just ended; -1 and 0 are none."""
    exit_status, signal_number = _take_number("_exitcode"), _take_number("_exitsignal")
    return -1 if exit_status is None else exit_status, signal_number or 0


def _execute_later(line):
    gdb.post_event(lambda: gdb.execute(line))


class GdbEvents(Host):
    """The part of the host that GDB tells what happens."""

    def __init__(self):
        super().__init__()
        self.session = None
        self._breakpoints = {}  # by the core's numbers
        self._tracked = None
        self._signal = 0  # by which the process stopped or ended
        self._exit_status = -1  # with which it exited
        take_ending()  # of one that was debugged before
        self._in_hit = False
        self._expected = set()  # files that the core knows before their symbols are read
        self._may_execute = True  # commands: the event has none of the user's to be executed first
        self._places = {}  # of the user's breakpoints that are enabled, as they were told
        self._in_call = False
        self._watch = Watch()
        self.catches = Catches()

    def hit(self, id):
        """Forwards a hit; True stops the program, as the core or the user asks for it."""
        # A fork's child that GDB keeps has the parent's breakpoints in its memory.
        if gdb.selected_inferior().num != self._tracked.number:
            return False
        self._in_hit = True
        try:
            return self.session.breakpoint_hit(id)
        except KeyboardInterrupt:
            return True
        finally:
            self._in_hit = False

    def event(self, event, may_execute=False):
        """Forwards an event; False when the core can't do what it has to."""
        if self._in_hit:
            return True
        self._may_execute = may_execute
        try:
            return self.session.event(event)
        except KeyboardInterrupt:
            return False  # the user's next prompt is near, and an event handler has no caller
        finally:
            self._may_execute = True

    def when_possible(self, function):
        """Calls what executes commands, for which GDB executes those of a user's stop, too."""
        if self._may_execute:
            function()
        else:
            gdb.post_event(function)

    def expect(self, paths):
        """GDB lists all files that it finds at a stop before it reads the symbols of the first."""
        self._expected = set(paths).difference(map(file_of, gdb.objfiles()))

    def file_loaded(self, event):
        """Called by GDB for each file whose symbols it reads, soon after it was mapped."""
        objfile = event.new_objfile
        if self._expected and file_of(objfile) in self._expected:
            self._expected.remove(file_of(objfile))
        # A separate debug file adds no code.
        elif objfile.owner is None:
            if self._tracked is None or self._tracked.program == objfile.progspace:
                # Of a program without a process, which GDB may be about to start.
                self.event(binding.EVENT_MODULES, may_execute=not gdb.selected_inferior().pid)

    def files_cleared(self, event):
        """Called by GDB when it forgets all files of a program space, as exec makes it do.

        That is before GDB tries, and fails, to insert our breakpoints into the new program.  The
        other reasons are the file command and, for a new program space, a fork.
        """
        selected, tracked = gdb.selected_inferior(), self._tracked
        if tracked and selected.pid == tracked.pid:
            if event.progspace == tracked.program:
                self.event(binding.EVENT_EXECED)

    def breakpoint_modified(self, breakpoint):
        """Called by GDB, also when it gives a breakpoint a location in each other inferior.

        There the address of one of ours means something else, or can't be written at all.
        """
        # GDB calls this at each hit, too, because the hit is counted.
        if self.catches.is_one(breakpoint):
            if not self._in_hit:
                self.when_possible(lambda: self.catches.learn(breakpoint))
        elif not isinstance(breakpoint, OwnBreakpoint):
            _disable_in_agent(breakpoint)
            self._tell_places(breakpoint)
        elif self._tracked and len(gdb.inferiors()) > 1:
            for location in getattr(breakpoint, "locations", ()):  # GDB 13
                if location.enabled and self._tracked.number not in location.thread_groups:
                    location.enabled = False

    def _tell_places(self, breakpoint):
        """Tells the core before GDB writes a breakpoint of the user to the program."""
        if self._in_call:
            return
        places = addresses(breakpoint) if self._tracked and breakpoint.enabled else set()
        before, self._places[breakpoint.number] = self._places.get(breakpoint.number, set()), places
        if not places <= before and not self.event(binding.EVENT_BREAKPOINTS):
            breakpoint.enabled = False

    def exited(self, event):
        """Called by GDB when a process exited, was killed or is detached."""
        self._watch.delete_ended()
        exit_status, signal_number = take_ending()
        if self._tracked is None or self._tracked.number == event.inferior.num:
            self._signal, self._exit_status = signal_number, exit_status
            # With "set follow-exec-mode new" it goes on as another inferior.
            goes_on = self._tracked and is_traced(self._tracked.pid)
            kind = binding.EVENT_EXECED if goes_on else binding.EVENT_EXITED
            self.event(kind, may_execute=not goes_on)

    def stopped(self, event):
        """Called by GDB when the user gets the prompt."""
        self._expected = set()
        self._watch.delete_ended()
        if self._tracked is None or self._tracked.number == gdb.selected_inferior().num:
            signaled = isinstance(event, gdb.SignalEvent)
            self._signal = getattr(signal, event.stop_signal, 0) if signaled else 0
            self._exit_status = -1
            commands = any(b.commands for b in getattr(event, "breakpoints", ()))
            kind = binding.EVENT_SIGNALED if signaled else binding.EVENT_STOPPED
            self.event(kind, may_execute=not commands)
            self.catches.end_stop(_execute_later if commands else gdb.execute)
