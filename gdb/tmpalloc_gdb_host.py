"""The primitives of struct tmpalloc_host in GDB."""

import re
import shlex
from collections import namedtuple
from contextlib import contextmanager

import gdb

from tmpalloc import binding
from tmpalloc.command_line import asks_for_batch
from tmpalloc.host import AGENT, Host, ProcessInfo, ThreadInfo, Unsupported
from tmpalloc_gdb_calls import Selection, call, run_to, setting

_FILE_OR_TEXT = re.compile(r"^From '(.+)', file type|: \.text .*\n +Start: 0x([0-9a-f]+)", re.M)
_SECTIONS = "maintenance info target-sections"
_VDSO = "system-supplied DSO at "
_CORE_FILE = re.compile(r"Local core dump file:\s+`(.+)', file type")
_WRAPPER = "exec-wrapper"

#: Options of GDB's command line: see asks_for_batch().
_BATCH = {"batch", "batch-silent", "B"}
_VALUED = {
    *{"command", "x", "init-command", "ix", "eval-command", "ex", "init-eval-command", "iex"},
    *{"early-init-command", "eix", "early-init-eval-command", "eiex"},
    *{"core", "c", "exec", "e", "pid", "p", "directory", "d", "se", "symbols", "s"},
    *{"interpreter", "i", "ui", "tty", "t", "b", "l", "cd", "data-directory", "D"},
}
_LAST = {"args", "--"}


def _local_path(path):
    """GDB marks files that it reads through gdbserver; the core looks for the same path here."""
    return path[len("target:") :] if path.startswith("target:") else path


def _loaded_files():
    """(path, run-time address of .text) of the current program's files, the executable first."""
    # "info files" tells the same, but nothing in a child that GDB followed after a fork.
    files, path = [], ""
    for found in _FILE_OR_TEXT.finditer(gdb.execute(_SECTIONS, to_string=True)):
        if found[1]:
            path = found[1]
        elif not path.startswith(_VDSO):
            files.append((path, int(found[2], 16)))
    main = gdb.current_progspace().filename
    files.sort(key=lambda file: file[0] != main)
    return [(_local_path(path), address) for path, address in files]


def _core_file():
    found = _CORE_FILE.search(gdb.execute("info files", to_string=True))
    return found[1] if found else ""


def _is_readable():
    try:
        gdb.newest_frame()
    except gdb.error:
        return False
    return True


def _disable_in_agent(breakpoint):
    """A breakpoint on malloc is about the allocator's, not about what calls it on the way."""
    locations = getattr(breakpoint, "locations", ())  # GDB 13
    for location in locations if len(locations) > 1 else ():
        if location.enabled and (gdb.solib_name(location.address) or "").endswith(AGENT):
            location.enabled = False


#: The inferior that has breakpoints of ours: its number, its process, its program space then.
_Tracked = namedtuple("_Tracked", "number pid program")


class _Breakpoint(gdb.Breakpoint):
    """A breakpoint that users don't see and that stops the program without a word, if at all."""

    def __init__(self, host, id, address, hardware):
        kind = gdb.BP_HARDWARE_BREAKPOINT if hardware else gdb.BP_BREAKPOINT
        # Decimal, because not every source language of GDB reads 0x.
        try:
            super().__init__(f"*{address}", type=kind, internal=True)
        except gdb.error:
            # It exists nevertheless when only its insertion failed.
            if self.is_valid():
                self.delete()
            raise
        self.silent = True
        self._host = host
        self._id = id

    def stop(self):
        """Called by GDB at each hit; False lets the program go on."""
        return self._host.hit(self._id)


def _places(breakpoint):
    """Addresses of a breakpoint of the user in the selected program; none before GDB 13."""
    number = gdb.selected_inferior().num
    locations = getattr(breakpoint, "locations", ()) if breakpoint.is_valid() else ()
    return {l.address for l in locations if l.address and number in l.thread_groups}


