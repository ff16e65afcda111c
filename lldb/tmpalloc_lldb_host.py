"""The primitives of struct tmpalloc_host in LLDB."""

import os
import re

import lldb

from tmpalloc import binding
from tmpalloc.host import Host, ProcessInfo, ThreadInfo, Unsupported
from tmpalloc_lldb_calls import call, run_to

#: LLDB's names for our breakpoints.  They also carry the callback: LLDB generates code when a
#: callback is given to a breakpoint, and that fails while another callback runs.
_NAME = "tmpalloc"
_LOADER_NAME = "tmpalloc_loader"
_ALIVE = (lldb.eStateStopped, lldb.eStateSuspended, lldb.eStateRunning, lldb.eStateStepping)
#: Offset of r_state in struct r_debug of <link.h>, and its value before files are unloaded.  A
#: breakpoint that is in a file when it is unloaded can't be set again: LLDB's server believes that
#: it still is.
_STATE_OFFSET, _RT_DELETE = 24, 2
#: Names of the function that ends a process, of which LLDB knows one.
_EXITS = ("_exit", "_Exit", "__GI__exit")
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


def _checked(error):
    if error.Fail():
        raise RuntimeError(error.GetCString())


def _identity(process):
    """What tells processes apart; a fork that LLDB follows changes only the second number."""
    return process.GetUniqueID(), process.GetProcessID()


def _status_number(pid, name):
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return int(fields[name])


def _is_own_child(pid):
    """Whether `pid` is traced by the server that this LLDB started on this machine."""
    try:
        return _status_number(_status_number(pid, "TracerPid"), "PPid") == os.getpid()
    except (OSError, KeyError):
        return False


def _loaded_files(target):
    """(path, run-time address of .text) of the target's files, the executable first."""
    executable = target.GetExecutable().fullpath
    files = []
    for module in target.module_iter():
        path = module.GetFileSpec().fullpath or ""
        section = module.FindSection(".text")
        address = section.GetLoadAddress(target) if section else lldb.LLDB_INVALID_ADDRESS
        if address != lldb.LLDB_INVALID_ADDRESS and os.path.isfile(path):
            files.append((os.path.abspath(path), address))
    return sorted(files, key=lambda file: file[0] != executable)


def _loader_address(target):
    """Where the dynamic linker reports changes, or where a static executable begins."""
    executable = target.FindModule(target.GetExecutable())
    name = executable.FindSection(".interp")
    if not name:
        # LLDB itself starts a static program at its first instruction, where no breakpoint is hit.
        entry = executable.GetObjectFileEntryPointAddress()
        return target.ReadInstructions(entry, 2)[1].GetAddress()
    path = os.path.realpath(name.GetSectionData().GetString(lldb.SBError(), 0))
    loader = target.FindModule(lldb.SBFileSpec(path))
    if not loader:
        # A breakpoint by name would wait for the file too, but announce itself at each run.
        wanted = lldb.SBModuleSpec()
        wanted.SetFileSpec(lldb.SBFileSpec(path))
        wanted.SetTriple(target.GetTriple())
        loader = lldb.SBModule(wanted)
    return loader.FindSymbol("_dl_debug_state").GetStartAddress()


def _addresses(breakpoint):
    """Run-time addresses of a breakpoint's locations."""
    addresses = [location.GetLoadAddress() for location in breakpoint]
    return [address for address in addresses if address != lldb.LLDB_INVALID_ADDRESS]


