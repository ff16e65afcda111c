"""Results in files: loaded again, summed, compared, suppressed."""

import gzip
import json

import pytest
from library.results import expanded

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
    "callgrind",
    "sarif",
    "github",
    "markdown",
    "junit",
    "html",
]


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
        if report not in ("json", "site 2"):  # which have more to say of who freed what when
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
    assert [site["free_counts"] for site in several["sites"]] == [
        [2 * count for count in site["free_counts"]] for site in single["sites"]
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


def test_a_renamed_caller_makes_no_site_new(driver, saved):
    def rename(profile):
        for site in profile["sites"]:
            for frame in site["stack"][site["stack"].index(site["location"]) + 1 :]:
                frame["function"] = f"{frame['function']}_renamed"

    before = saved.first()
    after = saved.change(before, rename)
    text = saved.report(after, "diff", "--before", before)
    assert "\n0 new, 0 worse, 0 better, 0 gone, 6 unchanged at threshold 1\n" in text


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
