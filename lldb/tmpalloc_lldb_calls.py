"""Running the program on the core's behalf in LLDB: calls of its functions, and to an address."""

import threading

import lldb


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
    value = frame.EvaluateExpression(line, options)
    if value.GetError().Fail():
        raise RuntimeError(value.GetError().GetCString())
    return value.GetValueAsUnsigned()


def run_to(debugger, thread, address, seconds):
    """Lets the program run until the thread reaches an address."""
    process = thread.GetProcess()
    target = process.GetTarget()
    enabled = [b for b in target.breakpoint_iter() if b.IsEnabled()]
    before = debugger.GetAsync()
    timer = threading.Timer(seconds, process.SendAsyncInterrupt)
    for breakpoint in enabled:
        breakpoint.SetEnabled(False)
    debugger.SetAsync(False)
    timer.start()
    try:
        thread.RunToAddress(address)
    finally:
        timer.cancel()
        debugger.SetAsync(before)
        for breakpoint in enabled:
            breakpoint.SetEnabled(True)
    if not thread.IsValid() or thread.GetFrameAtIndex(0).GetPC() != address:
        raise RuntimeError(f"the program stopped before {address:#x}")
