"""A program that logs its own heap calls: what an engine counted, and what the model says of the log."""

from collections import Counter

from library import model, streams
from library.results import read_results
from library.support import PROGRAMS

SELF_LOGGING = PROGRAMS / "self_logging.c"


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
    return read_results(report), result


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
