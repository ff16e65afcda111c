"""The formats for programs that are plain text: json, folded and csv."""

import csv
import io
import json
import re

import pytest

FRAME = {
    "address": str,
    "offset": str,
    "function": (str, type(None)),
    "file": (str, type(None)),
    "line": int,
    "module": (str, type(None)),
    "inlined": bool,
    "language": str,
}


def check_keys(value, types):
    """The keys are these, in this order, with values of these types."""
    assert list(value) == list(types)
    for key, kind in types.items():
        assert isinstance(value[key], kind), key


def check_frame(frame):
    check_keys(frame, FRAME)
    assert re.fullmatch("0x[0-9a-f]+", frame["address"])
    assert re.fullmatch("0x[0-9a-f]+", frame["offset"])
    assert frame["language"] in ("native", "python")


def check_site(site, max_threshold):
    numbers = "id count bytes allocations allocated_bytes by_distance min_size max_size larger "
    numbers += "equal by_realloc threads"
    types = {name: (int, list) for name in numbers.split()}
    others = {"same_scope": (int, type(None)), "pattern": (str, type(None)), "location": dict, "stack": list, "truncated": bool}
    others.update({"location_index": int, "same_scope_by_distance": list, "free_stacks": list})
    check_keys(site, {**types, **others, "free_truncated": list})
    assert site["stack"][site["location_index"]] == site["location"]
    assert len(site["same_scope_by_distance"]) == len(site["by_distance"])
    assert len(site["free_truncated"]) == len(site["free_stacks"])
    assert [list(d) for d in site["by_distance"]] == [["count", "bytes"]] * (max_threshold + 1)
    assert site["pattern"] in ("grows", "repeats", "mixed", None)
    for stack in [site["stack"], *site["free_stacks"]]:
        for frame in stack:
            check_frame(frame)


@pytest.mark.parametrize("name", ["example", "names", "none"])
def test_json_has_the_schema(driver, name):
    profile = json.loads(driver.report(name, "json"))
    check_keys(
        profile,
        {
            "schema": str,
            "engine": str,
            "threshold": int,
            "max_threshold": int,
            "complete": bool,
            "process": dict,
            "totals": dict,
            "build_ids": dict,
            "sites": list,
        },
    )
    assert profile["schema"] == "tmpalloc/1"
    assert list(profile["process"]) == ["pid", "executable", "arguments"]
    check_keys(
        profile["totals"],
        {
            "allocations": int,
            "allocated_bytes": int,
            "deallocations": int,
            "cross_thread_frees": int,
            "dropped": int,
            "temporary": dict,
            "by_distance": list,
        },
    )
    distances = profile["totals"]["by_distance"]
    assert [d["distance"] for d in distances] == list(range(profile["max_threshold"] + 1))
    for site in profile["sites"]:
        check_site(site, profile["max_threshold"])


def test_json_sums_agree(driver):
    profile = json.loads(driver.report("example", "json"))
    for i, distance in enumerate(profile["totals"]["by_distance"]):
        for key in ("count", "bytes"):
            assert sum(s["by_distance"][i][key] for s in profile["sites"]) == distance[key]
    assert sum(s["count"] for s in profile["sites"]) == profile["totals"]["temporary"]["count"]


def test_json_marks_inlined_and_python_frames(driver):
    text = driver.site_at("/src/f.py", 3).replace(b"frame f", b"python f")
    frames = json.loads(driver.report(text, "json"))["sites"][0]["stack"]
    assert [f["language"] for f in frames] == ["native", "python"]
    stack = json.loads(driver.report("example", "json"))["sites"][1]["stack"]
    assert [f["inlined"] for f in stack[:4]] == [False, True, True, False]
    assert len({f["address"] for f in stack[1:4]}) == 1


def test_folded_lines_are_a_stack_and_a_number(driver):
    lines = driver.report("names", "folded").splitlines()
    assert len(lines) == 7
    for line in lines:
        stack, number = line.rsplit(" ", 1)
        assert number.isdigit()
        assert stack.split(";")[0] == "main" and stack.split(";")[2] == "malloc"
        assert stack.count(";") == 2


def test_csv_is_read_back(driver):
    text = driver.report("names", "csv")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.count("\r\n") == text.count("\n") == len(rows) + 1
    assert rows[0]["bytes"] == str(2**42)
    assert any(row["file"] == '/src/a,"b".c' for row in rows)
    assert sum(int(row["count"]) for row in rows) == 12


def test_csv_has_no_formulas(driver):
    rows = list(csv.DictReader(io.StringIO(driver.report("names", "csv"), newline="")))
    row = next(row for row in rows if "cmd" in row["function"])
    assert (row["function"], row["file"], row["module"]) == (
        '\'=cmd("calc", 1)',
        "'+file.c",
        "'@module",
    )
    assert [v for r in rows for v in r.values() if v.startswith(("=", "+", "-", "@"))] == []
