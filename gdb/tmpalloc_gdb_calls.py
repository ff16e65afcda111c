"""Running the program on the core's behalf in GDB: calls of its functions, and to an address."""

import os
import re
import signal
import threading
from contextlib import ExitStack, contextmanager

import gdb

from tmpalloc_gdb_settings import place, setting


@contextmanager
def _without_breakpoints():
    """Disables the user's breakpoints for a while."""
    enabled = [breakpoint for breakpoint in gdb.breakpoints() or () if breakpoint.enabled]
    for breakpoint in enabled:
        breakpoint.enabled = False
    try:
        yield
    finally:
        for breakpoint in enabled:
            breakpoint.enabled = True


class _StoppedBefore(Exception):
    """GDB still had the SIGSTOP of a process that was stopped when it attached; it is gone now."""


@contextmanager
def _time_limit(seconds):
    """Interrupts the program, as the user would, when it takes longer.

    What fails because the user did is a KeyboardInterrupt.
    """
    expired, signals = threading.Event(), []

    def interrupt():
        expired.set()
        os.kill(os.getpid(), signal.SIGINT)

    def note(event):
        if isinstance(event, gdb.SignalEvent):
            signals.append(event.stop_signal)

    timer = threading.Timer(seconds, interrupt)
    timer.start()
    gdb.events.stop.connect(note)
    try:
        yield
    except gdb.error as error:
        # GDB 16 undoes the call without an event, and names the signal.
        signals += re.findall(r"\bSIG[A-Z]+\b", str(error))
        if "SIGINT" in signals and not expired.is_set():
            raise KeyboardInterrupt from None
        if "SIGSTOP" in signals:
            raise _StoppedBefore from None
        raise
    finally:
        gdb.events.stop.disconnect(note)
        timer.cancel()


class Selection:
    """The thread and frame that the user has selected, while another thread is."""

    def __init__(self):
        self._user = None

    def switch(self, thread):
        """Selects another thread."""
        if self._user is None:
            self._user = gdb.selected_thread(), gdb.selected_frame()
        thread.switch()

    def restore(self):
        """Selects what the user had selected."""
        user, self._user = self._user, None
        if user and user[0].is_valid():
            user[0].switch()
            if user[1].is_valid():
                user[1].select()


def call(address, arguments, alone, seconds):
    """Calls a function of the selected thread's process with numbers; returns a number."""
    try:
        return _call_once(address, arguments, alone, seconds)
    except _StoppedBefore:
        return _call_once(address, arguments, alone, seconds)


def _call_once(address, arguments, alone, seconds):
    types = ", ".join(["unsigned long"] * len(arguments)) or "void"
    values = ", ".join(f"{argument:#x}UL" for argument in arguments)
    with ExitStack() as stack:
        stack.enter_context(setting("language", "c"))
        stack.enter_context(setting("unwindonsignal", "on"))
        stack.enter_context(setting("stop-on-solib-events", 0))
        stack.enter_context(setting("scheduler-locking", "on" if alone else "off"))
        stack.enter_context(_without_breakpoints())
        stack.enter_context(_time_limit(seconds))
        # As text, so that GDB's words about a call that was interrupted are no output of ours.
        line = f"output/u ((unsigned long (*)({types})) {address:#x}UL)({values})"
        return int(gdb.execute(line, to_string=True))


def _check_arrival(thread, address):
    if not thread.is_valid() or gdb.selected_thread() != thread:
        raise gdb.error("the program stopped elsewhere")
    if gdb.newest_frame().pc() != address:
        raise gdb.error(f"the program stopped before {address:#x}")


def run_to(address, seconds):
    """Lets the program run until the selected thread reaches an address."""
    try:
        _run_once(address, seconds, "continue")
    except _StoppedBefore:
        # Which would stop the process again if it were passed on.
        _run_once(address, seconds, "signal 0")


def _run_once(address, seconds, command):
    thread = gdb.selected_thread()
    with _without_breakpoints():
        target = gdb.Breakpoint(f"*{place(address)}", internal=True)
        target.silent = True
        target.thread = thread.global_num
        try:
            with setting("scheduler-locking", "off"), _time_limit(seconds):
                gdb.execute(command, to_string=True)
                _check_arrival(thread, address)
        finally:
            target.delete()
