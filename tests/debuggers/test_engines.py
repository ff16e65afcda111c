"""Each engine under each debugger counts what a program logs of its own heap calls."""

import pytest
from library import self_logging

#: Engines, threads and heap operations.
RUNS = [
    ("breakpoint", 1, 600),
    ("breakpoint", 4, 600),
    ("agent", 1, 200_000),
    ("agent", 4, 200_000),
    ("agent", 8, 200_000),
]


@pytest.mark.parametrize("engine, threads, operations", RUNS)
def test_an_engine_counts_what_the_program_logs(
    debugger, compile, library, tmp_path, engine, threads, operations
):
    program = compile(self_logging.SELF_LOGGING, "-D_GNU_SOURCE", "-pthread")
    log = tmp_path / "log"
    args, start = [7, operations, threads, log], f"tmpalloc start --engine {engine}"
    document, result = self_logging.session(debugger, program, args, start)
    assert log.exists(), result.text
    sites, totals = self_logging.expected(log, 1)
    assert self_logging.by_function(document) == sites
    for name in ("allocations", "allocated_bytes", "deallocations", "cross_thread_frees"):
        assert document["totals"][name] == totals[name], name
    assert document["totals"]["temporary"] == totals["temporary"]
    assert document["totals"]["temporary"]["count"] > 0
    assert document["totals"]["dropped"] == 0
    assert result.exit_statuses == [0]
