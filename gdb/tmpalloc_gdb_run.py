"""Runs a program for `tmpalloc run`, after tmpalloc_gdb.py: the program's signals are its own."""

import gdb

from tmpalloc.run_driver import RunDriver
from tmpalloc_gdb_commands import loaded_session

#: Others stop the program, so that its results can be read before it may end.
_QUIET = "SIGUSR1 SIGUSR2 SIGCONT SIGTSTP SIGTTIN SIGTTOU SIGSTOP SIGPIPE"
_SIGNALED = 128


class _Run:
    def __init__(self):
        self.driver = RunDriver()
        self._signaled = False

    def _stopped(self, event):
        self._signaled = isinstance(event, gdb.SignalEvent)

    def _await_entry(self):
        """A program that took the place of another is tracked when its libraries are there."""
        gdb.execute("tbreak *" + _entry())
        gdb.execute("continue")
        if _lives():
            gdb.execute(f"tmpalloc {self.driver.start}")

    def run(self):
        for line in (
            "set disable-randomization off",
            "set debuginfod enabled off",
            "set print thread-events off",
            f"handle {_QUIET} nostop noprint pass",
            "handle SIGINT stop print pass",
            "catch exec",
        ):
            gdb.execute(line)
        gdb.events.stop.connect(self._stopped)
        gdb.execute(f"tmpalloc {self.driver.start}")
        gdb.execute("run")
        while _lives():
            if not self._signaled:
                self._await_entry()
            if _lives():
                gdb.execute("continue")
        self.driver.conclude(loaded_session(), _status())


def _lives():
    return gdb.selected_inferior().pid != 0


def _entry():
    """The program's first instruction, behind the dynamic linker's."""
    lines = gdb.execute("info auxv", to_string=True).splitlines()
    return next(line.split()[-1] for line in lines if "AT_ENTRY" in line)


def _status():
    signal = gdb.convenience_variable("_exitsignal")
    if signal is not None:
        return _SIGNALED + int(signal)
    return int(gdb.convenience_variable("_exitcode"))


_run = _Run()
_run.driver.guard(_run.run)
