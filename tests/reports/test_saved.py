"""Results in files: loaded again, summed, suppressed; files that are no such results."""

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from library.results import expanded
from library.support import execute

HERE = Path(__file__).resolve().parent

REPORTS = [
    "summary",
    "summary --by-stack",
    "summary --inclusive --same-scope",
    "tree",
    "site 1",
    "site 2",
    "json",
    "csv",
    "folded",
    "speedscope",
    "pprof",
    "sarif",
    "html",
]


class Saved:
    """Saves profiles of descriptions, and reports files."""

    def __init__(self, driver, folder):
        self._driver = driver
        self._folder = folder

    def save(self, description, name="results.json"):
        path = self._folder / name
        path.write_text(self._driver.report(description, "json"))
        return path

    def first(self, name="results.json"):
        """The results of `example` as tmpalloc/1 had them."""
        path = self._folder / name
        path.write_bytes((HERE / "saved" / "example_1.json").read_bytes())
        return path

    def change(self, path, change):
        """A copy of the file in which `change` has been at work."""
        profile = json.loads(path.read_text())
        changed = change(profile)
        copy = self._folder / "changed.json"
        copy.write_text(json.dumps(profile if changed is None else changed))
        return copy

    def report(self, paths, *arguments):
        return self._driver.report(b"", *arguments, *self._load(paths))

    def error(self, paths, *arguments):
        text = self._driver.error(b"", *(arguments or ["summary"]), *self._load(paths))
        assert text.count("\n") == 1
        return text

    def _load(self, paths):
        paths = paths if isinstance(paths, list) else [paths]
        return [word for path in paths for word in ("--load", path)]


@pytest.fixture
def saved(driver, tmp_path):
    return Saved(driver, tmp_path)


@pytest.mark.parametrize("description", ["example", "names", "none", "growth"])
def test_saved_results_give_the_same_reports_byte_for_byte(driver, saved, description):
    path = saved.save(description)
    for report in REPORTS:
        if description == "none" and report == "site 2":
            continue
        words = report.split()
        assert saved.report(path, *words) == driver.report(description, *words), report


def test_saved_results_are_saved_again_as_they_are(saved):
    for description in "example", "names", "none":
        path = saved.save(description)
        assert saved.report(path, "json") == path.read_text()


def test_results_of_the_first_schema_give_the_same_reports(driver, saved):
    for report in REPORTS:
        if report != "json":  # which has more to say of what was freed when
            words = report.split()
            assert saved.report(saved.first(), *words) == driver.report("example", *words), report


def test_saved_results_answer_every_threshold_that_was_recorded(driver, saved):
    path = saved.save("example")
    text = (driver.profiles / "example.txt").read_text()
    for threshold in range(5):
        asked = text.replace("threshold 1 4", f"threshold {threshold} 4").encode()
        for report in ("summary", "summary --same-scope", "site 1", "json"):
            loaded = saved.report(path, *report.split(), "--threshold", threshold)
            assert loaded == driver.report(asked, *report.split())
    assert "above the largest" in saved.error(path, "summary", "--threshold", 5)


def test_the_interpreters_own_frames_are_a_second_view_of_a_site(saved):
    def add_native(profile):
        site = profile["sites"][1]
        place = site["location_index"]
        site["stack"][place]["language"] = site["location"]["language"] = "python"
        eval = dict(site["stack"][place + 1], function="eval", module="/usr/bin/python3")
        profile["frames"] = [eval]
        site["native"] = {
            "stack": [*site["stack"][: place + 1], 0, *site["stack"][place + 1 :]],
            "location_index": place,
            "free_stacks": [],
        }

    path = saved.change(saved.first(), add_native)
    for paths in path, [path, path]:
        assert "eval" not in saved.report(paths, "site", 2)
        assert " eval at " in saved.report(paths, "site", 2, "--native-frames")
        assert "join at join.cc:12" in saved.report(paths, "summary", "--native-frames")