class GdbHost(Host):
    """Primitives of GDB."""

    tells_breakpoints = hasattr(gdb, "BreakpointLocation")  # GDB 13
    batch = asks_for_batch(_BATCH, _VALUED, _LAST)

    def __init__(self):
        super().__init__()
        self.session = None
        self._breakpoints = {}
        self._tracked = None
        self._in_hit = False
        self._threads = {}
        self._keys = {}
        self._last_key = 0
        self._selection = Selection()
        self._preloads = False
        self._places = {}  # of the user's breakpoints that are enabled, as they were told
        self._in_call = False

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

    def event(self, event):
        """Forwards an event; False when the core can't do what it has to."""
        if self._in_hit:
            return True
        try:
            return self.session.event(event)
        except KeyboardInterrupt:
            return False  # the user's next prompt is near, and an event handler has no caller

    def file_loaded(self, event):
        """Called by GDB for each file whose symbols it reads, soon after it was mapped."""
        objfile = event.new_objfile
        # A separate debug file adds no code.
        if objfile.owner is None and gdb.selected_inferior().pid:
            if self._tracked is None or self._tracked.program == objfile.progspace:
                self.event(binding.EVENT_MODULES)

    def files_cleared(self, event):
        """Called by GDB when it forgets all files of a program space, as exec makes it do.

        That is before GDB tries, and fails, to insert our breakpoints into the new program.  The
        other reasons are the file command and, for a new program space, a fork.
        """
        selected, tracked = gdb.selected_inferior(), self._tracked
        if tracked and selected.pid == tracked.pid:
            # With "set follow-exec-mode new" it goes on as another inferior.
            if event.progspace == tracked.program or selected.num != tracked.number:
                self.event(binding.EVENT_EXECED)

    def breakpoint_modified(self, breakpoint):
        """Called by GDB, also when it gives a breakpoint a location in each other inferior.

        There the address of one of ours means something else, or can't be written at all.
        """
        # GDB calls this at each hit, too, because the hit is counted.
        if not isinstance(breakpoint, _Breakpoint):
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
        places = _places(breakpoint) if self._tracked and breakpoint.enabled else set()
        before, self._places[breakpoint.number] = self._places.get(breakpoint.number, set()), places
        if not places <= before and not self.event(binding.EVENT_BREAKPOINTS):
            breakpoint.enabled = False

    def exited(self, event):
        """Called by GDB when a process exited, was killed or is detached."""
        if self._tracked is None or self._tracked.number == event.inferior.num:
            self.event(binding.EVENT_EXITED)

    def stopped(self, event):
        """Called by GDB when the user gets the prompt."""
        if self._tracked is None or self._tracked.number == gdb.selected_inferior().num:
            signal = isinstance(event, gdb.SignalEvent)
            self.event(binding.EVENT_SIGNALED if signal else binding.EVENT_STOPPED)

    def process(self):
        inferior = gdb.selected_inferior()
        connection = getattr(inferior, "connection", None)
        local = connection is None or connection.type == "native"
        core = bool(inferior.pid and connection and connection.type == "core")
        if core or not inferior.pid:
            program = _local_path(gdb.current_progspace().filename or "")
            return ProcessInfo(0, False, local, "", program, _core_file() if core else "")
        architecture = inferior.architecture().name()
        files = _loaded_files()
        return ProcessInfo(
            pid=inferior.pid,
            stopped=self._in_hit or _is_readable(),
            local=local,
            architecture="x86_64" if architecture.startswith("i386:x86-64") else architecture,
            executable=files[0][0] if files else "",
        )

    def modules(self):
        return _loaded_files()

    def read_memory(self, address, size):
        return bytes(gdb.selected_inferior().read_memory(address, size))

    def read_register(self, name):
        # A frame object costs as much as five registers read as expressions, but these belong to
        # the frame that the user selected; in a hit there is only one.
        if self._in_hit:
            return int(gdb.parse_and_eval("$" + name))
        return int(gdb.newest_frame().read_register(name))

    def current_thread(self):
        thread = gdb.selected_thread()
        pid, lwp, tid = thread.ptid
        return ThreadInfo(self._thread_key(thread), lwp or tid or pid, pid)

    def _thread_key(self, thread):
        # GDB counts its thread numbers from 1 again at each run; its objects are never reused.
        key = self._keys.get(thread)
        if key is None:
            self._last_key += 1
            key = self._keys[thread] = self._last_key
            self._threads[key] = thread
        return key

    def thread_alive(self, key):
        thread = self._threads.get(key)
        if thread is None or thread.is_valid():
            return thread is not None
        del self._keys[self._threads.pop(key)]
        return False

    def insert_breakpoint(self, id, address, hardware):
        if hardware and not self._in_hit:
            breakpoint = self._insert_checked(id, address)
        else:
            breakpoint = _Breakpoint(self, id, address, hardware)
        self._breakpoints[id] = breakpoint
        inferior = gdb.selected_inferior()
        self._tracked = _Tracked(inferior.num, inferior.pid, inferior.progspace)

    def _insert_checked(self, id, address):
        """GDB notices a lack of debug registers only when it inserts: make it do so now."""
        with setting("breakpoint always-inserted", "on"):
            return _Breakpoint(self, id, address, True)

    def enable_breakpoint(self, id, enabled):
        self._breakpoints[id].enabled = enabled

    def remove_breakpoint(self, id):
        breakpoint = self._breakpoints.pop(id)
        if not self._breakpoints:
            self._tracked = None
        if breakpoint.is_valid():
            breakpoint.delete()

    def message(self, text):
        gdb.write(text + "\n")

    def preload(self, library, variable):
        if self._preloads:
            gdb.execute(f"unset {_WRAPPER}")
        self._preloads = library is not None
        if library is None:
            return
        # A wrapper comes between the shell, which must not be tracked, and the program.
        remote = getattr(gdb.selected_inferior(), "connection", None)
        if remote or gdb.parameter(_WRAPPER) or not gdb.parameter("startup-with-shell"):
            self._preloads = False
            raise Unsupported("no room for a wrapper")
        shown = gdb.execute("show environment LD_PRELOAD", to_string=True)
        _, equals, libraries = shown.rstrip("\n").partition(" = ")
        first = f"LD_PRELOAD={library}:{libraries}" if equals else f"LD_PRELOAD={library}"
        gdb.execute(f"set {_WRAPPER} {shlex.join(['env', first, variable])}")

    def write_memory(self, address, data):
        gdb.selected_inferior().write_memory(address, data)

    def threads(self):
        selected = gdb.selected_thread()
        others = [t for t in gdb.selected_inferior().threads() if t.is_valid() and t != selected]
        for thread in [selected, *others]:
            pid, lwp, tid = thread.ptid
            yield ThreadInfo(self._thread_key(thread), lwp or tid or pid, pid)

    def select_thread(self, key):
        if key:
            self._selection.switch(self._threads[key])
        else:
            self._selection.restore()

    def call_function(self, address, arguments, alone, seconds):
        with self._calling():
            return call(address, arguments, alone, seconds)

    def run_to(self, address, seconds):
        with self._calling():
            run_to(address, seconds)

    @contextmanager
    def _calling(self):
        """The user's breakpoints are disabled and enabled again meanwhile."""
        self._in_call = True
        try:
            yield
        finally:
            self._in_call = False

    def breakpoints(self):
        for breakpoint in gdb.breakpoints() or ():
            if not isinstance(breakpoint, _Breakpoint):
                yield from _places(breakpoint)

    def set_variable(self, name, number):
        gdb.set_convenience_variable(f"_tmpalloc_{name}", number)

    def evaluate(self, expression):
        with setting("may-call-functions", "off"):
            value = gdb.parse_and_eval(expression)
            if value.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
                value = value.referenced_value()
            if value.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:
                value = value.address
            return int(value)

    def select_frame(self, key, pc, inlined):
        self._threads[key].switch()
        frame = gdb.newest_frame()
        while frame.pc() != pc:
            frame = frame.older()
        for _ in range(inlined):
            if frame.type() == gdb.INLINE_FRAME:
                frame = frame.older()
        frame.select()
        gdb.execute("frame")

    def quit(self, status):
        self.exit_status = status
