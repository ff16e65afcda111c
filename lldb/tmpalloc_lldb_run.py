"""Runs a program for `tmpalloc run`, after tmpalloc_lldb.py: the program's signals are its own."""

import os
import sys

import lldb

from tmpalloc.run_driver import RunDriver

_QUIET = "SIGUSR1 SIGUSR2 SIGCONT SIGTSTP SIGTTIN SIGTTOU SIGPIPE SIGCHLD"
_SIGNALED = 128


class _Run:
    def __init__(self, debugger, host):
        self.driver = RunDriver()
        self._debugger = debugger
        self._host = host

    def _execute(self, line):
        """Executes a command, a failure of which is the end."""
        result = lldb.SBCommandReturnObject()
        # That of the command that has loaded this knows no process.
        context = lldb.SBExecutionContext(self._process() or self._debugger.GetSelectedTarget())
        self._debugger.GetCommandInterpreter().HandleCommand(line, context, result)
        if not result.Succeeded():
            raise RuntimeError(f"{line}: {result.GetError()}")

    def _process(self):
        return self._debugger.GetSelectedTarget().GetProcess()

    def _lives(self):
        return self._process().GetState() == lldb.eStateStopped

    def _await_entry(self):
        """A program that took the place of another is tracked when its libraries are there."""
        target = self._debugger.GetSelectedTarget()
        main = target.FindModule(target.GetExecutable())
        entry = main.GetObjectFileEntryPointAddress()
        breakpoint = target.BreakpointCreateBySBAddress(entry)
        breakpoint.SetOneShot(True)
        self._execute("process continue")
        if self._lives():
            self._execute(f"tmpalloc {self.driver.start}")

    def _has_executed(self):
        return any(t.GetStopReason() == lldb.eStopReasonExec for t in self._process())

    def run(self):
        self._debugger.SetAsync(False)
        parent = f"/proc/{os.getppid()}/fd"
        for line in (
            "settings set target.disable-aslr false",
            "settings set target.unset-env-vars " + " ".join(self.driver.variables),
            f"settings set target.arg0 {self.driver.name}",
            f"tmpalloc {self.driver.start}",
            f"process launch --stop-at-entry -i {parent}/0 -o {parent}/1 -e {parent}/2",
            f"process handle -s false -n false -p true {_QUIET}",
            "process handle -s true -n true -p true SIGINT",
        ):
            self._execute(line)
        self.driver.tell("pid", self._process().GetProcessID())
        while self._lives():
            if self._has_executed():
                self._await_entry()
            if self._lives():
                self._execute("process continue")
        info = self._host.process()
        status = _SIGNALED + info.signal if info.signal else info.exit_status
        self._host.notice()
        self.driver.conclude(self._host.session, status)


def __lldb_init_module(debugger, _internal_dict):
    """Called by LLDB."""
    run = _Run(debugger, sys.modules["tmpalloc_lldb"].loaded_host())
    run.driver.guard(run.run)