#: Two stacks that differ in the interpreter's own frames, and a third one.
PYTHON = b"""threshold 1 1
engine agent
process 1 /usr/bin/python3
interpreter /usr/bin/python3
totals 9 900 0 0 0
frame malloc | malloc | - | /lib/libc.so.6
frame append | list_append | - | /usr/bin/python3
frame extend | list_extend | - | /usr/bin/python3
frame eval | eval | - | /usr/bin/python3
python grow | grow | /src/f.py:3 | -
python other | other | /src/f.py:9 | -
site malloc append grow eval
  temporaries 0 2 20
  scope 0 1 2 20
  allocations 3 30
  sizes 10 10
  threads 1 3
  free malloc append grow eval
site malloc extend other eval
  temporaries 1 1 70
  allocations 1 70
  sizes 70 70
  threads 1
site malloc extend grow eval
  temporaries 0 3 33
  scope 0 0 3 33
  allocations 5 50
  sizes 9 11
  threads 2
  free malloc extend grow eval
"""


def test_a_row_that_sums_native_stacks_has_the_lowest_of_their_numbers(driver, saved):
    rows = driver.report(PYTHON, "summary", "--by-stack").splitlines()[1:]
    assert [row.split()[:3] for row in rows] == [["site", "2:", "other"], ["site", "1:", "grow"]]
    assert rows[1].split()[-6:] == ["53B", "43.09%", "5", "62.50%", "40.00%", "mixed"]
    one = driver.report(PYTHON, "site", 1)
    assert driver.report(PYTHON, "site", 3) == one and one.startswith("Site 1: grow at ")
    assert "list_append" not in one and one.count("Temporaries freed at") == 1
    assert driver.results(PYTHON)["sites"][1]["id"] == 3

    path = saved.save(PYTHON)
    native = saved.report(path, "summary", "--by-stack", "--native-frames")
    assert [row.split()[1] for row in native.splitlines()[1:]] == ["2:", "3:", "1:"]
    assert "list_extend" in saved.report(path, "site", 3, "--native-frames")
    for report in [*REPORTS, "summary --by-stack --native-frames", "site 3 --native-frames"]:
        assert saved.report(path, *report.split()) == driver.report(PYTHON, *report.split()), report
    both = saved.report([path, path], "summary", "--by-stack").splitlines()[1:]
    assert [row.split()[:3] for row in both] == [row.split()[:3] for row in rows]


def numbers(profile):
    """What adds up, by location and caller."""
    sites = {}
    for site in profile["sites"]:
        stack = tuple((frame["function"], frame["line"]) for frame in site["stack"])
        sites[stack] = {key: site[key] for key in site if isinstance(site[key], int)}
    return sites


def test_several_files_are_summed_site_by_site(driver, saved):
    moved = (driver.profiles / "example.txt").read_bytes()
    moved = moved.replace(b"threads 4242\n", b"threads 17\n").replace(b"threshold 1 4", b"threshold 1 9")
    one, other = saved.save("example"), saved.save(moved, "other.json")

    def elsewhere(profile):  # as address space randomization makes it
        for frame in profile["frames"]:
            if frame["module"] is not None:
                frame["address"] = hex(int(frame["address"], 16) + 0x5000)

    several = expanded(saved.report([one, saved.change(other, elsewhere)], "json"))
    single = expanded(one.read_text())
    assert several["max_threshold"] == 4
    assert several["process"]["pid"] == 0 and several["process"]["arguments"] is None
    assert several["process"]["executable"] == "/usr/bin/example"
    sums = "count bytes allocations allocated_bytes larger equal by_realloc same_scope".split()
    before, after = numbers(single), numbers(several)
    assert before.keys() == after.keys()
    for stack, site in before.items():
        assert [after[stack].get(key, 0) for key in sums] == [
            2 * site.get(key, 0) for key in sums
        ]
        assert after[stack]["max_size"] == site["max_size"]
    assert several["totals"]["allocations"] == 2 * single["totals"]["allocations"]
    assert several["sites"][0]["threads"] == [17, 4242]
    assert [len(site["free_stacks"]) for site in several["sites"]] == [
        len(site["free_stacks"]) for site in single["sites"]
    ]


def test_sites_at_different_lines_stay_apart_in_a_sum(driver, saved):
    moved = (driver.profiles / "example.txt").read_bytes().replace(b"buffer.c:31", b"buffer.c:32")
    text = saved.report([saved.save("example"), saved.save(moved, "other.json")], "summary")
    assert "buffer.c:31" in text and "buffer.c:32" in text


