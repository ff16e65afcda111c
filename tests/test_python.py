"""Python functions as locations, in both engines and both debuggers."""

import json
import os
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
EXAMPLES = TESTS.parent / "examples"
#: As debuggers start it: with links resolved.
PYTHON = os.path.realpath("/usr/bin/python3")
#: Where a Python program begins, for what is too slow from the first instruction on.
MAIN = "Py_RunMain"

sys.path.append(str(TESTS / "core"))

from model import Model  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("library"),
    pytest.mark.skipif(not os.path.exists(PYTHON), reason="there is no /usr/bin/python3"),
]


def clean_environment(directory, **more):
    return {
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PWD": str(directory),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **more,
    }


# --- the list that grows -----------------------------------------------------------------------------


def sizes_of_growing_list(length):
    """Bytes of each block beyond the object allocator's largest, 512 bytes, that appending needs.

    list_resize() of CPython 3.9 and later makes room for an eighth more, and six, rounded to four.
    """
    sizes, room = [], 0
    for count in range(1, length + 1):
        if count > room:
            room = (count + (count >> 3) + 6) & ~3
            sizes.append(room * 8)
    return [size for size in sizes if size > 512]


def in_megabytes(size):
    return f"{size / (1 << 20):.3f}MB" if size >= 1 << 20 else f"{size / (1 << 10):.3f}KB"


def row_of(summary, location):
    """(own bytes, temporaries, pattern) of a location's only row."""
    rows = [line for line in summary.splitlines() if re.match(location + r" at \S+:\d+ .*%", line)]
    assert len(rows) == 1, summary
    fields = rows[0].split()
    assert fields[3] == fields[5]  # nothing is allocated beneath
    return (fields[5], int(fields[7]), *fields[9:])


def test_the_growth_rule_of_lists_gives_what_memray_says_of_the_example():
    sizes = sizes_of_growing_list(1_000_000)
    assert (len(sizes), in_megabytes(sum(sizes))) == (78, "72.486MB")


@pytest.mark.parametrize(
    "example, row",
    [("list_growth", ("72.486MB", 78, "grows")), ("list_growth_fixed", ("7.629MB", 1))],
)
def test_the_agent_shows_the_list_that_grows_and_the_one_that_is_reserved(debugger, example, row):
    summaries = [f"tmpalloc summary -t {threshold}" for threshold in (0, 1, 2, 10)]
    steps = ["tmpalloc start --engine agent", debugger.run(), *summaries]
    result = debugger.session(PYTHON, steps, [EXAMPLES / f"{example}.py"])
    assert result.exit_statuses == [0], result.text
    for summary in result.outputs[2:]:
        assert row_of(summary, "foo") == row


def test_breakpoints_show_the_same_of_a_shorter_list(debugger, tmp_path):
    program = tmp_path / "short.py"
    program.write_text((EXAMPLES / "list_growth.py").read_text().replace("1_000_000", "20_000"))
    sizes = sizes_of_growing_list(20_000)
    steps = [
        debugger.break_at(MAIN),
        debugger.run(),
        "tmpalloc start --engine breakpoint",
        debugger.continue_(),
        *[f"tmpalloc summary -t {threshold}" for threshold in (0, 1, 2, 10)],
    ]
    result = debugger.session(PYTHON, steps, ["-S", program])
    assert result.exit_statuses == [0], result.text
    for summary in result.outputs[4:]:
        assert row_of(summary, "foo") == (in_megabytes(sum(sizes)), len(sizes), "grows")


# --- against a trace of the same run -----------------------------------------------------------------


KINDS = ["threads", "strings", "json_both_ways", "regular_expressions", "sqlite", "nested_lists"]


def read_trace(file):
    """Events as the model takes them; a site is (file, function) or None."""
    for line in file.read_text().splitlines():
        event, _, where = line.partition(" |")
        kind, *numbers = event.split()
        found = re.fullmatch(r'  File "(.*)", line \S+ in (.*)', where)
        site = [found.groups() if found else None] if kind in "ar" else []
        yield kind, *map(int, numbers), *site


