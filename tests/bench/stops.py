"""What a stop of the breakpoint engine costs, against the cheapest stop that the debugger has.

The same program makes the same stops in both: at malloc, where malloc returns to, and at free.  GDB's
reference is a breakpoint with the condition 0, LLDB's an empty script callback.
"""

import re
import statistics

TIME = "import time; began = time.time()"
SHOW = "print('seconds', time.time() - began)"
EMPTY_CALLBACK = """
def nothing(frame, location, extra, internal):
    return False
"""


def seconds(debugger, program, count, watch):
    """Time from begin() to end() with the breakpoints that `watch` sets."""
    steps = [
        debugger.break_at("begin"),
        debugger.break_at("end"),
        debugger.run(),
        *watch,
        debugger.script(TIME),
        debugger.continue_(),
        debugger.script(SHOW),
        debugger.kill(),
    ]
    text = debugger.session(program, steps, [count], seconds=600).text
    found = re.search(r"^seconds (\S+)", text, re.M)
    assert found, text
    return float(found[1])


def reference(debugger):
    """Steps that set the cheapest breakpoints on the same three places."""
    places = ["malloc_address", "return_address", "free_address"]
    if debugger.name == "gdb":
        return [f"break *{place} if 0" for place in places]
    module = debugger.directory / "nothing.py"
    module.write_text(EMPTY_CALLBACK)
    steps = [debugger.source(module)]
    for place in places:
        steps.append(f"breakpoint set -a `(unsigned long){place}`")
        steps.append("breakpoint command add -F nothing.nothing")
    return steps


TRACK = ["tmpalloc start --engine breakpoint"]


def measure(debugger, program, count, runs):
    """Rows for the report: milliseconds a stop, and ratios."""
    plain, tracked, twice = [], [], []
    for _ in range(runs):
        plain.append(seconds(debugger, program, count, reference(debugger)))
        tracked.append(seconds(debugger, program, count, TRACK))
        twice.append(seconds(debugger, program, 2 * count, TRACK))
    stop = 1000 / (3 * count)
    middle = statistics.median
    return [
        ("reference, ms a stop", middle(plain) * stop),
        ("tmpalloc, ms a stop", middle(tracked) * stop),
        ("tmpalloc / reference", middle(tracked) / middle(plain)),
        ("twice as many events / once", middle(twice) / middle(tracked)),
    ]