@pytest.mark.parametrize("files", [1, 3])
def test_loading_survives_every_failing_allocation(driver, saved, files):
    text = saved.report([saved.save("example")] * files, "summary", "--fail-each")
    assert "all clean" in text


@pytest.mark.parametrize("files", [1, 3])
def test_loading_that_the_user_ends_says_so(driver, saved, files):
    path = saved.save("example")
    for report in (["csv"], ["diff", "--before", path]):
        text = saved.report([path] * files, *report, "--interrupt-each")
        assert "interrupts, all clean" in text


def rebuilt(profile):
    """As after a change of the program: other lines, one site gone, one new, one worse."""
    sites = {site["location"]["function"]: site for site in profile["sites"]}
    for site in profile["sites"]:
        for frame in [site["location"], *site["stack"]]:
            frame["line"] += 3
    for frame in [sites["read_line"]["location"], *sites["read_line"]["stack"]]:
        if frame["function"] == "read_line":
            frame["function"] = "next_line"
    sites["join"]["by_distance"][1] = {"count": 500, "bytes": 32000}
    sites["visit"]["by_distance"][1] = {"count": 2, "bytes": 1024}


def test_a_diff_matches_names_and_not_lines(driver, saved):
    before = saved.first()
    text = saved.report(saved.change(before, rebuilt), "diff", "--before", before)
    rows = [line.split() for line in text.splitlines()]
    changes = {row[0]: row[-1] for row in rows if row[-1] in ("new", "gone", "worse", "better")}
    assert changes == {
        "join": "worse",
        "visit": "better",
        "next_line": "new",
        "read_line": "gone",
    }
    assert [row[0] for row in rows[1:5]] == ["join", "visit", "read_line", "next_line"]
    assert "+6.250KB" in rows[1] and rows[1][-3:] == ["400", "500", "worse"]
    assert rows[5][:2] == ["3", "unchanged"]
    assert rows[6][0] == "Total" and rows[6][-2:] == ["508", "607"]
    assert text.endswith("\n1 new, 1 worse, 1 better, 1 gone, 3 unchanged at threshold 1\n")


def test_a_diff_counts_the_rows_that_it_does_not_show(driver, saved):
    before = saved.first()
    changed = saved.change(before, rebuilt)
    text = saved.report(changed, "diff", "--before", before, "--rows", 1)
    assert "\n3 more changed " in text and "visit" not in text
    wide = saved.report(changed, "diff", "--before", before, "--columns", 100)
    assert max(map(len, wide.splitlines())) <= 100


def test_a_diff_of_the_same_results_has_no_rows(driver, saved):
    path = saved.first()
    text = saved.report(path, "diff", "--before", path)
    assert len(text.splitlines()) == 4 and "7 unchanged at" not in text
    assert "0 new, 0 worse, 0 better, 0 gone, 6 unchanged at threshold 1" in text
    assert "all clean" in saved.report(path, "diff", "--before", path, "--fail-each")
    nothing = saved.save("none", "none.json")
    assert saved.report(nothing, "diff", "--before", nothing).startswith("0 new, ")


def test_a_verdict_has_ten_lines_at_most_with_the_worst_stack_first(driver, saved):
    text = driver.report("example", "check")
    lines = text.splitlines()
    assert len(lines) <= 11 and lines[-1] == "verdict 1"
    assert lines[0] == (
        "tmpalloc: check failed at threshold 1: 508 temporaries of 72.523MB; allowed: 0 temporaries"
    )
    assert lines[1].startswith("Worst is site 1: 77 temporaries of 72.485MB; grows step by step")
    assert lines[2].startswith("  #1   buffer_append at /home/user/example/buffer.c:31")
    deep = saved.change(saved.first(), deepen)
    lines = saved.report(deep, "check").splitlines()
    assert len(lines) == 11 and lines[-2] == "  38 more frames"
    assert saved.report(saved.change(deep, cut), "check").splitlines()[-2] == "  1 more frame"


def deepen(profile):
    stack = profile["sites"][0]["stack"]
    stack += stack[-1:] * 40


def cut(profile):
    del profile["sites"][0]["stack"][9:]


