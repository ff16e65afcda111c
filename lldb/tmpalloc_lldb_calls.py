"""Running the program on the core's behalf in LLDB: calls of its functions, and to an address."""

import threading
from contextlib import contextmanager

import lldb


@contextmanager
def _without_breakpoints(target):
    """Takes all breakpoints out of the program for a while."""
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


def run_to(debugger, thread, address, seconds):
    """Lets the program run until the thread reaches an address."""
    process = thread.GetProcess()
    target = process.GetTarget()
    before = debugger.GetAsync()
    timer = threading.Timer(seconds, process.SendAsyncInterrupt)
    debugger.SetAsync(False)
    timer.start()
    try:
        with _without_breakpoints(target):
            thread.RunToAddress(address)
    finally:
        timer.cancel()
        debugger.SetAsync(before)
    if not thread.IsValid() or thread.GetFrameAtIndex(0).GetPC() != address:
        raise RuntimeError(f"the program stopped before {address:#x}")
