"""What happens to the tracked process in LLDB: its hits, stops and end, its files and breakpoints."""

import os
import re
import threading

import lldb

from tmpalloc import binding
from tmpalloc.host import AGENT
from tmpalloc_lldb_breakpoints import LOADER_NAME, LldbBreakpoints
from tmpalloc_lldb_catches import Catches
from tmpalloc_lldb_process import (
    ALIVE,
    await_end,
    identity,
    is_held,
    is_own_child,
    loaded_files,
    stop_signal,
)
from tmpalloc_lldb_steps import Steps

#: Words before r_state in struct r_debug of <link.h>, and its value before files are unloaded.  A
#: breakpoint that is in a file when it is unloaded can't be set again: LLDB's server believes that
#: it still is.
_STATE_WORDS, _RT_DELETE = 3, 2


def _loader_address(target):
    """Where the dynamic linker reports changes, or where a static executable begins."""
    executable = target.FindModule(target.GetExecutable())
    name = executable.FindSection(".interp")
    if not name and os.path.basename(executable.GetFileSpec().fullpath).startswith("ld"):
        return executable.FindSymbol("_dl_debug_state").GetStartAddress()
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


def _is_gone(process):
    """Whether a process has ended, or another one is in its place: LLDB may say the first later."""
    now = process.GetTarget().GetProcess()
    return process.GetState() not in ALIVE or now.GetUniqueID() != process.GetUniqueID()


class _Here(threading.local):
    """What is going on in a thread of LLDB."""

    frame = None  #: of the thread whose hit is handled
    is_over = False  #: whether the end of the process is told