def test_a_verdict_by_a_baseline_names_what_grew_most(driver, saved):
    before = saved.first()
    changed = saved.change(before, rebuilt)
    lines = saved.report(changed, "check", "--before", before).splitlines()
    assert lines[0].endswith("; allowed: 508 temporaries of 72.523MB in before")
    grown = "500 temporaries of 31.250KB, before 400 temporaries of 25.000KB; repeats one size"
    assert lines[1].startswith(f"Worst is site 2: {grown}") and " join at " in lines[2]
    same = saved.report(before, "check", "--before", before)
    assert "check passed" in same and same.endswith("verdict 0\n")
    assert "all clean" in saved.report(changed, "check", "--before", before, "--fail-each")


def test_without_allocations_there_is_no_verdict(driver, tmp_path):
    empty = b"engine agent\nprocess 1\nthreshold 1 1\ntotals 0 0 0 0 0\n"
    text = driver.report(empty, "check")
    assert text == "tmpalloc: nothing to check: no allocation was seen\nverdict 2\n"


SUPPRESSIONS = """
# What is known.
^join at  # issue 12: C++ library
append.*[.]c:3.$\t# grows on purpose

nowhere#not a reason
"""


def test_what_is_suppressed_is_left_out_and_counted(driver, saved, tmp_path):
    file = tmp_path / "known.supp"
    file.write_text(SUPPRESSIONS)
    whole = driver.report("example", "summary").splitlines()
    rows = driver.report("example", "summary", "--suppress", file).splitlines()
    assert "join" not in "\n".join(rows) and "buffer_append" not in "\n".join(rows)
    assert rows[-1].split()[:3] == ["2", "suppressed", "locations"] and rows[-1].endswith(" 477")
    assert len(rows) == len(whole) - 2 - 2 + 1  # rows, advice; and the last one
    hidden = driver.report("example", "summary", "--suppress", file, "--rows", 1)
    assert "\n3 more locations, 2 suppressed " in hidden
    assert "\n2 suppressed locations " in driver.report("example", "tree", "--suppress", file)
    profile = driver.results("example", "--suppress", file)
    assert profile["totals"]["suppressed"] == 477
    assert profile["totals"]["temporary"]["count"] == 508
    assert [site["id"] for site in profile["sites"]][:2] == [3, 4]
    assert "\n(suppressed) 76032100\n" in driver.report("example", "folded", "--suppress", file)
    assert "\r\n,477,76032100,," in driver.report("example", "csv", "--suppress", file)
    speedscope = json.loads(driver.report("example", "speedscope", "--suppress", file))
    assert speedscope["shared"]["frames"][-1] == {"name": "(suppressed)"}
    assert [p["endValue"] for p in speedscope["profiles"]] == [76046278, 508]
    assert [p["weights"][-1] for p in speedscope["profiles"]] == [76032100, 477]
    assert b"(suppressed)" in gzip.decompress(
        driver.run("example", "pprof", "--suppress", file).stdout
    )
    file.write_text(".")
    nothing = driver.report("example", "summary", "--suppress", file)
    assert nothing.endswith("508 elsewhere at threshold 1, of which 508 suppressed.\n")


def test_a_bad_suppression_names_file_and_line(driver, tmp_path):
    file = tmp_path / "known.supp"
    file.write_text("fine # reason\n\n  (open # another\n")
    text = driver.error("example", "summary", "--suppress", file)
    assert f"{file}:3: bad regular expression '(open': " in text
    assert "can't read" in driver.error("example", "summary", "--suppress", tmp_path / "none")


def test_suppressing_survives_every_failing_allocation(driver, tmp_path):
    file = tmp_path / "known.supp"
    file.write_text(SUPPRESSIONS)
    assert "all clean" in driver.report("example", "csv", "--suppress", file, "--fail-each")


def test_suppressing_that_the_user_ends_says_so(driver, tmp_path):
    file = tmp_path / "known.supp"
    file.write_text(SUPPRESSIONS)
    assert "all clean" in driver.report("example", "csv", "--suppress", file, "--interrupt-each")


def at(profile, *path):
    for key in path:
        profile = profile[key]
    return profile


def setting(value, *path):
    def change(profile):
        at(profile, *path[:-1])[path[-1]] = value

    return change


def without(*path):
    def change(profile):
        del at(profile, *path[:-1])[path[-1]]

    return change