class LldbHost(Host):
    """Primitives of LLDB."""

    def __init__(self, debugger, module):
        super().__init__()
        self.session = None
        self.debugger = debugger
        self._module = module  # whose on_hit and on_loader LLDB calls
        self._frame = None  # of the thread whose hit is handled
        self._handled = (0, set())  # number of the stop, threads and breakpoints that hit
        self._breakpoints = {}  # by the core's numbers
        self._exits = set()  # LLDB's numbers of those where the process ends
        self._ids = {}  # the core's numbers by LLDB's
        self._process = None  # that has our breakpoints, or was started to get them
        self._tracked = None  # its identity then
        self._loader = None  # breakpoint that follows the dynamic linker
        self._stop_hook = None  # a target and the number of its hook
        self._files = (None, 0)  # a process and how many files it had
        self._stop = None
        self._local = (None, False)
        self._thread = None  # that the core has selected
        self._preloads = None  # a target and its own LD_PRELOAD setting
        self._places = set()  # of the user's breakpoints, as they were told

    # LLDB calls no script when files are loaded, a process ends, or it executes another program.
    # Files are noticed at a breakpoint in the dynamic linker; the rest by looking, there, at hits,
    # at the user's stops and before each command.

    def follow_loader(self):
        """Begins to notice loaded files in the selected target, started or not."""
        self.leave_loader()
        target = self.debugger.GetSelectedTarget()
        self._loader = target.BreakpointCreateBySBAddress(_loader_address(target))
        self._define_names(target)
        self._loader.AddName(_LOADER_NAME)
        added = self._command(target, f"target stop-hook add -P {self._module}.StopHook")
        self._stop_hook = target, re.search(r"\d+", added)[0]

    def _define_names(self, target):
        names = lldb.SBStringList()
        target.GetBreakpointNames(names)
        for word, callback in (_NAME, "on_hit"), (_LOADER_NAME, "on_loader"):
            if word not in names:
                name = lldb.SBBreakpointName(target, word)
                name.SetHelpString("breakpoints of the extension tmpalloc")
                # `breakpoint list`, `delete` and `disable` are about the user's own.
                name.SetAllowList(False)
                name.SetAllowDelete(False)
                name.SetAllowDisable(False)
                name.SetScriptCallbackFunction(
                    f"{self._module}.{callback}", lldb.SBStructuredData()
                )

    def leave_loader(self):
        """Undoes follow_loader()."""
        if self._stop_hook:
            self._command(self._stop_hook[0], f"target stop-hook delete {self._stop_hook[1]}")
        self._stop_hook = None
        if self._loader and self._loader.IsValid():
            self._loader.GetTarget().BreakpointDelete(self._loader.GetID())
        self._loader = None

    def loader_hit(self, frame):
        """Files have just been loaded or unloaded, or are about to be."""
        process = frame.GetThread().GetProcess()
        self._frame = frame
        try:
            self.notice_changes()
            if self._tracked in (None, _identity(process)):
                self._notice_exec(process)
                self._process, self._tracked = process, _identity(process)
                self.session.event(binding.EVENT_MODULES)
                if self._is_unloading(process):
                    self.session.event(binding.EVENT_UNLOADING)
        finally:
            self._frame = None

    def _is_unloading(self, process):
        """Whether the dynamic linker is about to unload files: see r_state in <link.h>."""
        loader = self._loader.GetLocationAtIndex(0).GetAddress().GetModule()
        symbol = loader.FindSymbol("_r_debug")
        if not symbol:  # a stripped static executable
            return False
        address = symbol.GetStartAddress().GetLoadAddress(process.GetTarget())
        error = lldb.SBError()
        state = process.ReadUnsignedFromMemory(address + _STATE_OFFSET, 4, error)
        return error.Success() and state == _RT_DELETE

    def notice_changes(self):
        """Reports that the tracked process is gone."""
        process = self._process
        if process and (process.GetState() not in _ALIVE or _identity(process) != self._tracked):
            self.session.event(binding.EVENT_EXITED)
            self._process = self._tracked = None
            if process.GetState() not in _ALIVE:
                self.leave_loader()

    def notice_breakpoints(self):
        """Reports new places of the user's breakpoints."""
        if self._tracked:
            before, self._places = self._places, set(self.breakpoints())
            if not self._places <= before:
                self.session.event(binding.EVENT_BREAKPOINTS)

    def notice_stop(self):
        """Reports that the user got a prompt since the last command."""
        process = self._selected_process()
        stop = (_identity(process), process.GetStopID())
        if self._tracked not in (None, stop[0]) or process.GetState() != lldb.eStateStopped:
            return
        if stop != self._stop:
            self._stop = stop
            self._handle_interrupted_hits(process)
            if any(thread.GetStopReason() == lldb.eStopReasonExec for thread in process):
                self._files = (None, 0)
                self.session.event(binding.EVENT_EXECED)
            signal = any(t.GetStopReason() == lldb.eStopReasonSignal for t in process)
            self.session.event(binding.EVENT_SIGNALED if signal else binding.EVENT_STOPPED)

    def _handle_interrupted_hits(self, process):
        """LLDB calls back for no hit at which the user's interrupt stopped the program."""
        for thread in process:
            if thread.GetStopReason() != lldb.eStopReasonBreakpoint:
                continue
            for i in range(0, thread.GetStopReasonDataCount(), 2):
                number = thread.GetStopReasonDataAtIndex(i)
                hit = (process.GetStopID(), (thread.GetIndexID(), number))
                if number in self._ids and not self._is_handled(*hit):
                    self.hit(thread.GetFrameAtIndex(0), number)

    def _notice_exec(self, process):
        """The first report of a program's dynamic linker comes before any library is loaded."""
        known, before = self._files
        self._files = (_identity(process), len(_loaded_files(process.GetTarget())))
        if known == self._files[0] and self._files[1] < min(before, 3):
            self.session.event(binding.EVENT_EXECED)

    def hit(self, frame, number):
        """Forwards a hit of LLDB's breakpoint `number`."""
        process = frame.GetThread().GetProcess()
        if _identity(process) == self._tracked:
            self._frame = frame
            self._note_handled(process.GetStopID(), (frame.GetThread().GetIndexID(), number))
            try:
                self.session.breakpoint_hit(self._ids[number])
            finally:
                self._frame = None
            if number in self._exits:
                self._leave_others_stopped(frame)
        elif self._tracked and process.GetUniqueID() == self._tracked[0]:
            self._fork_hit(frame)

    def _leave_others_stopped(self, frame):
        """The process may end before LLDB's server has resumed all its threads, which it then takes
        for a failure: it is to resume one.
        """
        exiting = frame.GetThread().GetIndexID()
        for thread in frame.GetThread().GetProcess():
            if thread.GetIndexID() != exiting:
                thread.Suspend()

    def _is_handled(self, stop, hit):
        return self._handled[0] == stop and hit in self._handled[1]

    def _note_handled(self, stop, hit):
        if self._handled[0] != stop:
            self._handled = (stop, set())
        self._handled[1].add(hit)

    def _fork_hit(self, frame):
        """The first hit in a child that LLDB followed: the core sets its breakpoints anew."""
        address = frame.GetPC()
        self.loader_hit(frame)
        for breakpoint in list(self._breakpoints.values()):
            if breakpoint.GetLocationAtIndex(0).GetLoadAddress() == address:
                self.hit(frame, breakpoint.GetID())

    def _selected_process(self):
        if self._frame:
            return self._frame.GetThread().GetProcess()
        return self.debugger.GetSelectedTarget().GetProcess()

    def _selected_frame(self):
        thread = self._thread or self._selected_process().GetSelectedThread()
        return self._frame or thread.GetFrameAtIndex(0)

    def process(self):
        process = self._selected_process()
        state = process.GetState()
        core = process.GetCoreFile().fullpath
        if state not in _ALIVE or core:
            return self._no_process(core or "")
        identity, target = _identity(process), process.GetTarget()
        if self._local[0] != identity:
            self._local = (identity, _is_own_child(identity[1]))
        return ProcessInfo(
            pid=identity[1],
            stopped=state == lldb.eStateStopped,
            local=self._local[1],
            architecture=target.GetTriple().partition("-")[0],
            executable=target.GetExecutable().fullpath or "",
        )

    def _no_process(self, core_file):
        target = self.debugger.GetSelectedTarget()
        local = self.debugger.GetSelectedPlatform().GetName() == "host"
        return ProcessInfo(0, False, local, "", target.GetExecutable().fullpath or "", core_file)

    def modules(self):
        process = self._selected_process()
        files = _loaded_files(process.GetTarget())
        self._files = (_identity(process), len(files))
        return files

    def read_memory(self, address, size):
        error = lldb.SBError()
        data = self._selected_process().ReadMemory(address, size, error)
        _checked(error)
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
        _checked(error)
        return value

    def current_thread(self):
        thread = self._selected_frame().GetThread()
        unique, pid = _identity(thread.GetProcess())
        key = unique << _INDEX_BITS | thread.GetIndexID()
        return ThreadInfo(key, thread.GetThreadID(), pid)

    def thread_alive(self, key):
        process = self._selected_process()
        if process.GetUniqueID() != key >> _INDEX_BITS:
            return False
        return process.GetThreadByIndexID(key & _INDEX_MASK).IsValid()

    def insert_breakpoint(self, id, address, hardware):
        process = self._selected_process()
        target = process.GetTarget()
        if hardware:
            breakpoint = self._hardware_breakpoint(target, address)
        else:
            breakpoint = target.BreakpointCreateByAddress(address)
        if breakpoint.GetNumResolvedLocations() == 0:
            target.BreakpointDelete(breakpoint.GetID())
            raise RuntimeError(f"no breakpoint at {address:#x}")
        if not self._frame:
            self._define_names(target)
        breakpoint.AddName(_NAME)
        self._breakpoints[id] = breakpoint
        self._ids[breakpoint.GetID()] = id
        if breakpoint.GetLocationAtIndex(0).GetAddress().GetSymbol().GetName() in _EXITS:
            self._exits.add(breakpoint.GetID())
        self._process, self._tracked = process, _identity(process)

    def _hardware_breakpoint(self, target, address):
        # LLDB sets one that the target refuses without an error, but with a warning for the user:
        # ask the target first.
        if "OK" not in self._command(target, f"process plugin packet send Z1,{address:x},1"):
            raise Unsupported("no hardware breakpoint")
        self._command(target, f"process plugin packet send z1,{address:x},1")
        self._command(target, f"breakpoint set -H -a {address:#x}")
        return target.GetBreakpointAtIndex(target.GetNumBreakpoints() - 1)

    def _command(self, target, line):
        result = lldb.SBCommandReturnObject()
        context = lldb.SBExecutionContext(target)
        self.debugger.GetCommandInterpreter().HandleCommand(line, context, result)
        return result.GetOutput() or ""

    def enable_breakpoint(self, id, enabled):
        self._breakpoints[id].SetEnabled(enabled)

    def remove_breakpoint(self, id):
        breakpoint = self._breakpoints.pop(id)
        self._ids.pop(breakpoint.GetID(), None)
        self._exits.discard(breakpoint.GetID())
        if not self._breakpoints:
            self._process = self._tracked = None
        if breakpoint.IsValid():
            breakpoint.GetTarget().BreakpointDelete(breakpoint.GetID())

    def message(self, text):
        self.debugger.GetOutputFile().Write((text + "\n").encode())

    def preload(self, library, variable):
        self._unload_preload()
        if library is None:
            return
        target = self.debugger.GetSelectedTarget()
        environment = target.GetEnvironment()
        libraries = environment.Get("LD_PRELOAD")
        own = "LD_PRELOAD=" in self._command(target, "settings show target.env-vars")
        first = f"{library}:{libraries}" if libraries else library
        name, _, value = variable.partition("=")
        for key, text in ("LD_PRELOAD", first), (name, value):
            self._command(target, f'settings append target.env-vars {key}="{text}"')
        self._preloads = target, {"LD_PRELOAD": libraries if own else None, name: None}

    def _unload_preload(self):
        preloads, self._preloads = self._preloads, None
        for name, value in preloads[1].items() if preloads else ():
            self._command(preloads[0], f"settings remove target.env-vars {name}")
            if value is not None:
                self._command(preloads[0], f'settings append target.env-vars {name}="{value}"')

    def write_memory(self, address, data):
        error = lldb.SBError()
        written = self._selected_process().WriteMemory(address, data, error)
        _checked(error)
        if written != len(data):
            raise RuntimeError(f"{written} of {len(data)} bytes at {address:#x}")

    def threads(self):
        process = self._selected_process()
        selected = process.GetSelectedThread()
        unique, pid = _identity(process)
        threads = [selected, *(t for t in process if t.GetIndexID() != selected.GetIndexID())]
        for thread in threads:
            key = unique << _INDEX_BITS | thread.GetIndexID()
            yield ThreadInfo(key, thread.GetThreadID(), pid)

    def select_thread(self, key):
        process = self._selected_process()
        self._thread = process.GetThreadByIndexID(key & _INDEX_MASK) if key else None

    def call_function(self, address, arguments, alone, seconds):
        return call(self._selected_frame(), address, arguments, alone, seconds)

    def run_to(self, address, seconds):
        run_to(self.debugger, self._selected_frame().GetThread(), address, seconds)

    def breakpoints(self):
        target = self._selected_process().GetTarget()
        for breakpoint in target.breakpoint_iter():
            if breakpoint.GetID() not in self._ids and breakpoint != self._loader:
                yield from _addresses(breakpoint)
