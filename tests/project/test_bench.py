"""The benchmarks run and print their rows; how fast things are is no matter of a test."""

import os
import re
import subprocess
import sys

import pytest
from library.support import TESTS

ROWS = (
    "reference, ms a stop",
    "tmpalloc, ms a stop",
    "tmpalloc / reference",
    "twice as many events / once",
)


def bench(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        capture_output=True, text=True, cwd=TESTS,
        env=dict(os.environ, **environment), timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


AGENT_CASES = {
    "pairs": [
        *("depth 5", "depth 20", "depth 60", "64 paths", "C++ strings", "C++ vectors"),
        *("depth 20, 2 threads", "64 paths, 2 threads", "C++ strings, 2 threads"),
    ],
    "programs": ["python3", "sqlite3", "jq", "perl", "xmllint", "json"],
}


@pytest.mark.parametrize("benchmark", AGENT_CASES)
def test_the_quick_benchmarks_of_the_agent_time_every_variant_of_every_case(benchmark):
    text = bench("--quick", benchmark)
    header, _, *rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line]
    assert header[1:6] == ["native", "wrapper", "agent", "heaptrack -r", "heaptrack"]
    assert [row[0] for row in rows] == AGENT_CASES[benchmark]
    for row in rows:
        assert len(row) == len(header)
        assert all(float(cell.split(" (")[0]) > 0 for cell in row[1:7]), row


def test_cases_can_be_chosen_by_a_word_in_their_name():
    rows = bench("--quick", "--only", "jq", "--only", "sqlite", "programs").splitlines()
    assert [row.split(" | ")[0] for row in rows[2:4]] == ["| sqlite3", "| jq"]


def test_the_quick_benchmark_of_visits_times_each_debugger(debugger, library):
    text = bench("--quick", "visits", TMPALLOC_LIBRARY=str(library))
    found = re.search(rf"(?m)^visits of {debugger.name}: longest pause (.*) s, before (.*) s$", text)
    assert found and float(found[1]) >= float(found[2]) > 0, text


def test_the_quick_benchmark_of_catches_times_every_case(gdb, library):
    text = bench("--quick", "catches", TMPALLOC_LIBRARY=str(library))
    header, _, *rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line]
    assert header == ["ns per pair", "no catch", "by size", "by location", "eight of both"]
    assert [row[0] for row in rows] == ["depth-5", "depth-60", "strings"]
    assert all(float(cell) > 0 for row in rows for cell in row[1:]), rows


def test_the_quick_benchmarks_print_every_row_with_a_positive_number(debugger, library):
    text = bench("--quick", debugger.name, TMPALLOC_LIBRARY=str(library))
    assert text.startswith(f"{debugger.name}: ")
    rows = dict(re.findall(r"^  (\S.*?)  +([\d.]+)$", text, re.M))
    assert list(rows) == list(ROWS)
    assert all(float(value) > 0 for value in rows.values()), rows