S = "sites"
HOSTILE = {
    "an older schema": (setting("tmpalloc/0", "schema"), "has the schema tmpalloc/0"),
    "a newer schema": (setting("tmpalloc/3", "schema"), "has the schema tmpalloc/3"),
    "another schema": (setting("x", "schema"), "schema is not tmpalloc/2"),
    "a schema with an escape": (setting("tmpalloc/\x1b[31m", "schema"), "schema tmpalloc/ [31m:"),
    "no object": (lambda profile: [profile], "it is no object"),
    "no sites": (without(S), "sites is no list"),
    "sites by name": (setting({}, S), "sites is no list"),
    "a site that is a number": (setting(3, S, 1), "description of site 2 is no object"),
    "a site without an id": (without(S, 0, "id"), "id of site 1 is no whole number"),
    "two sites with one id": (setting(1, S, 1, "id"), "the id of site 2 is another site's, too"),
    "a negative number": (setting(-1, S, 0, "allocations"), "allocations of site 1 is no whole"),
    "a fraction": (setting(1.5, "totals", "allocations"), "allocations is no whole number"),
    "a number in words": (setting("7", S, 0, "larger"), "larger of site 1 is no whole number"),
    "an infinite threshold": (setting(10**9, "max_threshold"), "from 0 to 1023"),
    "a threshold above": (setting(5, "threshold"), "threshold is no whole number from 0 to 4"),
    "few distances": (without(S, 0, "by_distance", 0), "by_distance of site 1 is no list"),
    "many distances": (setting(3, "max_threshold"), "by_distance of site 1 is no list"),
    "an empty stack": (setting([], S, 2, "stack"), "a stack of site 3 is no list of frames"),
    "a frame of text": (setting("main", S, 2, "stack", 0), "a frame of site 3 is no object"),
    "a frame that isn't numbered": (setting(7, S, 2, "stack", 0), "a frame of site 3 is no number"),
    "a decimal address": (setting("12", S, 0, "stack", 0, "address"), "address of site 1"),
    "a long address": (setting("0x" + "f" * 17, S, 0, "stack", 0, "address"), "no address"),
    "a large line": (setting(2**32, S, 0, "stack", 0, "line"), "line of site 1 is no whole"),
    "a numeric function": (setting(1, S, 0, "stack", 0, "function"), "function of site 1 is no"),
    "a location outside": (setting(6, S, 0, "location_index"), "location_index of site 1"),
    "five free stacks": (setting([[1]] * 5, S, 0, "free_stacks"), "at most 4 stacks"),
    "threads in disorder": (setting([2, 1], S, 0, "threads"), "ascending"),
    "threads of text": (setting(["1"], S, 0, "threads"), "ascending"),
    "an overflow": (setting(2**63 - 1, S, 1, "by_distance", 0, "bytes"), "site 2 is too large"),
    "arguments in a row": (setting("a b", "process", "arguments"), "arguments is no list"),
    "no process": (setting([], "process"), "pid is no whole number"),
    "no engine": (setting(None, "engine"), "engine is no text"),
}


