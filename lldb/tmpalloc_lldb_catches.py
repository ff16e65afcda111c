"""Breakpoints of the user in LLDB that stand for catches."""

import json
from collections import Counter

import lldb

from tmpalloc import binding
from tmpalloc_lldb_actions import execute_actions


def find_frame(thread, pc, inlined):
    """The innermost frame with this pc, or of the inlined ones there the one so many further out;
    None: LLDB's stack ends before.
    """
    frames = iter(thread)
    frame = next((frame for frame in frames if frame.GetPC() == pc), None)
    for _ in range(inlined):
        if frame and frame.IsInlined():
            frame = next(frames)
    return frame


def outermost_frame(thread):
    """The last one that LLDB finds, which its users see instead."""
    return thread.GetFrameAtIndex(thread.GetNumFrames() - 1)


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


class CatchResolver:
    """What LLDB lists of a catch's breakpoint."""

    hits = Counter()  # by the core's numbers of catches

    def __init__(self, _breakpoint, arguments, _internal_dict=None):
        self._id = arguments.GetValueForKey("id").GetUnsignedIntegerValue()

    def __callback__(self, _context):
        """Called by LLDB for each library of its name: never."""

    def get_short_help(self):
        """Called by LLDB."""
        return f"tmpalloc catch {self._id}, hit count = {self.hits[self._id]}"


def _is_for(breakpoint, thread):
    """Whether a breakpoint is about this thread, by its options."""
    wanted = breakpoint.GetThreadID(), breakpoint.GetThreadIndex()
    known = thread.GetThreadID(), thread.GetIndexID()
    anything = lldb.LLDB_INVALID_THREAD_ID, lldb.UINT32_MAX
    return (
        all(w in (k, a) for w, k, a in zip(wanted, known, anything))
        and breakpoint.GetThreadName() in (None, "", thread.GetName())
        and breakpoint.GetQueueName() in (None, "", thread.GetQueueName())
    )


class Catches:
    """Breakpoints in a library that isn't there: LLDB keeps what the user says of them, and never
    hits one.
    """

    def __init__(self, host, module):
        self._host = host
        self._module = module  # whose CatchPlan and CatchResolver LLDB finds
        self._breakpoints = {}  # by the core's numbers
        self._stopping = []  # those that stop the program now, each with its reason

    def insert(self, target, id):
        """See struct tmpalloc_host."""
        arguments, files, none = lldb.SBStructuredData(), lldb.SBFileSpecList(), lldb.SBFileSpecList()
        arguments.SetFromJSON(json.dumps({"id": id}))
        files.Append(lldb.SBFileSpec("tmpalloc"))
        resolver = f"{self._module}.CatchResolver"
        breakpoint = target.BreakpointCreateFromScript(resolver, arguments, files, none)
        if not breakpoint.IsValid():
            raise RuntimeError("no target")
        breakpoint.AddName(f"tmpalloc_catch_{id}")
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
        if not _is_for(breakpoint, frame.GetThread()):
            return binding.CATCH_PASSES
        if breakpoint.GetCondition() and not self._holds(breakpoint, frame):
            return binding.CATCH_PASSES
        CatchResolver.hits[id] += 1
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

    def stop(self, thread):
        """Makes a thread stop for what the catches say; False: none of them is to stop it."""
        if not self._stopping:
            return False
        arguments = lldb.SBStructuredData()
        reasons = dict.fromkeys(reason for _, reason in self._stopping)
        # A step of the user's, beneath it, would go on.
        self._host.command(thread, "thread plan discard 1")
        arguments.SetFromJSON(json.dumps({"reason": ", ".join(reasons)}))
        return thread.StepUsingScriptedThreadPlan(f"{self._module}.CatchPlan", arguments, False).Success()

    def execute_commands(self, context):
        """Executes the commands at a stop; True when the program is to go on then."""
        stopping, self._stopping = self._stopping, []
        goes_on = [execute_actions(self._host, breakpoint, context) for breakpoint, _ in stopping]
        for breakpoint, _ in stopping:
            if breakpoint.IsOneShot():
                self._end(breakpoint)
        return bool(goes_on) and all(goes_on)

    def _end(self, breakpoint):
        """What was for one stop has had it."""
        self._host.retire(breakpoint)
        self._breakpoints = {i: b for i, b in self._breakpoints.items() if b != breakpoint}