def counts_of_model(model):
    """(file, function) -> its allocations and bytes, and its temporaries by distance."""
    counts = {}
    for site, counters in model.sites(0).items():
        if site:
            totals = (counters["allocations"], counters["allocated_bytes"])
            distances = [(d["count"], d["bytes"]) for d in counters["by_distance"]]
            counts[site] = [totals, *distances]
    return counts


def innermost_function(stack):
    """(file, function) as in a dump of CPython's, which writes no qualified names; None."""
    for frame in stack:
        if frame["language"] == "python":
            return frame["file"], frame["function"].rpartition(".")[2]
    return None


def counts_of_report(report):
    counts = {}
    for site in report["sites"]:
        function = innermost_function(site["stack"])
        if function:
            totals = (site["allocations"], site["allocated_bytes"])
            distances = [(d["count"], d["bytes"]) for d in site["by_distance"]]
            known = counts.setdefault(function, [(0, 0)] * (1 + len(distances)))
            pairs = zip(known, [totals, *distances])
            counts[function] = [(a + c, b + d) for (a, b), (c, d) in pairs]
    return counts


def temporaries_of(report):
    """(file, function) -> (temporaries, bytes) at the report's own threshold."""
    sums = defaultdict(lambda: (0, 0))
    for site in report["sites"]:
        function = innermost_function(site["stack"])
        if function:
            count, size = sums[function]
            sums[function] = (count + site["count"], size + site["bytes"])
    return sums


def sum_up_to(threshold, distances):
    return tuple(sum(column) for column in zip(*distances[: threshold + 1]))


@pytest.fixture
def tracer(compile):
    source = TESTS / "python" / "python_trace.c"
    return compile(source, "-D_GNU_SOURCE", "-fPIC", "-shared", "-pthread", name="trace.so")


def run_traced(debugger, tracer, kind, directory):
    """Runs a program with the agent and the tracer; gives its trace and reports by threshold."""
    trace = directory / "trace"
    preloaded = {"LD_PRELOAD": str(tracer), "PYTHON_TRACE": str(trace)}
    files = {threshold: directory / f"report-{threshold}.json" for threshold in (0, 1, 5)}
    steps = [
        *debugger.environment(clean_environment(directory, PYTHONMALLOC="malloc", **preloaded)),
        "tmpalloc start --engine agent --memory-limit 512MB",
        debugger.run(),
        *[f"tmpalloc report json {file} -t {t} --force" for t, file in files.items()],
    ]
    arguments = ["-S", TESTS / "programs" / "python_kinds.py", kind]
    result = debugger.session(PYTHON, steps, arguments, env={"SHELL": "/bin/sh"})
    assert result.exit_statuses == [0], result.text
    reports = {threshold: json.loads(file.read_text()) for threshold, file in files.items()}
    return list(read_trace(trace)), reports


@pytest.mark.parametrize("kind", KINDS)
def test_what_python_functions_allocate_follows_from_a_trace(debugger, tracer, tmp_path, kind):
    trace, reports = run_traced(debugger, tracer, kind, tmp_path)
    expected = counts_of_model(Model(reports[1]["max_threshold"]).feed(trace))
    program = str(TESTS / "programs" / "python_kinds.py")
    assert len([function for function in expected if function[0] == program]) >= 3
    assert counts_of_report(reports[1]) == expected
    for threshold, report in reports.items():
        sums = {f: sum_up_to(threshold, distances) for f, (_, *distances) in expected.items()}
        assert temporaries_of(report) == sums
        assert len([s for f, s in sums.items() if f[0] == program and s[0] > 0]) >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_agree_exactly(debugger, tmp_path, kind):
    reports = []
    for run in range(2):
        file = tmp_path / f"{run}.json"
        steps = [*debugger.environment(clean_environment(tmp_path)), "tmpalloc start --engine agent"]
        steps += [debugger.run(), f"tmpalloc report json {file}"]
        arguments = ["-S", TESTS / "programs" / "python_kinds.py", kind]
        result = debugger.session(PYTHON, steps, arguments, env={"SHELL": "/bin/sh"})
        assert result.exit_statuses == [0], result.text
        reports.append(json.loads(file.read_text()))
    assert counts_of_report(reports[0]) == counts_of_report(reports[1])
    assert reports[0]["totals"] == reports[1]["totals"]