#: The same of what only tmpalloc/2 has.
HOSTILE_LISTS = {
    "no strings": (without("strings"), "strings is no list"),
    "stacks by name": (setting({}, "stacks"), "stacks is no list"),
    "a string that is none": (setting(7, "strings", 0), "one of strings is no text"),
    "a function that is no number": (setting("f", "frames", 0, "function"), "function is no number"),
    "a string beyond": (setting(10**6, "frames", 0, "file"), "file is no number of a string"),
    "a string before": (setting(-1, "frames", 0, "module"), "module is no number of a string"),
    "a frame that is a number": (setting(3, "frames", 0), "a frame is no object"),
    "a stack of frames": (setting([{}], "stacks", 0), "a frame in stacks is no number"),
    "a stack of stacks": (setting([[0]], "stacks", 0), "a frame in stacks is no number"),
    "a frame beyond": (setting([0, 10**9], "stacks", 0), "a frame in stacks is no number of one"),
    "a frame of 64 bits": (setting([2**63 - 1], "stacks", 0), "a frame in stacks is no number"),
    "an empty stack": (setting([], "stacks", 0), "one of stacks is no list of frames"),
    "a stack that is a number": (setting(1, "stacks", 0), "one of stacks is no list of frames"),
    "a site's stack beyond": (setting(999, S, 1, "stack"), "a stack of site 2 is no number of one"),
    "a site's own frames": (setting([0], S, 1, "stack"), "a stack of site 2 is no number of one"),
    "a free stack beyond": (setting(-1, S, 0, "free_stacks", 0, "stack"), "a stack of site 1"),
    "a free stack in a row": (setting([0], S, 0, "free_stacks"), "a stack of site 1 is no number"),
    "five free stacks": (setting([{"stack": 0}] * 5, S, 0, "free_stacks"), "at most 4 stacks"),
    "free stacks by name": (setting({}, S, 0, "free_stacks"), "at most 4 stacks"),
    "many distances": (setting([[0, 0]] * 6, S, 0, "by_distance"), "at most max_threshold + 1"),
    "distances by name": (setting({}, S, 0, "by_distance"), "at most max_threshold + 1 pairs"),
    "a distance of three": (setting([[0, 0, 0]], S, 0, "by_distance"), "no list of pairs"),
    "a negative count": (setting([[-1, 0]], S, 0, "by_distance"), "by_distance of site 1 is no whole"),
    "an overflow": (setting([[1, 2**63 - 1]], S, 1, "by_distance"), "site 2 is too large"),
    "scopes by name": (setting({}, S, 0, "scopes"), "scopes of site 1 is no list"),
    "a scope of three": (setting([[0, 0, 0]], S, 0, "scopes"), "no list of four numbers"),
    "a scope beyond": (setting([[5, 0, 1, 1]], S, 0, "scopes"), "scopes of site 1 is no whole"),
    "a location outside": (setting(99, S, 0, "location", "caller"), "location of site 1"),
    "a location in words": (setting("main", S, 0, "location"), "location of site 1 is no object"),
    "interpreters in a row": (setting("x", "process", "interpreters"), "interpreters is no list"),
    "an interpreter by number": (setting([1], "process", "interpreters"), "interpreters is no list"),
}


def check_refused(saved, path, part):
    text = saved.error(path)
    assert str(path) in text and part in text and "\x1b" not in text


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_holds_something_else_gets_one_line(saved, kind):
    change, part = HOSTILE[kind]
    check_refused(saved, saved.change(saved.first(), change), part)


@pytest.mark.parametrize("kind", HOSTILE_LISTS)
def test_a_number_of_nothing_gets_one_line(saved, kind):
    change, part = HOSTILE_LISTS[kind]
    check_refused(saved, saved.change(saved.save("example"), change), part)


def test_lists_that_would_grow_beyond_all_bounds_are_refused(saved):
    def multiply(profile):
        site = dict(profile["sites"][-1], by_distance=[])
        profile["max_threshold"] = 1023
        profile["sites"] = [dict(site, id=i + 1) for i in range(32769)]

    check_refused(saved, saved.change(saved.save("example"), multiply), "site 32769 is too large")


def test_more_scopes_than_temporaries_are_as_many(saved):
    change = setting([[0, 99, 70, 10**9], [0, 98, 10**6, 1]], S, 0, "scopes")
    path = saved.change(saved.save("example"), change)
    results = expanded(saved.report(path, "json", "--threshold", 0))
    assert results["sites"][0]["same_scope"] == 76


