"""The formats for programs that are plain text: json, folded and csv."""

import csv
import io
import json
import re

import pytest

FRAME = {
    "address": str,
    "offset": str,
    "function": (int, type(None)),
    "file": (int, type(None)),
    "line": int,
    "module": (int, type(None)),
    "inlined": bool,
    "language": str,
    "kind": (str, type(None)),
}


def check_keys(value, types):
    """The keys are these, in this order, with values of these types."""
    assert list(value) == list(types)
    for key, kind in types.items():
        assert isinstance(value[key], kind), key


def check_frame(frame, strings):
    check_keys({key: frame[key] for key in frame if key != "entry"}, FRAME)
    assert re.fullmatch("0x[0-9a-f]+", frame["address"])
    assert re.fullmatch("0x[0-9a-f]+", frame["offset"])
    assert frame["language"] in ("native", "python")
    for name in ("function", "file", "module"):
        assert frame[name] is None or 0 <= frame[name] < len(strings)


def check_site(site, profile):
    numbers = "id count bytes allocations allocated_bytes by_distance min_size max_size larger "
    numbers += "equal by_realloc threads scopes"
    types = {name: (int, list) for name in numbers.split()}
    others = {"pattern": (str, type(None)), "stack": int, "location": dict, "truncated": bool}
    check_keys(site, {**types, **others, "free_stacks": list, "free_truncated": bool})
    stacks, threshold = profile["stacks"], profile["max_threshold"]
    assert all(0 <= place < len(stacks[site["stack"]]) for place in site["location"].values())
    assert len(site["by_distance"]) <= threshold + 1 and [0, 0] not in site["by_distance"][-1:]
    assert all(len(pair) == 2 for pair in site["by_distance"])
    assert all(len(scope) == 4 and scope[0] <= threshold for scope in site["scopes"])
    assert all(free["stack"] < len(stacks) for free in site["free_stacks"])
    assert site["pattern"] in ("grows", "repeats", "mixed", None)


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
            "charge": str,
            "complete": bool,
            "process": dict,
            "build_ids": dict,
            "totals": dict,
            "strings": list,
            "frames": list,
            "stacks": list,
            "sites": list,
        },
    )
    assert profile["schema"] == "tmpalloc/2"
    process = ["pid", "executable", "arguments", "status", "signal", "children"]
    assert list(profile["process"])[:6] == process
    check_keys(
        profile["totals"],
        {
            "allocations": int,
            "allocated_bytes": int,
            "deallocations": int,
            "cross_thread_frees": int,
            "dropped": int,
            "suppressed": int,
            "temporary": dict,
            "by_distance": list,
        },
    )
    distances = profile["totals"]["by_distance"]
    assert [d["distance"] for d in distances] == list(range(profile["max_threshold"] + 1))
    for site in profile["sites"]:
        check_site(site, profile)
    for frame in profile["frames"]:
        check_frame(frame, profile["strings"])
    assert len(set(profile["strings"])) == len(profile["strings"])
    assert all(0 <= f < len(profile["frames"]) for stack in profile["stacks"] for f in stack)


def test_json_sums_agree(driver):
    profile = driver.results("example")
    for i, distance in enumerate(profile["totals"]["by_distance"]):
        for key in ("count", "bytes"):
            assert sum(s["by_distance"][i][key] for s in profile["sites"]) == distance[key]
    assert sum(s["count"] for s in profile["sites"]) == profile["totals"]["temporary"]["count"]


def test_json_marks_inlined_and_python_frames(driver):
    text = driver.site_at("/src/f.py", 3).replace(b"frame f", b"python f")
    frames = driver.results(text)["sites"][0]["stack"]
    assert [f["language"] for f in frames] == ["native", "python"]
    stack = driver.results("example")["sites"][1]["stack"]
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
