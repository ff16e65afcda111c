"""The primitives of struct tmpalloc_host in LLDB."""

import lldb

from tmpalloc import binding
from tmpalloc.host import ProcessInfo, Skip, ThreadInfo
from tmpalloc.progress import show
from tmpalloc_lldb_breakpoints import NAME
from tmpalloc_lldb_calls import call, run_to
from tmpalloc_lldb_catches import find_frame, outermost_frame
from tmpalloc_lldb_events import LldbEvents
from tmpalloc_lldb_process import (
    ALIVE,
    addresses,
    asks_for_batch,
    checked,
    ending,
    identity,
    is_held,
    loaded_files,
    program,
    stop_signal,
)
from tmpalloc_lldb_variables import evaluate, pointers, set_variable

_INDEX_BITS = 32
_INDEX_MASK = (1 << _INDEX_BITS) - 1

#: Registers that LLDB gives without a slow lookup by name.
_FAST_REGISTERS = {
    "sp": lldb.SBFrame.GetSP,
    "rsp": lldb.SBFrame.GetSP,
    "pc": lldb.SBFrame.GetPC,
    "rip": lldb.SBFrame.GetPC,
    "fp": lldb.SBFrame.GetFP,
    "rbp": lldb.SBFrame.GetFP,
}


class LldbHost(LldbEvents):
    """Primitives of LLDB."""

    encoding = "utf-8"  # whatever the locale
    expressions_map = True
    batch = asks_for_batch()

    def __init__(self, debugger, module):
        super().__init__(debugger, module)
        self._thread = None  # that the core has selected
        self._watchpoint = None
        self._preloads = None  # a target and its own LD_PRELOAD setting

    def _selected_frame(self):
        thread = self._thread or self.selected_process().GetSelectedThread()
        return self._here.frame or thread.GetFrameAtIndex(0)

    def process(self):
        process = self.selected_process()
        state = process.GetState()
        core = process.GetCoreFile().fullpath
        if state not in ALIVE or core or self._here.is_over:
            return self._no_process(core or "")
        known, target = identity(process), process.GetTarget()
        local = self.is_local(known)
        if local and not self._here.frame and not is_held(known[1]):
            return self._no_process("")
        return ProcessInfo(
            pid=known[1],
            stopped=state == lldb.eStateStopped,
            local=local,
            architecture=target.GetTriple().partition("-")[0],
            executable=program(target),
            signal=self._signal,
            target=self.target_number(target),
        )

    def _no_process(self, core_file):
        target = self.debugger.GetSelectedTarget()
        local = self.debugger.GetSelectedPlatform().GetName() == "host"
        ended = (stop_signal(target.GetProcess()), -1) if core_file else self._ending()
        process = None if core_file or self._here.frame else target.GetProcess()
        return ProcessInfo(
            0,
            False,
            local,
            "",
            program(target),
            core_file,
            *ended,
            target=self.target_number(target),
            ended_pid=process.GetProcessID() if process else 0,
        )

    def _ending(self):
        process = self.selected_process()
        if self._ended[0] != identity(process):
            packets = self.command(process, "process plugin packet history")
            self._ended = identity(process), ending(process, packets, self._signal)
        return self._ended[1]

    def modules(self):
        process = self.selected_process()
        files = loaded_files(process.GetTarget())
        self._files = (identity(process), len(files))
        return files

    def read_memory(self, address, size):
        error = lldb.SBError()
        data = self.selected_process().ReadMemory(address, size, error)
        checked(error)
        return data

    def read_register(self, name):
        frame = self._selected_frame()
        if not frame:
            raise RuntimeError("no frame")
        fast = _FAST_REGISTERS.get(name)
        if fast:
            return fast(frame)
        error = lldb.SBError()
        value = frame.FindRegister(name).GetValueAsUnsigned(error)
        checked(error)
        return value

    def current_thread(self):
        thread = self._selected_frame().GetThread()
        unique, pid = identity(thread.GetProcess())
        key = unique << _INDEX_BITS | thread.GetIndexID()
        return ThreadInfo(key, thread.GetThreadID(), pid, thread.GetIndexID())

    def thread_alive(self, key):
        process = self.selected_process()
        if process.GetUniqueID() != key >> _INDEX_BITS:
            return False
        return process.GetThreadByIndexID(key & _INDEX_MASK).IsValid()

    def insert_breakpoint(self, id, address, kind):
        process = self.selected_process()
        target = process.GetTarget()
        if kind == binding.HARDWARE:
            breakpoint = self.hardware_breakpoint(target, address)
        else:
            breakpoint = self.take_back(target, address) or target.BreakpointCreateByAddress(address)
        if not self._here.frame:
            self.define_names(target)
        breakpoint.AddName(NAME)
        if breakpoint.GetNumResolvedLocations() == 0:
            self.retire(breakpoint)
            raise RuntimeError(f"no breakpoint at {address:#x}")
        self._breakpoints[id] = breakpoint
        self._ids[breakpoint.GetID()] = id
        if kind == binding.LAST:
            self._exits.add(breakpoint.GetID())
        self._process, self._tracked = process, identity(process)

    def enable_breakpoint(self, id, enabled):
        self._breakpoints[id].SetEnabled(enabled)

    def remove_breakpoint(self, id):
        breakpoint = self._breakpoints.pop(id)
        self._ids.pop(breakpoint.GetID(), None)
        self._exits.discard(breakpoint.GetID())
        if not self._breakpoints:
            self._process = self._tracked = None
        self.retire(breakpoint)

    def message(self, text):
        output = self.debugger.GetOutputFile()
        output.Write((text + "\n").encode())
        output.Flush()  # an IDE reads it

    def preload(self, library, variable):
        self._unload_preload()
        if library is None:
            return
        target = self.debugger.GetSelectedTarget()
        libraries = self.environment("LD_PRELOAD")
        own = "LD_PRELOAD=" in self.command(target, "settings show target.env-vars")
        first = f"{library}:{libraries}" if libraries else library
        name, _, value = variable.partition("=")
        for key, text in ("LD_PRELOAD", first), (name, value):
            self.command(target, f'settings append target.env-vars {key}="{text}"')
        self._preloads = target, {"LD_PRELOAD": libraries if own else None, name: None}

    def _unload_preload(self):
        preloads, self._preloads = self._preloads, None
        for name, value in preloads[1].items() if preloads else ():
            self.command(preloads[0], f"settings remove target.env-vars {name}")
            if value is not None:
                self.command(preloads[0], f'settings append target.env-vars {name}="{value}"')

    def environment(self, name):
        return self.debugger.GetSelectedTarget().GetEnvironment().Get(name) or ""

    def write_memory(self, address, data):
        error = lldb.SBError()
        written = self.selected_process().WriteMemory(address, data, error)
        checked(error)
        if written != len(data):
            raise RuntimeError(f"{written} of {len(data)} bytes at {address:#x}")

    def threads(self):
        process = self.selected_process()
        selected = process.GetSelectedThread()
        unique, pid = identity(process)
        threads = [selected, *(t for t in process if t.GetIndexID() != selected.GetIndexID())]
        for thread in threads:
            key = unique << _INDEX_BITS | thread.GetIndexID()
            yield ThreadInfo(key, thread.GetThreadID(), pid, thread.GetIndexID())

    def select_thread(self, key):
        process = self.selected_process()
        self._thread = process.GetThreadByIndexID(key & _INDEX_MASK) if key else None

    def call_function(self, address, arguments, alone, seconds):
        return call(self._selected_frame(), address, arguments, alone, seconds)

    def run_to(self, address, seconds):
        run_to(self.debugger, self._selected_frame().GetThread(), address, seconds)

    def breakpoints(self):
        target = self.selected_process().GetTarget()
        for breakpoint in target.breakpoint_iter():
            if not self.is_ours(breakpoint):
                yield from addresses(breakpoint)

    def skips(self):
        expression, *libraries = [
            self._settings(f"target.process.thread.step-avoid-{name}")
            for name in ("regexp", "libraries")
        ]
        yield from (Skip(function=text, is_expression=1) for text in expression)
        yield from (Skip(library=path) for paths in libraries for path in paths)

    def _settings(self, name):
        """The values of a setting, none when it is empty."""
        values = lldb.SBDebugger.GetInternalVariableValue(name, self.debugger.GetInstanceName())
        return [value for value in map(values.GetStringAtIndex, range(values.GetSize())) if value]

    def set_variable(self, name, number):
        target = self.debugger.GetSelectedTarget() or self.debugger.GetDummyTarget()
        set_variable(target, f"$tmpalloc_{name}", number)

    def evaluate(self, expression):
        frame = self.selected_process().GetSelectedThread().GetSelectedFrame()
        return evaluate(self.debugger.GetSelectedTarget(), frame, expression)

    def pointers(self, expression, depth):
        frame = self.selected_process().GetSelectedThread().GetSelectedFrame()
        return pointers(self.debugger.GetSelectedTarget(), frame, expression, depth)

    def select_frame(self, key, pc, inlined):
        process = self.selected_process()
        thread = process.GetThreadByIndexID(key & _INDEX_MASK)
        frame = find_frame(thread, pc, inlined)
        if not frame:
            frame = outermost_frame(thread)
            self.message(f"tmpalloc: LLDB's call stack ends at {frame.GetFunctionName()}")
        process.SetSelectedThread(thread)
        thread.SetSelectedFrame(frame.GetFrameID())
        self.steps.show(frame)

    def insert_catch(self, id):
        self.catches.insert(self.debugger.GetSelectedTarget(), id)

    def catch_number(self, id):
        return self.catches.number(id)

    def ask_catch(self, id, pc, inlined, reason):
        frame = self._selected_frame()
        if pc:
            thread = frame.GetThread()
            frame = find_frame(thread, pc, inlined) or outermost_frame(thread)
        return self.catches.ask(id, frame, reason)

    def remove_catch(self, id):
        self.catches.remove(id)

    def insert_watchpoint(self, address, size):
        error = lldb.SBError()
        target = self.selected_process().GetTarget()
        self._watchpoint = target.WatchAddress(address, size, True, True, error)
        checked(error)

    def end_watchpoint(self):
        ended, self._watchpoint = self._watchpoint, None
        hits = ended.GetHitCount()
        if not self.selected_process().GetTarget().DeleteWatchpoint(ended.GetID()):
            raise RuntimeError("the user has deleted it, or the process is gone")
        return hits

    def progress(self, text):
        show(text)
        # The first control-C is noted by LLDB, the next one raised in Python code.
        if self.debugger.GetCommandInterpreter().WasInterrupted():
            raise KeyboardInterrupt

    def quit(self, status):
        self.exit_status = status
