"""What a stop of the breakpoint engine costs, against the cheapest stop that the debugger has.

Both take turns in one run of one program, which makes the same stops for each: at malloc, where
malloc returns to, and at free.  GDB's reference is a breakpoint with the condition 0, LLDB's an
empty script callback.
"""

import re
import statistics

BEGIN = "import time; began = time.time()"
SHOW = "print('seconds', time.time() - began)"
PLACES = ("malloc_address", "return_address", "free_address")
STOPS_PER_PAIR = len(PLACES)
EMPTY_CALLBACK = """
def nothing(frame, location, extra, internal):
    return False
"""


class GdbReference:
    """Breakpoints 3 to 5, after those on begin() and end()."""

    set = [f"break *{place} if 0" for place in PLACES] + ["disable 3-5"]
    enable = ["enable 3-5"]
    disable = ["disable 3-5"]


class LldbReference:
    """Breakpoints with a name of their own."""

    enable = ["breakpoint enable reference"]
    disable = ["breakpoint disable reference"]

    def __init__(self, debugger):
        module = debugger.directory / "nothing.py"
        module.write_text(EMPTY_CALLBACK)
        self.set = [debugger.source(module)]
        for place in PLACES:
            self.set.append(f"breakpoint set -N reference -a `(unsigned long){place}`")
            self.set.append("breakpoint command add -F nothing.nothing")
        self.set += self.disable


class Tracking:
    """The breakpoint engine."""

    enable = ["tmpalloc start --engine breakpoint"]
    disable = ["tmpalloc stop"]


def timed(debugger, watch):
    """Steps that time the stretch from begin() to end()."""
    run = [debugger.continue_(), debugger.script(SHOW)]
    return [
        *watch.enable,
        debugger.script(BEGIN),
        *run,
        *watch.disable,
        debugger.continue_(),
    ]


def measure_seconds(debugger, program, count, runs):
    """Lists of seconds: the reference, tracking, tracking of twice as many events."""
    reference = GdbReference() if debugger.name == "gdb" else LldbReference(debugger)
    tracking = Tracking()
    steps = [debugger.break_at("begin"), debugger.break_at("end"), debugger.run(), *reference.set]
    for _ in range(runs):
        steps += timed(debugger, reference) + timed(debugger, tracking) * 2
    result = debugger.session(program, steps, [count, count, 2 * count] * runs, seconds=1200)
    found = [float(seconds) for seconds in re.findall(r"^seconds (\S+)", result.text, re.M)]
    assert len(found) == 3 * runs, result.text
    return found[0::3], found[1::3], found[2::3]


def measure(debugger, program, count, runs):
    """Rows for the report: milliseconds a stop, and ratios."""
    plain, tracked, twice = measure_seconds(debugger, program, count, runs)
    stop = 1000 / (STOPS_PER_PAIR * count)
    middle = statistics.median
    return [
        ("reference, ms a stop", middle(plain) * stop),
        ("tmpalloc, ms a stop", middle(tracked) * stop),
        ("tmpalloc / reference", middle(tracked) / middle(plain)),
        ("twice as many events / once", middle(twice) / middle(tracked)),
    ]
