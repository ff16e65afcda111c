"""Each engine under each debugger counts what a program logs of its own heap calls."""

import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SELF_LOGGING = HERE / "programs" / "self_logging.c"


def load(file):
    specification = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


model = load(HERE / "core" / "model.py")
streams = load(HERE / "core" / "streams.py")


def session(debugger, program, args, start):
    """Tracks from log_begins() to log_ends(); returns the JSON report and the session's result."""
    report = debugger.directory / "report.json"
    steps = [
        debugger.break_at("log_begins"),
        debugger.break_at("log_ends"),
        debugger.run(),
        start,
        debugger.continue_(),
        f"tmpalloc report json {report}",
        "tmpalloc stop",
        debugger.continue_(),
    ]
    result = debugger.session(program, steps, args)
    assert report.exists(), result.text
    return json.loads(report.read_text()), result


def by_function(document):
    """Sites of the report summed over the stacks of each location's function."""
    fields = ("count", "bytes", "allocations", "allocated_bytes", "larger", "equal", "by_realloc")
    sums = {}
    for site in document["sites"]:
        total = sums.setdefault(site["location"]["function"], Counter())
        total.update({field: site[field] for field in fields})
        for distance, amount in enumerate(site["by_distance"]):
            total[f"count {distance}"] += amount["count"]
            total[f"bytes {distance}"] += amount["bytes"]
        total["min_size"] = min(total.get("min_size", site["min_size"]), site["min_size"])
        total["max_size"] = max(total["max_size"], site["max_size"])
    return {name: dict(+total) for name, total in sums.items()}


def expected(log, threshold):
    """The model's answer to the log, in the same shape as by_function()."""
    plain = model.Model(16)
    plain.feed(streams.from_trace(log.read_text()))
    sums = {}
    for name, site in plain.sites(threshold).items():
        total = Counter({k: v for k, v in site.items() if isinstance(v, int)})
        for distance, amount in enumerate(site["by_distance"]):
            total[f"count {distance}"] = amount["count"]
            total[f"bytes {distance}"] = amount["bytes"]
        sums[name] = dict(+total)
    return sums, plain.totals(threshold)


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
    program = compile(SELF_LOGGING, "-D_GNU_SOURCE", "-pthread")
    log = tmp_path / "log"
    args, start = [7, operations, threads, log], f"tmpalloc start --engine {engine}"
    document, result = session(debugger, program, args, start)
    assert log.exists(), result.text
    sites, totals = expected(log, 1)
    assert by_function(document) == sites
    for name in ("allocations", "allocated_bytes", "deallocations", "cross_thread_frees"):
        assert document["totals"][name] == totals[name], name
    assert document["totals"]["temporary"] == totals["temporary"]
    assert document["totals"]["temporary"]["count"] > 0
    assert document["totals"]["dropped"] == 0
    assert result.exit_statuses == [0]
