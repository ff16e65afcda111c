"""The benchmarks run and print their rows; how fast things are is no matter of a test."""

import os
import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent / "bench"
ROWS = (
    "reference, ms a stop",
    "tmpalloc, ms a stop",
    "tmpalloc / reference",
    "twice as many events / once",
)


def test_the_quick_benchmarks_print_every_row_with_a_positive_number(debugger, library):
    environment = dict(os.environ, TMPALLOC_LIBRARY=str(library))
    done = subprocess.run(
        [sys.executable, str(BENCH), "--quick", debugger.name],
        capture_output=True, text=True, env=environment, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{debugger.name}: ")
    rows = dict(re.findall(r"^  (\S.*?)  +([\d.]+)$", done.stdout, re.M))
    assert list(rows) == list(ROWS)
    assert all(float(value) > 0 for value in rows.values()), rows
