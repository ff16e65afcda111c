"""Running the program on the core's behalf in LLDB: calls of its functions, and to an address."""

import signal
import threading
from contextlib import contextmanager

import lldb


@contextmanager
def _without_breakpoints(target):
    """Takes the breakpoints of users and of ours out of the program for a while.

    One that LLDB is only told to ignore would count its hits and stay in the code, where the agent
    can't put a jump.
    """
    enabled = [breakpoint for breakpoint in target.breakpoint_iter() if breakpoint.IsEnabled()]
    for breakpoint in enabled:
        breakpoint.SetEnabled(False)
    try:
        yield
    finally:
        for breakpoint in enabled:
            breakpoint.SetEnabled(True)


def call(frame, address, arguments, alone, seconds):
    """Calls a function with numbers in the thread of `frame`; returns a number."""
    options = lldb.SBExpressionOptions()
    options.SetLanguage(lldb.eLanguageTypeC_plus_plus)
    options.SetTimeoutInMicroSeconds(int(seconds * 1_000_000))
    options.SetStopOthers(alone)
    options.SetTryAllThreads(not alone)
    options.SetUnwindOnError(True)
    options.SetIgnoreBreakpoints(True)
    options.SetTrapExceptions(False)
    options.SetAutoApplyFixIts(False)
    options.SetSuppressPersistentResult(True)
    types = ", ".join(["unsigned long"] * len(arguments))
    values = ", ".join(f"{argument}UL" for argument in arguments)
    line = f"((unsigned long (*)({types})) {address}UL)({values})"
    with _without_breakpoints(frame.GetThread().GetProcess().GetTarget()):
        value = frame.EvaluateExpression(line, options)
    if value.GetError().Fail():
        raise RuntimeError(value.GetError().GetCString())
    return value.GetValueAsUnsigned()


def _is_stopped_by(thread, number):
    by_signal = thread.GetStopReason() == lldb.eStopReasonSignal
    return by_signal and thread.GetStopReasonDataAtIndex(0) == number


def run_to(debugger, thread, address, seconds):
    """Lets the program run until the thread reaches an address."""
    process = thread.GetProcess()
    before = debugger.GetAsync()
    expired = threading.Event()

    def interrupt():
        expired.set()
        process.SendAsyncInterrupt()

    timer = threading.Timer(seconds, interrupt)
    with _without_breakpoints(process.GetTarget()):
        debugger.SetAsync(False)
        timer.start()
        try:
            thread.RunToAddress(address)
            # LLDB still had the SIGSTOP of a process that was stopped when it attached.
            if _is_stopped_by(thread, signal.SIGSTOP) and not expired.is_set():
                thread.RunToAddress(address)
        finally:
            timer.cancel()
            debugger.SetAsync(before)
    if not thread.IsValid() or thread.GetFrameAtIndex(0).GetPC() != address:
        raise RuntimeError(f"the program stopped before {address:#x}")