class LldbEvents(LldbBreakpoints):
    """The part of the host that notices.

    LLDB calls no script when files are loaded, a process ends, or it executes another program.
    Files are noticed at a breakpoint in the dynamic linker; the rest by looking, there, at hits, at
    the user's stops and before each command.
    """

    def __init__(self, debugger, module):
        super().__init__(debugger, module)
        self.session = None
        self._here = _Here()
        self._handled = (0, set())  # number of the stop, threads and breakpoints that hit
        self._process = None  # that has our breakpoints, or was started to get them
        self._tracked = None  # its identity then
        self._stop_hook = None  # a target and the number of its hook
        self.catches = Catches(self, module)
        self.steps = Steps(self, f"{module}.StepPlan")
        self._targets = []  # in the order in which the core got to know them
        self._files = (None, 0)  # a process and how many files it had
        self._stop = None
        self._signal = 0  # by which the process stopped
        self._ended = (None, None)  # a process, and how it ended
        self._local = (None, False)  # a process and whether its server is on this machine
        self._places = set()  # of the user's breakpoints, as they were told

    def follow_loader(self):
        """Begins to notice loaded files in the selected target, started or not."""
        self.leave_loader()
        target = self.debugger.GetSelectedTarget()
        self.define_names(target)
        # Of a program in another root LLDB may have no file.
        if target.GetExecutable():
            self._loader = target.BreakpointCreateBySBAddress(_loader_address(target))
            self._loader.AddName(LOADER_NAME)
        added = self.command(target, f"target stop-hook add -P {self._module}.StopHook")
        number = re.search(r"\d+", added)
        if not number:  # LLDB executes no command in one that the user has interrupted
            raise KeyboardInterrupt
        self._stop_hook = target, number[0]

    def leave_loader(self):
        """Undoes follow_loader()."""
        if self._stop_hook:
            self._retired_hooks.append(self._stop_hook)
        if self._loader:
            self.retire(self._loader)
        self._stop_hook = self._loader = None

    def loader_hit(self, frame):
        """Files have just been loaded or unloaded, or are about to be."""
        process = frame.GetThread().GetProcess()
        self._here.frame = frame
        try:
            self.notice_changes()
            # The hit may be one of the next process, which is not tracked.
            if self._loader and self._tracked in (None, identity(process)):
                self._notice_exec(process)
                self._process, self._tracked = process, identity(process)
                self._disable_in_agent()
                self.session.event(binding.EVENT_MODULES)
                if self._is_unloading(process):
                    self.session.event(binding.EVENT_UNLOADING)
        finally:
            self._here.frame = None

    def _is_unloading(self, process):
        """Whether the dynamic linker is about to unload files: see r_state in <link.h>."""
        loader = self._loader.GetLocationAtIndex(0).GetAddress().GetModule()
        symbol = loader.FindSymbol("_r_debug")
        if not symbol:  # a stripped static executable
            return False
        address = symbol.GetStartAddress().GetLoadAddress(process.GetTarget())
        error = lldb.SBError()
        place = address + _STATE_WORDS * process.GetAddressByteSize()
        state = process.ReadUnsignedFromMemory(place, 4, error)
        return error.Success() and state == _RT_DELETE

    def notice(self):
        """Reports what has happened since it was called last."""
        self.notice_changes()
        self.notice_stop()
        self.notice_breakpoints()

    def notice_in_hook(self):
        """notice() for the hook itself, which LLDB's walk is at until it returns.

        True when the program is to go on: by commands of a catch, or to the end of a step.
        """
        with self._hook_runs:
            thread = self.selected_process().GetSelectedThread()
            if self.steps.go_on(thread):
                return True
            self.notice()
            thread = self.selected_process().GetSelectedThread()
            context = lldb.SBExecutionContext(thread.GetSelectedFrame())
            return self.catches.execute_commands(context)

    def notice_changes(self):
        """Reports that the tracked process is gone."""
        process, tracked = self._process, self._tracked
        if process is None:
            return
        gone = _is_gone(process) or self._is_let_go(tracked)
        if gone or identity(process) != tracked:
            if gone and not self._here.frame:
                await_end(process)
            self._here.is_over = gone
            try:
                self.session.event(binding.EVENT_EXITED)
            finally:
                self._here.is_over = False
            self._process = self._tracked = None

    def target_number(self, target):
        """A number that no other target gets."""
        if target not in self._targets:
            self._targets.append(target)
        return 1 + self._targets.index(target)

    def is_local(self, known):
        """Whether a process with this identity, which is debugged now, is on this machine."""
        if self._local[0] != known:
            self._local = (known, is_own_child(known[1]))
        return self._local[1]

    def _is_let_go(self, tracked):
        """Whether LLDB has killed or detached the process and doesn't say so yet."""
        return not self._here.frame and self._local == (tracked, True) and not is_held(tracked[1])

    def _disable_in_agent(self):
        """A breakpoint on malloc is about the allocator's, not about what calls it on the way."""
        for breakpoint in self.selected_process().GetTarget().breakpoint_iter():
            for location in breakpoint if breakpoint.GetNumLocations() > 1 else ():
                module = location.GetAddress().GetModule()
                if location.IsEnabled() and module.GetFileSpec().basename == AGENT:
                    location.SetEnabled(False)

    def notice_breakpoints(self):
        """Reports new places of the user's breakpoints."""
        if self._tracked:
            self._disable_in_agent()
            before, self._places = self._places, set(self.breakpoints())
            if not self._places <= before:
                self.session.event(binding.EVENT_BREAKPOINTS)

    def notice_stop(self):
        """Reports that the user got a prompt since the last command."""
        process = self.selected_process()
        stop = (identity(process), process.GetStopID())
        if self._tracked not in (None, stop[0]) or process.GetState() != lldb.eStateStopped:
            return
        if stop != self._stop:
            self._stop = stop
            self._handle_interrupted_hits(process)
            if any(thread.GetStopReason() == lldb.eStopReasonExec for thread in process):
                self._files = (None, 0)
                self.session.event(binding.EVENT_EXECED)
            self._signal = stop_signal(process)
            self.session.event(binding.EVENT_SIGNALED if self._signal else binding.EVENT_STOPPED)

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
        self._files = (identity(process), len(loaded_files(process.GetTarget())))
        if known == self._files[0] and self._files[1] < min(before, 3):
            self.session.event(binding.EVENT_EXECED)

    def hit(self, frame, number):
        """Forwards a hit of LLDB's breakpoint `number`; True when the program is to stop there."""
        stops = False
        process = frame.GetThread().GetProcess()
        self.catches.forget_stop()
        if identity(process) == self._tracked:
            self._here.frame = frame
            self._note_handled(process.GetStopID(), (frame.GetThread().GetIndexID(), number))
            try:
                id = self._ids.get(number)  # None: it was retired meanwhile
                stops = id is not None and self.session.breakpoint_hit(id)
            finally:
                self._here.frame = None
            if number in self._exits:
                self._leave_others_stopped(frame)
        elif self._tracked and process.GetUniqueID() == self._tracked[0]:
            self._fork_hit(frame)
        return stops

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

    def selected_process(self):
        """The process whose hit is handled, else the one that the user has selected."""
        if self._here.frame:
            return self._here.frame.GetThread().GetProcess()
        return self.debugger.GetSelectedTarget().GetProcess()
