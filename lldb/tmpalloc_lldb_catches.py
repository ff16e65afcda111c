"""Breakpoints of the user in LLDB that stand for catches."""

import json

import lldb

from tmpalloc import binding

#: What lets the program go on when it is a breakpoint's command, and what none can do.
_CONTINUES = ("process continue", "thread continue")
_STEPS = ("thread step-", "thread until", "thread return", "process launch", "process kill")


def find_frame(thread, pc, inlined):
    """The innermost frame with this pc, or of the inlined ones there the one so many further out."""
    frames = iter(thread)
    frame = next((frame for frame in frames if frame.GetPC() == pc), None)
    if frame is None:
        raise RuntimeError(f"no frame at {pc:#x}")
    for _ in range(inlined):
        if frame.IsInlined():
            frame = next(frames)
    return frame


class CatchPlan:
    """Stops a thread behind one instruction: only a plan can say what it stops for."""

    def __init__(self, plan, arguments, _internal_dict=None):
        self._plan = plan
        self._reason = arguments.GetValueForKey("reason").GetStringValue(256)

    def explains_stop(self, _event):
        """Called by LLDB."""
        return self._plan.GetThread().GetStopReason() == lldb.eStopReasonTrace

    def should_stop(self, _event):
        """Called by LLDB."""
        self._plan.SetPlanComplete(True)
        return True

    def should_step(self):
        """Called by LLDB."""
        return True

    def is_stale(self):
        """Called by LLDB."""
        return False

    def stop_description(self, stream):
        """Called by LLDB from 17 on."""
        stream.Print(self._reason)


def _commands_of(breakpoint):
    lines = lldb.SBStringList()
    breakpoint.GetCommandLineCommands(lines)
    return [lines.GetStringAtIndex(i) for i in range(lines.GetSize())]


class Catches:
    """Breakpoints in a library that isn't there: LLDB keeps what the user says of them, and never
    hits one.
    """

    def __init__(self, host):
        self._host = host
        self._breakpoints = {}  # by the core's numbers
        self._stopping = []  # those that stop the program now, each with its reason

    def insert(self, target, id):
        """See struct tmpalloc_host."""
        name = f"tmpalloc_catch_{id}"
        breakpoint = target.BreakpointCreateByName(name, "tmpalloc")
        if not breakpoint.IsValid():
            raise RuntimeError("no target")
        breakpoint.AddName(name)
        self._breakpoints[id] = breakpoint

    def number(self, id):
        """Its number; 0: it was deleted."""
        breakpoint = self._breakpoints.get(id)
        return breakpoint.GetID() if breakpoint and breakpoint.IsValid() else 0

    def ask(self, id, frame, reason):
        """See struct tmpalloc_host."""
        breakpoint = self._breakpoints.get(id)
        if not (breakpoint and breakpoint.IsValid() and breakpoint.IsEnabled()):
            return binding.CATCH_PASSES
        if breakpoint.GetCondition() and not self._holds(breakpoint, frame):
            return binding.CATCH_PASSES
        if breakpoint.GetIgnoreCount() > 0:
            breakpoint.SetIgnoreCount(breakpoint.GetIgnoreCount() - 1)
            return binding.CATCH_PASSES
        self._stopping.append((breakpoint, reason))
        return binding.CATCH_STOPS

    def _holds(self, breakpoint, frame):
        """Whether a condition is true; as LLDB's own it stops where it has no value."""
        options = lldb.SBExpressionOptions()
        options.SetIgnoreBreakpoints(True)
        options.SetSuppressPersistentResult(True)
        value = frame.EvaluateExpression(breakpoint.GetCondition(), options)
        if value.GetError().Success():
            return value.GetValueAsUnsigned() != 0
        words = "error: stopped due to an error evaluating condition of breakpoint"
        self._host.message(f"{words} {breakpoint.GetID()}: {value.GetError().GetCString()}")
        return True

    def remove(self, id):
        """See struct tmpalloc_host."""
        breakpoint = self._breakpoints.pop(id, None)
        if breakpoint and breakpoint.IsValid():
            breakpoint.GetTarget().BreakpointDelete(breakpoint.GetID())

    def forget_stop(self):
        """A hit begins: what the latest stop left to be executed is void."""
        self._stopping = []

    def stop(self, thread, plan):
        """Makes a thread stop for what the catches say; False: none of them is to stop it."""
        if not self._stopping:
            return False
        arguments = lldb.SBStructuredData()
        reasons = dict.fromkeys(reason for _, reason in self._stopping)
        arguments.SetFromJSON(json.dumps({"reason": ", ".join(reasons)}))
        return thread.StepUsingScriptedThreadPlan(plan, arguments, False).Success()

    def execute_commands(self, context):
        """Executes the commands at a stop; True when the program is to go on then."""
        stopping, self._stopping = self._stopping, []
        goes_on = [self._execute(breakpoint, context) for breakpoint, _ in stopping]
        return bool(goes_on) and all(goes_on)

    def _execute(self, breakpoint, context):
        interpreter = self._host.debugger.GetCommandInterpreter()
        for line in _commands_of(breakpoint):
            result = lldb.SBCommandReturnObject()
            interpreter.ResolveCommand(line, result)
            command = (result.GetOutput() or "").strip()
            if command.startswith(_CONTINUES):
                return True
            if command.startswith(_STEPS):
                self._host.message(f"tmpalloc: '{line}' can't be a command of a catch in LLDB")
                return False
            result.Clear()
            interpreter.HandleCommand(line, context, result)
            self._host.message(f"(lldb)  {line}\n{result.GetOutput()}{result.GetError()}".rstrip("\n"))
        return breakpoint.GetAutoContinue()
