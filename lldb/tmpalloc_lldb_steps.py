"""Steps of the user in LLDB from a catch: it steps where the innermost frame is, not the selected one."""

import json
from collections import namedtuple

import lldb

#: Words of LLDB for steps that have ended, of those that are meant for single instructions.
_STEPS = ("step over", "step in", "instruction step over", "instruction step into")
_BY_INSTRUCTION = "thread step-inst"
_LAST_COMMAND = "session history -c 1 -s end"

#: The frame that a catch has shown: the thread's number, and what tells the frame from others there.
Shown = namedtuple("Shown", "thread cfa level line")


def _level(thread, cfa):
    """How many of a thread's frames are of one activation: its function and what is inlined there."""
    return sum(frame.GetCFA() == cfa for frame in thread)


def shown(frame):
    """What tells a frame from others; the outermost one of an activation has level 1."""
    thread, cfa, index = frame.GetThread(), frame.GetCFA(), frame.GetFrameID()
    inlined = sum(thread.GetFrameAtIndex(i).GetCFA() == cfa for i in range(index))
    line = frame.GetLineEntry().GetLine()
    return Shown(thread.GetIndexID(), cfa, _level(thread, cfa) - inlined, line)


class StepPlan:
    """Takes a thread out to a frame that was shown, and then to the end of its line."""

    def __init__(self, plan, arguments, _internal_dict=None):
        self._plan = plan
        self._thread = plan.GetThread()
        values = [arguments.GetValueForKey(name) for name in Shown._fields]
        self._shown = Shown(*(value.GetUnsignedIntegerValue() for value in values))
        self._description = arguments.GetValueForKey("description").GetStringValue(256)
        depth = next(i for i, f in enumerate(self._thread) if f.GetCFA() == self._shown.cfa)
        self._child = plan.QueueThreadPlanForStepOut(depth - 1)

    def explains_stop(self, _event):
        """Called by LLDB."""
        return False

    def should_stop(self, _event):
        """Called by LLDB."""
        if not self._child.IsPlanComplete():
            return False
        entry = self._thread.GetFrameAtIndex(0).GetLineEntry()
        if entry.IsValid() and self._is_within(entry.GetLine()):
            start = entry.GetStartAddress()
            size = entry.GetEndAddress().GetFileAddress() - start.GetFileAddress()
            self._child = self._plan.QueueThreadPlanForStepOverRange(start, size)
            return False
        self._plan.SetPlanComplete(True)
        return True

    def _is_within(self, line):
        """Whether the thread is still in the line that was shown, or in what is inlined there."""
        level = _level(self._thread, self._shown.cfa)
        return level > self._shown.level or (level == self._shown.level and line == self._shown.line)

    def should_step(self):
        """Called by LLDB."""
        return False

    def is_stale(self):
        """Called by LLDB."""
        return False

    def stop_description(self, stream):
        """Called by LLDB from 17 on."""
        stream.Print(self._description)


class Steps:
    """The next step of the user after a catch has shown a frame."""

    def __init__(self, host, plan):
        self._host = host
        self._plan = plan  # the name of StepPlan for LLDB
        self._shown = None

    def show(self, frame):
        """A catch has shown a frame."""
        self._shown = shown(frame)

    def go_on(self, thread):
        """Makes a thread that has stepped from there go on to its line's end; False: it has not."""
        frame, self._shown = self._shown, None
        description = thread.GetStopDescription(256)
        if not frame or frame.thread != thread.GetIndexID() or description not in _STEPS:
            return False
        outer = any(f.GetCFA() == frame.cfa for f in thread)
        if not outer or thread.GetFrameAtIndex(0).GetCFA() == frame.cfa or self._by_instruction():
            return False
        arguments = lldb.SBStructuredData()
        words = {"description": description.replace("instruction ", "").replace("into", "in")}
        arguments.SetFromJSON(json.dumps({**frame._asdict(), **words}))
        return thread.StepUsingScriptedThreadPlan(self._plan, arguments, False).Success()

    def _by_instruction(self):
        """Whether the user asked for that, not for a line."""
        interpreter = self._host.debugger.GetCommandInterpreter()
        line = self._host.command(self._host.debugger.GetSelectedTarget(), _LAST_COMMAND)
        result = lldb.SBCommandReturnObject()
        interpreter.ResolveCommand(line.partition(":")[2].strip(), result)
        return (result.GetOutput() or "").startswith(_BY_INSTRUCTION)
