"""Functions that many tests share."""

import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

from library.results import read_results

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
BUILD = Path(os.environ.get("TMPALLOC_BUILD") or ROOT / ".build")
LIBRARY = Path(os.environ.get("TMPALLOC_LIBRARY") or ROOT / ".build" / "libtmpalloc.so")

CORE = ROOT / "core"
#: Options for sources of the core that a test compiles by itself.
CORE_FLAGS = (
    f"-I{CORE}", f"-I{ROOT}/include", f"-I{TESTS}/library",
    "-D_GNU_SOURCE", "-DTMPALLOC_CHECKS_ABORT=1", "-std=gnu11", "-g", "-O2", "-Wall", "-Wextra",
)  # fmt: skip

#: Programs to track; those in C are compiled with C_FLAGS.
PROGRAMS = TESTS / "programs"
C_FLAGS = ("-fno-builtin", "-D_GNU_SOURCE", "-pthread")

#: Where the distribution has the libraries of other allocators.
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")


def soname(library):
    """The name by which programs load a library, of whatever version this distribution has it."""
    files = sorted(LIBRARIES.glob(f"lib{library}.so.[0-9]"))
    return files[0].name if files else f"lib{library}.so"


#: The command that makes a debugger go on with the child of a fork.
FOLLOW_CHILD = {
    "gdb": "set follow-fork-mode child",
    "lldb": "settings set target.process.follow-fork-mode child",
}


def built(name):
    """Path of a program that runs the core for a test."""
    path = BUILD / name
    assert path.exists(), f"{path} is not built: setup.sh test does it"
    return path


def core_sources(*patterns):
    """The core's sources of these names, wherever they are: no two have the same."""
    files = [file for pattern in patterns for file in sorted(CORE.rglob(pattern))]
    assert len(files) >= len(patterns), patterns
    return files


def number(status, name):
    """A number that `tmpalloc status` shows, in a line of its own where there is no room."""
    found = re.search(rf"(?m)^{name}\s+([\d,]+)", status)
    assert found, status
    return int(found[1].replace(",", ""))


def allocations(status):
    return number(status, "allocations")


def start_process(*command, **options):
    """A running program that has said its first line: until then it loads its files."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, **options)
    assert process.stdout.readline(), command
    return process


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def execute(*command, env=None, seconds=120):
    """Standard output of a command that must succeed; `env` adds to the environment."""
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=dict(os.environ, **(env or {})),
    )
    assert done.returncode == 0, f"{command}: {done.returncode} {done.stdout} {done.stderr}"
    return done.stdout


def output_as_argument(debugger, line):
    """A step that executes a line in which {} is what the program has written so far."""
    execute = {"gdb": "gdb.execute", "lldb": "lldb.debugger.HandleCommand"}[debugger.name]
    output = f"open('{debugger.program_files}.stdout').read()"
    return debugger.script(f"{execute}({line!r}.format({output}))")


def track(debugger, program, start, args=()):
    """Tracks from case_begins() to case_ends(); returns the JSON report and start's output."""
    report = debugger.directory / "report.json"
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), debugger.run(), start]
    steps += [debugger.continue_(), f"tmpalloc report json {report}", debugger.continue_()]
    result = debugger.session(program, steps, args)
    assert report.exists(), result.text
    assert result.exit_statuses == [0], result.text
    return read_results(report), result.outputs[3]


def sizes(document):
    """Size and number of each allocation; the sites must not mix sizes."""
    found = Counter()
    for site in document["sites"]:
        assert site["min_size"] == site["max_size"]
        found[site["min_size"]] += site["allocations"]
    return dict(found)


def counted(document):
    """Totals of a report in the shape of a rule."""
    totals = document["totals"]
    assert totals["dropped"] == 0
    return {
        "allocations": (totals["allocations"], totals["allocated_bytes"]),
        "frees": totals["deallocations"],
        "cross": totals["cross_thread_frees"],
        "by_realloc": sum(site["by_realloc"] for site in document["sites"]),
        "by_distance": {
            amount["distance"]: (amount["count"], amount["bytes"])
            for amount in totals["by_distance"]
            if amount["count"]
        },
    }