def test_a_compressed_file_is_read_and_one_that_is_damaged_gets_one_line(saved, driver, tmp_path):
    whole = gzip.compress(saved.save("example").read_bytes())
    path = tmp_path / "results.json.gz"
    path.write_bytes(whole)
    assert saved.report(path, "summary") == driver.report("example", "summary")
    for length in range(2, len(whole), 97):
        path.write_bytes(whole[:length])
        check_refused(saved, path, "is cut short")
    for place in range(10, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert saved.error(path)
    path.write_bytes(gzip.compress(b" " * (1 << 30) + b"{}"))
    check_refused(saved, path, "is larger than")
    path.write_bytes(whole + b"more")
    assert saved.error(path)


def test_a_file_without_what_was_added_to_the_schema_is_read(driver, saved):
    def strip(profile):
        for site in profile["sites"]:
            for key in ("location_index", "same_scope_by_distance", "truncated"):
                del site[key]
            for frame in [site["location"], *site["stack"]]:
                del frame["offset"]

    path = saved.change(saved.first(), strip)
    assert "buffer_append at buffer.c:31" in saved.report(path, "summary")


def test_more_same_scope_frees_than_temporaries_are_as_many(saved):
    change = setting(10**6, S, 0, "same_scope_by_distance", 0, "count")
    path = saved.change(saved.first(), change)
    results = expanded(saved.report(path, "json", "--threshold", 0))
    assert results["sites"][0]["same_scope"] == 76


def test_every_beginning_of_a_file_is_refused(saved, tmp_path):
    text = saved.save("none").read_text()
    short = tmp_path / "short.json"
    for length in range(0, len(text) - 2, 97):
        short.write_text(text[:length])
        assert "is cut short" in saved.error(short)


@pytest.mark.parametrize(
    "content, part",
    [
        (b"\1\2", "holds no JSON at byte 0"),
        (b'{"schema":"tmpalloc/1",, ', "holds no JSON at byte 23"),
        (b'{"totals":[1,}]}', "holds no JSON at byte 1"),
        (b'{"process":' + b"[" * 9999 + b"]" * 9999 + b"}", "holds no JSON at byte 2"),
        (b'{"totals":[' + b"[]," * (2 << 20) + b"[]]}", "an item is too large"),
        (b'{"schema":"tmpalloc/1"} trailing', "holds no JSON at byte 23"),
    ],
    ids=["binary", "two commas", "bad value", "deep", "many values", "more behind it"],
)
def test_what_is_no_json_gets_one_line(saved, tmp_path, content, part):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert part in saved.error(path)


def test_what_is_no_file_gets_one_line_at_once(saved, tmp_path):
    pipe, huge = tmp_path / "pipe", tmp_path / "huge"
    os.mkfifo(pipe)
    with open(huge, "wb") as file:
        file.truncate(1 << 40)
    assert "is not a regular file" in saved.error(pipe)
    assert "is not a regular file" in saved.error(tmp_path)
    assert "is larger than 1.000GB" in saved.error(huge)
    assert "can't read" in saved.error(tmp_path / "none")


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_mutation_of_a_file_does_harm(driver, saved, seed, schema):
    fuzzer = driver.path.with_name("fuzz_results")
    file = saved.save("example") if schema == 2 else saved.first()
    done = execute(fuzzer, "--mutate", seed, 300, file)
    read, refused = (int(number) for number in re.findall(r"\d+", done))
    assert read > 50 and refused > 50


def test_sums_that_do_not_fit_are_refused(saved):
    many = saved.change(
        saved.first(), setting(2**62, "sites", 0, "by_distance", 4, "bytes")
    )
    assert "sum of these files is too large" in saved.error([many, many])
    saved.report(many, "site", 1)


def chains_of(saved, paths):
    sites = json.loads(saved.report(paths, "json"))["sites"]
    return [site["chains"] for site in sites if "chains" in site]


def test_growth_chains_of_several_files_are_summed(saved):
    path = saved.save("growth")
    other = saved.save("growth", "other.json")
    for once, twice in zip(chains_of(saved, path), chains_of(saved, [path, other]), strict=True):
        assert twice == {
            **{name: 2 * once[name] for name in ("count", "steps", "replaced_bytes")},
            **{name: once[name] for name in ("longest", "largest")},
            "final_sizes": [[k, 2 * count] for k, count in once["final_sizes"]],
        }


@pytest.mark.parametrize(
    "name, value",
    [("count", -1), ("count", 10**9), ("steps", "1"), ("largest", None), ("final_sizes", None),
     ("final_sizes", [[65, 1]]), ("final_sizes", [[-1, 1]]), ("final_sizes", [[4, 1], [4, 1]]),
     ("final_sizes", [[4, -1]]), ("final_sizes", [[4, 10**9]]), ("final_sizes", [4])],
)  # fmt: skip
def test_chains_that_can_not_be_are_refused(saved, name, value):
    def damage(profile):
        profile["sites"][0]["chains"][name] = value

    path = saved.change(saved.save("growth"), damage)
    assert "chains of site 1 is no list of growth chains' numbers" in saved.error(path)
