"""Drives a program in LLDB as editors do: asynchronously, with an event loop.

LLDB imports it; the environment's EDITOR has the program and the lines, as JSON.  The line RESUME
launches the program or lets it go on, and waits until it stops or ends.
"""

import json
import os

import lldb

RESUME = "@resume"
_SECONDS = 120


class _Editor:
    def __init__(self, program):
        self._debugger = lldb.SBDebugger.Create(False)
        self._debugger.SetAsync(True)
        self.execute("settings set symbols.enable-external-lookup false")
        self._target = self._debugger.CreateTarget(program)
        self._listener = self._debugger.GetListener()
        self._process = None

    def execute(self, line):
        result = lldb.SBCommandReturnObject()
        self._debugger.GetCommandInterpreter().HandleCommand(line, result)
        print(f"@ {line}\n{result.GetOutput() or ''}{result.GetError() or ''}", flush=True)

    def resume(self):
        if self._process:
            self._process.Continue()
        else:
            info = self._target.GetLaunchInfo()
            info.SetListener(self._listener)
            self._process = self._target.Launch(info, lldb.SBError())
        print(f"@stop {self._wait()}", flush=True)

    def _wait(self):
        event = lldb.SBEvent()
        while self._listener.WaitForEvent(_SECONDS, event):
            if not lldb.SBProcess.EventIsProcessEvent(event):
                continue
            state = lldb.SBProcess.GetStateFromEvent(event)
            if state == lldb.eStateExited:
                return f"exited with {self._process.GetExitStatus()}"
            if state == lldb.eStateStopped and not lldb.SBProcess.GetRestartedFromEvent(event):
                # LLDB may tell of a stop where the process ends, which is over by now.
                stopped = self._process.GetSelectedThread().GetStopDescription(200)
                if stopped:
                    return stopped
        return "nothing happens"


def __lldb_init_module(_debugger, _internal_dict):
    """Called by LLDB."""
    program, lines = json.loads(os.environ["EDITOR"])
    editor = _Editor(program)
    for line in lines:
        if line == RESUME:
            editor.resume()
        else:
            editor.execute(line)
