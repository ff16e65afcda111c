"""The primitives of struct tmpalloc_host in GDB."""

import shlex
from collections import namedtuple
from contextlib import contextmanager

import gdb

from tmpalloc import binding
from tmpalloc.host import ProcessInfo, ThreadInfo, Unsupported
from tmpalloc.progress import show
from tmpalloc_gdb_calls import Selection, call, run_to
from tmpalloc_gdb_catches import find_frame
from tmpalloc_gdb_events import GdbEvents, OwnBreakpoint, Tracked, addresses, refusal
from tmpalloc_gdb_process import (
    connection_type,
    core_file,
    core_signal,
    is_readable,
    loaded_files,
    program,
)
from tmpalloc_gdb_settings import asks_for_batch, asks_for_machine_interface, setting, skips
from tmpalloc_gdb_values import pointers_in, value_of

_WRAPPER = "exec-wrapper"

#: What that is to be for the program of one inferior, by its number; of none: not any more.
Wrapper = namedtuple("Wrapper", "text number")


def _show_frame():
    if is_readable():  # no more when the user's commands have let the program go on
        gdb.execute("frame")


class GdbHost(GdbEvents):
    """Primitives of GDB."""

    tells_breakpoints = hasattr(gdb, "BreakpointLocation")  # GDB 13
    batch = asks_for_batch()
    #: Whether a program reads the output, even at a pseudo-terminal.
    has_machine_interface = asks_for_machine_interface()

    def __init__(self):
        super().__init__()
        self._threads = {}
        self._keys = {}
        self._last_key = 0
        self._selection = Selection()
        self._wrapper = Wrapper("", None)
        self._is_over = False  # the process, in its last event

    def process(self):
        inferior = gdb.selected_inferior()
        connection = connection_type()
        local = connection in ("", "native")
        core = inferior.pid and connection == "core"
        executable = program(inferior.pid if local else 0)
        if core:
            return ProcessInfo(
                0, False, local, "", executable, core_file(), core_signal(), target=inferior.num
            )
        alive = bool(inferior.pid)
        return ProcessInfo(
            pid=inferior.pid,
            stopped=alive and (self._in_hit or is_readable()),
            local=local,
            architecture=inferior.architecture().name() if alive else "",
            executable=executable,
            signal=self._signal,
            exit_status=self._exit_status,
            target=inferior.num,
            refusal=refusal(),
        )

    def modules(self):
        files = loaded_files()
        self.expect(path for path, _ in files)
        return files

    def read_memory(self, address, size):
        return bytes(gdb.selected_inferior().read_memory(address, size))

    def read_register(self, name):
        # A frame object costs as much as five registers read as expressions, but these belong to
        # the frame that the user selected; in a hit there is only one.
        if self._in_hit:
            return int(gdb.parse_and_eval("$" + name))
        return int(gdb.newest_frame().read_register(name))

    def current_thread(self):
        return self._thread_info(gdb.selected_thread())

    def _thread_info(self, thread):
        pid, lwp, tid = thread.ptid
        key = self._thread_key(thread)
        return ThreadInfo(key, lwp or tid or pid, pid, thread.num, thread.inferior.num)

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

    def insert_breakpoint(self, id, address, kind):
        hardware = kind == binding.HARDWARE
        if hardware and not self._in_hit:
            breakpoint = self._insert_checked(id, address)
        else:
            breakpoint = OwnBreakpoint(self, id, address, hardware)
        self._breakpoints[id] = breakpoint
        inferior = gdb.selected_inferior()
        self._tracked = Tracked(inferior.num, inferior.pid, inferior.progspace)

    def _insert_checked(self, id, address):
        """GDB notices a lack of debug registers only when it inserts: make it do so now."""
        with setting("breakpoint always-inserted", "on"):
            return OwnBreakpoint(self, id, address, True)

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
        former, self._wrapper = self._wrapper, self._wrapper._replace(number=None)
        self._place_wrapper()
        if library is None:
            return
        # A wrapper comes between the shell, which must not be tracked, and the program.
        taken = gdb.parameter(_WRAPPER) not in (None, "", former.text)
        remote = connection_type() not in ("", "native")
        if remote or taken or not gdb.parameter("startup-with-shell"):
            raise Unsupported("no room for a wrapper")
        libraries = self.environment("LD_PRELOAD")
        first = f"LD_PRELOAD={library}:{libraries}" if libraries else f"LD_PRELOAD={library}"
        number = gdb.selected_inferior().num
        self._wrapper = Wrapper(shlex.join(["env", first, variable]), number)
        self._place_wrapper()

    def event(self, event, may_execute=False):
        """Forwards an event, see GdbEvents."""
        self._is_over = event == binding.EVENT_EXITED
        try:
            return super().event(event, may_execute)
        finally:
            if may_execute:
                self._place_wrapper()
            self._is_over = False

    def prompted(self, _event=None):
        """Called where commands can be executed: by GDB before it shows its prompt.

        What events leave to be done is not posted, for GDB 13 crashes when it ends before.
        """
        self._place_wrapper()

    def _place_wrapper(self):
        """GDB has one setting for all inferiors, so it is made for one, and only while that may be run.

        What the user has set instead stays.
        """
        if not self._may_execute:
            return
        inferior, text = gdb.selected_inferior(), gdb.parameter(_WRAPPER)
        wanted = inferior.num == self._wrapper.number and (self._is_over or not inferior.pid)
        if wanted and not text:
            gdb.execute(f"set {_WRAPPER} {self._wrapper.text}")
        elif not wanted and text and text == self._wrapper.text:
            gdb.execute(f"unset {_WRAPPER}")

    def environment(self, name):
        shown = gdb.execute(f"show environment {name}", to_string=True)
        return shown.rstrip("\n").partition(" = ")[2]

    def write_memory(self, address, data):
        gdb.selected_inferior().write_memory(address, data)

    def threads(self):
        selected = gdb.selected_thread()
        others = [t for t in gdb.selected_inferior().threads() if t.is_valid() and t != selected]
        yield from map(self._thread_info, [selected, *others])

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
            if not isinstance(breakpoint, OwnBreakpoint):
                yield from addresses(breakpoint)

    def skips(self):
        return skips()

    def set_variable(self, name, number):
        gdb.set_convenience_variable(f"_tmpalloc_{name}", number)

    def evaluate(self, expression):
        with setting("may-call-functions", "off"):
            value = value_of(expression)
            if value.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:
                value = value.address
            return int(value)

    def pointers(self, expression, depth):
        with setting("may-call-functions", "off"):
            return list(pointers_in(value_of(expression), expression, depth))

    def select_frame(self, key, pc, inlined):
        self._threads[key].switch()
        find_frame(pc, inlined).select()
        if not self.catches.has_commands:
            self.when_possible(_show_frame)

    def insert_catch(self, id):
        self.catches.insert(id)

    def catch_number(self, id):
        return self.catches.number(id)

    def ask_catch(self, id, pc, inlined, reason):
        return self.catches.ask(id, pc, inlined)

    def remove_catch(self, id):
        self.catches.remove(id)

    def insert_watchpoint(self, address, size):
        self._watch.insert(address, size)

    def end_watchpoint(self):
        return self._watch.end(not self._in_hit)

    def progress(self, text):
        show(text)

    def quit(self, status):
        self.exit_status = status
