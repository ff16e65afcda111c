"""The debugger as libtmpalloc.so sees it: Python methods behind struct tmpalloc_host.

Subclass Host, override what the debugger can do, and hand it to a session.  Methods take and
return plain Python values and may raise anything: no exception crosses into C.
"""

import ctypes
import os
import sys
from collections import namedtuple

from . import binding

ProcessInfo = namedtuple(
    "ProcessInfo",
    "pid stopped local architecture executable core_file signal exit_status target ended_pid refusal",
    defaults=("", 0, -1, 0, 0, ""),
)
ThreadInfo = namedtuple("ThreadInfo", "key tid pid number group", defaults=(0, 0))
#: What the debugger steps over, see struct tmpalloc_skip.
Skip = namedtuple("Skip", "function file library is_expression is_glob", defaults=(None,) * 3 + (0, 0))


#: File name of the agent, whose hooks bear the names of the functions that they stand before.
AGENT = "libtmpalloc-agent.so"


_WORD_MASK = (1 << 64) - 1


class Unsupported(Exception):
    """Raised by a primitive that this debugger or target can never do."""


class Host:
    """Primitives of one debugger.  What a subclass doesn't override doesn't exist for the core."""

    #: Whether breakpoints are told before they are written to the process.
    tells_breakpoints = False
    #: Whether the debugger's command line asks for batch mode.
    batch = False
    #: Whether expressions may map memory in the process.
    expressions_map = False
    #: Of the texts that the debugger gives and takes; what they don't hold becomes surrogates.
    encoding = sys.getfilesystemencoding()
    #: What the debugger is to end with when the command has shown its text; None: it goes on.
    exit_status = None

    def __init__(self):
        self.failure = None
        self._interrupt = None
        self._callbacks = []
        self._keep_unraisable()
        # ctypes frees a callback with its last reference, C keeps calling it.
        self.struct = binding.HostStruct(
            binding.HOST_VERSION, self.tells_breakpoints, self.batch, self.expressions_map
        )
        for name, callback in binding.PRIMITIVES.items():
            method = "read_register" if name == "read_registers" else name
            if method == "reason" or getattr(type(self), method) is not getattr(Host, method):
                setattr(self.struct, name, callback(self._guarded(getattr(self, "_c_" + name))))

    def process(self):
        """The selected process as a ProcessInfo; pid 0 when there is none."""
        raise NotImplementedError

    def modules(self):
        """Yields (path, run-time address of .text) of each file, the executable first."""
        raise NotImplementedError

    def read_memory(self, address, size):
        """Exactly `size` bytes of the process."""
        raise NotImplementedError

    def read_register(self, name):
        """Value of a register of the thread that hit or is selected."""
        raise NotImplementedError

    def current_thread(self):
        """The thread of read_register() as a ThreadInfo."""
        raise NotImplementedError

    def thread_alive(self, key):
        """True when the thread with this key still exists."""
        raise NotImplementedError

    def insert_breakpoint(self, id, address, kind):
        """Sets a breakpoint that calls the session's breakpoint_hit(id).

        kind: binding.SOFTWARE, HARDWARE or LAST, see enum tmpalloc_breakpoint_kind.
        """
        raise NotImplementedError

    def enable_breakpoint(self, id, enabled):
        """Enables or disables a breakpoint."""
        raise NotImplementedError

    def remove_breakpoint(self, id):
        """Deletes a breakpoint."""
        raise NotImplementedError

    def message(self, text):
        """Shows lines that no command asked for."""
        raise NotImplementedError

    def preload(self, library, variable):
        """Gives the next process a library in LD_PRELOAD and a NAME=VALUE; None, None undoes it."""
        raise NotImplementedError

    def environment(self, name):
        """An environment variable as the next process will have it; "" when it isn't set."""
        raise NotImplementedError

    def write_memory(self, address, data):
        """Writes bytes of the process' data."""
        raise NotImplementedError

    def threads(self):
        """Yields the process' threads as ThreadInfo, the selected one first."""
        raise NotImplementedError

    def select_thread(self, key):
        """Makes the thread with this key the one of read_register(); 0: the user's own again."""
        raise NotImplementedError

    def call_function(self, address, arguments, alone, seconds):
        """Calls a function of the process with numbers; returns the number that it returns."""
        raise NotImplementedError

    def run_to(self, address, seconds):
        """Lets the process run until the selected thread reaches an address."""
        raise NotImplementedError

    def breakpoints(self):
        """Yields the address of each place of the user's breakpoints."""
        raise NotImplementedError

    def skips(self):
        """Yields what the user has the debugger step over, as Skip."""
        raise NotImplementedError

    def set_variable(self, name, number):
        """Gives an unsigned number a name for the debugger's expressions."""
        raise NotImplementedError

    def quit(self, status):
        """Ends the debugger once the command's text was shown."""
        raise NotImplementedError

    def select_frame(self, key, pc, inlined):
        """Selects and shows a frame: see struct tmpalloc_host."""
        raise NotImplementedError

    def evaluate(self, expression):
        """The number that an expression gives in the selected frame, without calling anything."""
        raise NotImplementedError

    def pointers(self, expression, depth):
        """Yields (name, value) of each pointer in a struct: see struct tmpalloc_host."""
        raise NotImplementedError

    def insert_watchpoint(self, address, size):
        """Sets a watchpoint of the user on the bytes at an address."""
        raise NotImplementedError

    def end_watchpoint(self):
        """Ends it; returns how often the program has stopped there."""
        raise NotImplementedError

    def insert_catch(self, id):
        """Makes a breakpoint for a catch: see struct tmpalloc_host."""
        raise NotImplementedError

    def catch_number(self, id):
        """The number by which the user knows it; 0 when the user has deleted it."""
        raise NotImplementedError

    def ask_catch(self, id, pc, inlined, reason):
        """Whether it stops the program at a match: one of binding.CATCH_*."""
        raise NotImplementedError

    def remove_catch(self, id):
        """Deletes it."""
        raise NotImplementedError

    def progress(self, text):
        """Shows how far a command is, see struct tmpalloc_host; KeyboardInterrupt ends it."""
        raise NotImplementedError

    def reason(self):
        """Why the last primitive failed, as one line."""
        error, self.failure = self.failure, None
        lines = str(error or "").strip().splitlines() or [""]
        # Debuggers raise their own words; others may be no more than a name.
        known = error is None or isinstance(error, (RuntimeError, OSError, Unsupported))
        return lines[0] if known else f"{type(error).__name__}: {lines[0]}"

    def encode(self, text):
        """The bytes of a text of the debugger."""
        return text.encode(self.encoding, "surrogateescape")

    def _decode(self, text):
        return text if text is None else text.decode(self.encoding, "surrogateescape")

    def _keep_unraisable(self):
        """Notices interrupts that no callback can catch.

        One that comes while no Python code runs is raised before the next callback's first line,
        and ctypes hands it to sys.unraisablehook.
        """
        before = getattr(sys, "unraisablehook", None)  # Python 3.8

        def hook(unraisable):
            interrupted = issubclass(unraisable.exc_type, KeyboardInterrupt)
            if interrupted and self._is_of_a_callback(unraisable):
                self._interrupt = KeyboardInterrupt()
            else:
                before(unraisable)

        sys.unraisablehook = hook

    def _is_of_a_callback(self, unraisable):
        words = unraisable.err_msg or ""  # Python 3.13 has the callback only there
        return any(c is unraisable.object or repr(c) in words for c in self._callbacks)

    def take_interrupt(self):
        """True when the user interrupted a primitive since the last call."""
        interrupt, self._interrupt = self._interrupt, None
        return interrupt is not None

    def _guarded(self, primitive):
        """A callback for C: whatever goes wrong, it only leaves *status alone or changes it."""

        def callback(_arg, *arguments):
            status = arguments[-1]
            try:
                primitive(*arguments[:-1])
                status[0] = binding.OK
            except KeyboardInterrupt as error:
                self._interrupt = error
            except Unsupported as error:
                self.failure = error
                status[0] = binding.E_UNSUPPORTED
            except BaseException as error:  # ctypes would print it and return garbage
                self.failure = error

        self._callbacks.append(callback)
        return callback

    def _c_process(self, ret):
        info = self.process()
        process = ret.contents
        process.architecture = info.architecture.encode()
        process.executable = self.encode(info.executable)
        process.core_file = self.encode(info.core_file)
        process.refusal = self.encode(info.refusal)
        process.pid, process.stopped, process.local = info.pid, info.stopped, info.local
        process.signal, process.exit_status = info.signal, info.exit_status
        process.target, process.ended_pid = info.target, info.ended_pid

    def _c_modules(self, emit, emit_arg):
        for path, text_address in _by_search_order(self.modules()):
            module = binding.Module(self.encode(path), text_address)
            if emit(emit_arg, ctypes.byref(module)) != binding.OK:
                raise RuntimeError("the core refused a module")

    def _c_read_memory(self, address, buffer, size):
        data = self.read_memory(address, size)
        if len(data) != size:
            raise RuntimeError(f"{len(data)} of {size} bytes at {address:#x}")
        ctypes.memmove(buffer, data, size)

    def _c_read_registers(self, names, count, values):
        for i in range(count):
            values[i] = self.read_register(names[i].decode())

    def _c_current_thread(self, ret):
        ret[0] = binding.Thread(*self.current_thread())

    def _c_thread_alive(self, key, ret):
        ret[0] = bool(self.thread_alive(key))

    def _c_insert_breakpoint(self, id, address, kind):
        self.insert_breakpoint(id, address, kind)

    def _c_enable_breakpoint(self, id, enabled):
        self.enable_breakpoint(id, bool(enabled))

    def _c_remove_breakpoint(self, id):
        self.remove_breakpoint(id)

    def _c_message(self, text):
        self.message(text.decode(errors="replace"))

    def _c_preload(self, library, variable):
        self.preload(self._decode(library), self._decode(variable))

    def _c_environment(self, name, buffer, size):
        value = self.encode(self.environment(name.decode()))[: size - 1]
        ctypes.memmove(buffer, value + b"\0", len(value) + 1)

    def _c_write_memory(self, address, data, size):
        self.write_memory(address, ctypes.string_at(data, size))

    def _c_threads(self, emit, emit_arg):
        for thread in self.threads():
            if emit(emit_arg, ctypes.byref(binding.Thread(*thread))) != binding.OK:
                raise RuntimeError("the core refused a thread")

    def _c_select_thread(self, key):
        self.select_thread(key)

    def _c_call_function(self, address, arguments, count, alone, timeout_ms, ret):
        words = [arguments[i] for i in range(count)]
        ret[0] = self.call_function(address, words, bool(alone), timeout_ms / 1000)

    def _c_run_to(self, address, timeout_ms):
        self.run_to(address, timeout_ms / 1000)

    def _c_breakpoints(self, emit, emit_arg):
        for address in self.breakpoints():
            if emit(emit_arg, address) != binding.OK:
                raise RuntimeError("the core refused a breakpoint")

    def _c_skips(self, emit, emit_arg):
        for skip in self.skips():
            names = [name and self.encode(name) for name in skip[:3]]
            if emit(emit_arg, ctypes.byref(binding.Skip(*names, *skip[3:]))) != binding.OK:
                raise RuntimeError("the core refused a skip")

    def _c_set_variable(self, name, number):
        self.set_variable(name.decode(), number)

    def _c_quit(self, status):
        self.quit(status)

    def _c_select_frame(self, key, pc, inlined):
        self.select_frame(key, pc, inlined)

    def _c_evaluate(self, expression, ret):
        ret[0] = self.evaluate(expression.decode()) & _WORD_MASK

    def _c_pointers(self, expression, depth, emit, emit_arg):
        for name, value in self.pointers(expression.decode(), depth):
            if emit(emit_arg, self.encode(name), value & _WORD_MASK) != binding.OK:
                raise RuntimeError("the core refused a pointer")

    def _c_insert_watchpoint(self, address, size):
        self.insert_watchpoint(address, size)

    def _c_end_watchpoint(self, ret):
        ret[0] = self.end_watchpoint()

    def _c_insert_catch(self, id):
        self.insert_catch(id)

    def _c_catch_number(self, id, ret):
        ret[0] = self.catch_number(id)

    def _c_ask_catch(self, id, pc, inlined, reason, ret):
        ret[0] = self.ask_catch(id, pc, inlined, reason.decode())

    def _c_remove_catch(self, id):
        self.remove_catch(id)

    def _c_reason(self, text, size):
        line = self.reason().encode(errors="backslashreplace")[: size - 1]
        ctypes.memmove(text, line + b"\0", len(line) + 1)

    def _c_progress(self, text):
        self.progress(text if text is None else text.decode(errors="replace"))
        if self._interrupt is not None:
            raise KeyboardInterrupt


def _by_search_order(modules):
    """Debuggers list the dynamic linker early, where they found it; it is searched last."""
    modules = list(dict.fromkeys(modules))
    linkers = [module for module in modules[1:] if os.path.basename(module[0]).startswith("ld-")]
    return [module for module in modules if module not in linkers] + linkers
