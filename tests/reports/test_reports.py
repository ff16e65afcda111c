"""Reports: from descriptions of profiles to golden texts."""

import os
import re
import resource
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parent / "golden"
#: Set to write the golden files anew; look at the difference before you believe it.
UPDATE = "TMPALLOC_UPDATE_GOLDEN" in os.environ

CASES = {
    "summary": "example summary",
    "summary_terminal_80": "example summary --columns 80",
    "summary_terminal_50": "example summary --columns 50",
    "summary_terminal_120": "example summary --columns 120",
    "summary_colors": "example summary --columns 120 --colors",
    "summary_by_stack": "example summary --by-stack",
    "summary_inclusive": "example summary --inclusive",
    "summary_inclusive_sorted_by_total": "example summary --inclusive --sort total --rows 4",
    "summary_sorted_by_count": "example summary --sort count",
    "summary_sorted_by_share": "example summary --sort share",
    "summary_hidden_rows": "example summary --rows 2",
    "summary_hidden_stacks": "example summary --rows 5 --by-stack",
    "summary_all": "example summary --all",
    "summary_all_hidden": "example summary --all --sort count --rows 2",
    "summary_all_thread": "example summary --all --tid 4243",
    "summary_same_scope": "example summary --same-scope",
    "summary_filter": "example summary --filter reader[.]c:[0-9]+$|/opt/plugin|join",
    "summary_thread": "example summary --tid 4243",
    "summary_nothing_matches": "example summary --filter nowhere",
    "summary_without_temporaries": "none summary",
    "summary_names": "names summary",
    "summary_names_terminal": "names summary --columns 100",
    "tree": "example tree",
    "tree_terminal": "example tree --columns 60",
    "tree_hidden_rows": "example tree --rows 3",
    "tree_filter": "example tree --filter join",
    "tree_without_temporaries": "none tree",
    "tree_names": "names tree --columns 80",
    "site_1": "example site 1",
    "site_2": "example site 2",
    "site_6_truncated": "example site 6",
    "site_wide": "example site 2 --columns 150",
    "site_narrow": "example site 1 --columns 60",
    "site_without_temporaries": "none site 1",
    "live": "example live",
    "live_terminal": "example live --columns 60 --rows 2",
    "live_filter": "example live --filter join --tid 4242",
    "live_nothing_matches": "example live --filter nowhere",
    "live_without_blocks": "none live",
    "explain": "example explain 140737354031110 --tid 4243",
    "explain_other_thread": "example explain 93824992231424 --tid 4243",
    "explain_no_bytes": "example explain 140737354035200",
    "explain_end_of_block": "example explain 93825000624192",
    "json": "example json",
    "json_names": "names json",
    "json_without_temporaries": "none json",
    "folded": "example folded",
    "folded_names": "names folded",
    "speedscope": "example speedscope",
    "callgrind": "example callgrind",
    "markdown": "example markdown",
    "markdown_judged": "names markdown --judged",
    "junit": "example junit --judged",
    "github": "example github --folder /home/user/example",
    "sarif": "example sarif --folder /home/user/example",
    "csv": "example csv",
    "csv_names": "names csv",
    "growth_summary": "growth summary",
    "growth_site": "growth site 3",
    "growth_json": "growth json",
    "growth_csv": "growth csv",
}

#: Reports that people read.
FOR_PEOPLE = ("summary", "tree", "site", "live", "explain")


@pytest.mark.parametrize("name", CASES)
def test_a_report_is_its_golden_text(driver, name):
    description, *arguments = CASES[name].split()
    text = driver.report(description, *arguments)
    file = GOLDEN / f"{name}.txt"
    if UPDATE:
        file.write_bytes(text.encode())
    assert text.encode() == file.read_bytes()


def test_every_golden_file_has_its_case():
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(CASES) | {"tree_utf8"}


def test_a_tree_has_lines_where_the_terminal_knows_them(driver):
    text = driver.report("example", "tree", "--columns", 80, locale="C.UTF-8")
    file = GOLDEN / "tree_utf8.txt"
    if UPDATE:
        file.write_bytes(text.encode())
    assert text.encode() == file.read_bytes()


@pytest.mark.parametrize("case", [c for c in CASES.values() if "--columns" not in c])
def test_text_without_a_terminal_does_not_depend_on_the_locale(driver, case):
    description, *arguments = case.split()
    plain = driver.report(description, *arguments)
    assert driver.report(description, *arguments, locale="C.UTF-8") == plain


@pytest.mark.parametrize(
    "case", [c for c in CASES.values() if c.split()[1] in FOR_PEOPLE]
)
def test_no_line_ends_with_blanks_and_the_text_ends_with_a_newline(driver, case):
    description, *arguments = case.split()
    text = driver.report(description, *arguments)
    assert text.endswith("\n")
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
@pytest.mark.parametrize("report", ["summary", "tree"])
@pytest.mark.parametrize("description", ["example", "names"])
def test_a_table_fits_the_terminal(driver, description, report, columns):
    text = driver.report(description, report, "--columns", columns, locale="C.UTF-8")
    table = [line for line in text.splitlines() if "(tmpalloc site" not in line]
    wide = re.compile("[\u3000-\u9fff]")
    assert max(len(wide.sub("ww", line)) for line in table) <= columns


def test_without_a_terminal_nothing_is_cut(driver):
    longest = "emplace_hint_unique<example::Widget const&> at registry.cpp:1207 "
    assert longest in driver.report("names", "summary")


def test_a_shortened_name_keeps_file_and_line(driver):
    text = driver.report("names", "summary", "--columns", 100)
    assert re.search(r"^std::uno\.\.\.registry\.cpp:1207 ", text, re.MULTILINE)


def test_names_cannot_control_the_terminal(driver):
    for report in ("summary", "tree", "folded", "csv"):
        text = driver.run("names", report).stdout
        assert b"\x1b" not in text and b"\xff" not in text


def amount(text):
    """Bytes of a size as printed."""
    number, unit = re.fullmatch(r"([\d.]+)([KMGT]?B)", text).groups()
    return float(number) * 1024 ** ["B", "KB", "MB", "GB", "TB"].index(unit)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--rows", "1"],
        ["--rows", "2", "--by-stack"],
        ["--same-scope"],
        ["--tid", "4243"],
        ["--filter", "join"],
        ["--inclusive", "--rows", "3"],
    ],
    ids=" ".join,
)
def test_own_memory_and_temporaries_of_all_rows_are_everything(driver, options):
    lines = driver.report("example", "summary", *options).splitlines()[1:]
    rows = [re.search(r"(\S+B) +(\d+\.\d\d)% +([\d,]+)(?:  |$)", line) for line in lines]
    rows = [row.groups() for row in rows if row]
    assert sum(int(count.replace(",", "")) for _, _, count in rows) == 508
    assert abs(sum(amount(size) for size, _, _ in rows) - 76046278) < 2048


def description(sites, frames="", threshold="1 1"):
    """A profile with these sites at functions f0, f1 ..."""
    lines = [
        f"threshold {threshold}",
        "process 1",
        "engine breakpoint",
        "totals 1000 1000 0 0 0",
        "frame malloc | malloc | - | /lib/libc.so.6",
        frames,
    ]
    for i, items in enumerate(sites):
        lines.append(f"frame f{i} | f{i} | /src/f.c:{i + 1} | /bin/f")
        lines.append(f"site malloc f{i}")
        lines += items
    return "\n".join(lines).encode()


def simple_sites(count):
    return [
        [f"temporaries 0 1 {count - i}", "allocations 1 1", "threads 1"] for i in range(count)
    ]


def shown_rows(text):
    return len(re.findall(r"^f\d+ at", text, re.MULTILINE))


@pytest.mark.parametrize(
    "options, rows",
    [
        ([], 10),
        (["--rows", "0"], 50),
        (["--rows", "7"], 7),
        (["--columns", "100", "--terminal-rows", "30"], 27),
        (["--columns", "100", "--terminal-rows", "5"], 10),
        (["--columns", "100", "--terminal-rows", "200"], 50),
    ],
    ids=str,
)
@pytest.mark.parametrize("report", ["summary", "tree"])
def test_as_many_rows_are_shown_as_fit_the_terminal_but_at_least_ten(driver, report, options, rows):
    text = driver.report(description(simple_sites(50)), report, *options)
    hidden = re.search(r"(\d+) more", text)
    assert shown_rows(text) == rows
    assert int(hidden[1] if hidden else 0) == 50 - rows


def test_rows_leave_room_for_the_advice_on_a_terminal(driver):
    items = ["temporaries 0 9 9", "allocations 10 10", "equal 9", "threads 1"]
    text = driver.report(
        description([items] * 50), "summary", "--columns", 100, "--terminal-rows", 33
    )
    assert text.count("(tmpalloc site") == 15
    assert len(text.splitlines()) == 32


@pytest.mark.parametrize("height", [16, 24, 40])
def test_advice_never_scrolls_the_first_rows_away(driver, height):
    """What has no room is counted, with the sites that it is about."""
    items = ["temporaries 0 9 9", "allocations 10 10", "equal 9", "threads 1"]
    options = ["--columns", 60, "--terminal-rows", height]
    text = driver.report(description([items] * 50), "summary", *options)
    lines = text.splitlines()
    assert len(lines) < height and max(map(len, lines)) <= 60
    hidden = re.search(r"^Advice for (\d+) more rows?: tmpalloc site \d+(, \d+)*", text, re.M)
    assert (height > 30) == (hidden is None)
    rows = text.count("9B")
    assert rows >= 10 and text.count("(tmpalloc site") + int(hidden[1] if hidden else 0) == rows


def test_a_log_has_advice_of_all_rows_in_lines_of_its_width(driver):
    items = ["temporaries 0 9 9", "allocations 10 10", "equal 9", "threads 1"]
    text = driver.report(description([items] * 20), "summary", "--log-columns", 60)
    assert text.count("(tmpalloc site") == 10
    assert max(map(len, text.splitlines())) <= 60 and "\x1b" not in text


LONG = "a::rather::long::namespace::with::many::parts::and::a::class::template<%s>::and_its_member_function"
#: Pairs of functions, files and modules that short names, or names that are cut, don't tell apart.
ALIKE = {
    "instances": ["f<int, std::allocator<int> >|/f.c:1|/m", "f<int>|/f.c:1|/m"],
    "rust": ["f::h0123456789abcdef|/f.rs:1|/m", "f::hfedcba9876543210|/f.rs:1|/m"],
    "files": ["f|/src/one/util.c:1|/m", "f|/src/other/util.c:1|/m"],
    "deep": ["f|/a/x/y/util.c:1|/m", "f|/b/x/y/util.c:1|/m", "f|/b/z/y/util.c:1|/m"],
    "modules": ["f|-|/opt/a/libx.so", "f|-|/opt/b/libx.so"],
    "nameless": ["-|-|/opt/a/libx.so", "-|-|/opt/b/libx.so"],
    "cut": [LONG % x + "|/f.cc:1|/m" for x in ("int", "long", "ink", "größe", "größer")],
    "ends": [LONG % "int" + f"|/some/file.cc:{line}|/m" for line in (1, 11, 111)],
}


@pytest.mark.parametrize("name", ALIKE)
@pytest.mark.parametrize("width", [46, 60, 80, 200])
@pytest.mark.parametrize("report", ["summary", "tree", "live"])
def test_no_two_rows_read_the_same(driver, name, width, report):
    lines = ["threshold 1 1", "process 1", "engine agent", "totals 9 900 9 0 0"]
    lines += ["frame malloc | malloc | - | /lib/libc.so.6"]
    for i, frame in enumerate(ALIKE[name]):
        lines += [f"frame f{i} | " + frame.replace("|", " | "), f"site malloc f{i}"]
        lines += [f"temporaries 0 1 {9 + i}", f"allocations 1 {9 + i}", "threads 1"]
        lines += [f"block {4096 * (i + 1)} 9 0 1"]
    text = driver.report("\n".join(lines).encode(), report, "--columns", width)
    names = [re.split("  +", line)[0] for line in text.splitlines()[1:] if not line[0].isspace()]
    assert len(names) == len(set(names)) == len(ALIKE[name]), text
    assert max(map(len, text.splitlines())) <= width


def test_rows_of_a_diff_that_differ_in_what_they_call_show_it(driver, tmp_path):
    lines = ["threshold 1 1", "process 1", "engine agent", "totals 9 900 9 0 0"]
    lines += ["frame malloc | malloc | - | /lib/libc.so.6", "frame main | main | /f.c:5 | /m"]
    lines += [f"frame c{i} | c{i} | /usr/include/c++/12/f.h:{i} | /m" for i in range(9)]
    for name in ("one", "other"):
        lines += [f"frame {name} | {name} | /usr/include/c++/12/g.h:1 | /m"]
        lines += [f"site malloc {name} {' '.join(f'c{i}' for i in range(9))} main"]
        lines += ["temporaries 0 1 9", "allocations 1 9", "threads 1"]
    empty = tmp_path / "empty.json"
    before = "\n".join([*lines[:4], ""]).encode()
    driver.report(before, "json", "--write", empty)
    text = driver.report("\n".join(lines).encode(), "diff", "--before", empty, "--log-columns", 120)
    names = [re.split("  +", line)[0] for line in text.splitlines()[1:3]]
    assert [name.split(" > ")[0] for name in names] == ["main", "main"], text
    assert [name.split(" > ")[-2] for name in names] == ["one", "other"], text


def test_branches_to_one_place_show_the_lines_that_they_leave(driver):
    lines = ["threshold 1 1", "process 1", "engine agent", "totals 9 900 9 0 0"]
    lines += ["frame malloc | malloc | - | /lib/libc.so.6", "frame f | f | /f.c:9 | /m"]
    for line in (3, 5):
        lines += [f"frame main{line} | main | /f.c:{line} | /m", f"site malloc f main{line}"]
        lines += [f"temporaries 0 1 {line}", f"allocations 1 {line}", "threads 1"]
    text = driver.report("\n".join(lines).encode(), "tree")
    assert re.findall(r"(?m)^.*? > .*?(?=  )", text) == [f"main at f.c:{n} > f at f.c:9" for n in (5, 3)]


def test_a_python_file_that_says_too_little_has_its_folder(driver):
    frames = "python p | search | /usr/lib/python3.11/re/__init__.py:176 | -"
    text = description([["temporaries 0 1 9", "allocations 1 9", "threads 1"]], frames)
    text = text.replace(b"site malloc f0", b"site malloc p f0")
    assert "search at re/__init__.py:176 " in driver.report(text, "summary")


def pattern_of(driver, temporaries, allocations, larger=0, equal=0, threads=(1,)):
    items = [
        f"temporaries 0 {temporaries} 100",
        f"allocations {allocations} 100",
        f"larger {larger}",
        f"equal {equal}",
        "threads " + " ".join(map(str, threads)),
    ]
    return driver.results(description([items]))["sites"][0]["pattern"]


@pytest.mark.parametrize(
    "counters, pattern",
    [
        (dict(temporaries=3, allocations=4, larger=3), None),
        (dict(temporaries=4, allocations=5, larger=4), "grows"),
        (dict(temporaries=4, allocations=4, equal=3), "repeats"),
        (dict(temporaries=9, allocations=11, larger=8, equal=1), "grows"),
        (dict(temporaries=9, allocations=11, larger=7, equal=3), "mixed"),
        (dict(temporaries=9, allocations=11, larger=2, equal=8), "repeats"),
        (dict(temporaries=9, allocations=11, larger=0, equal=7), "mixed"),
        (dict(temporaries=8, allocations=8, equal=4, threads=(1, 2, 3, 4)), "repeats"),
        (dict(temporaries=4, allocations=4, threads=(1, 2, 3, 4)), "mixed"),
        (dict(temporaries=4, allocations=4, larger=4), "grows"),
    ],
    ids=str,
)
def test_a_pattern_needs_four_temporaries_and_four_fifths_of_the_blocks(driver, counters, pattern):
    assert pattern_of(driver, **counters) == pattern


def test_a_location_shows_the_pattern_of_its_site_with_most_bytes(driver):
    text = """threshold 1 1
engine breakpoint
process 1
totals 100 100 0 0 0
frame malloc | malloc | - | -
frame f | f | /src/f.c:1 | -
frame a | a | /src/f.c:2 | -
frame b | b | /src/f.c:3 | -
site malloc f a
  temporaries 0 10 100
  allocations 11 110
  equal 10
  threads 1
site malloc f b
  temporaries 0 10 300
  allocations 11 310
  larger 10
  threads 1
"""
    row = driver.report(text.encode(), "summary").splitlines()[1]
    assert row.split() == "f at f.c:1 400B 100.00% 400B 100.00% 20 90.91% 0.00% grows".split()


def test_a_recursive_function_counts_once_in_total_memory(driver):
    text = driver.report("example", "summary", "--inclusive", "--rows", 0)
    assert re.search(r"^walk at tree\.c:8 +1\.500KB ", text, re.MULTILINE)


def test_a_threshold_above_the_largest_is_refused(driver):
    line = driver.error(description([], threshold="3 2"), "summary")
    assert line == "error -2: threshold 3 is above the largest one that was recorded, 2\n"


def test_sites_are_listed_by_bytes_then_count_then_first_sight_and_numbered_by_that(driver):
    def site(count, size):
        return [f"temporaries 0 {count} {size}", "allocations 9 9", "threads 1"]

    text = description([site(1, 5), site(2, 5), site(1, 5), site(9, 4), site(1, 6)])
    sites = driver.results(text)["sites"]
    assert [s["id"] for s in sites] == [5, 2, 1, 3, 4]
    assert [s["location"]["function"] for s in sites] == ["f4", "f1", "f0", "f2", "f3"]


def test_temporaries_beyond_the_threshold_do_not_count(driver):
    sites = [["temporaries 0 1 10", "temporaries 2 5 50", "allocations 9 90", "threads 1"]]
    at_one = driver.results(description(sites, threshold="1 3"))
    at_two = driver.results(description(sites, threshold="2 3"))
    assert at_one["totals"]["temporary"] == {"count": 1, "bytes": 10}
    assert at_two["totals"]["temporary"] == {"count": 6, "bytes": 60}
    assert at_one["totals"]["by_distance"] == at_two["totals"]["by_distance"]


@pytest.mark.parametrize(
    "scope, count",
    [("0 3 7", 7), ("0 2 7", 7), ("0 1 7", 0), ("1 2 7", 7), ("2 2 7", 0)],
)
def test_same_scope_needs_the_location_and_all_its_callers_still_active(driver, scope, count):
    text = f"""threshold 1 2
engine breakpoint
process 1
totals 9 9 0 0 0
frame new | operator new | - | -
frame allocate | std::allocator<int>::allocate | - | -
within allocate | location | /src/f.c:1 | -
frame main | main | /src/f.c:2 | -
site new allocate main
  temporaries 0 7 70
  temporaries 2 7 70
  allocations 14 140
  scope {scope} 70
  threads 1
"""
    assert driver.results(text.encode())["sites"][0]["same_scope"] == count


@pytest.mark.parametrize("number", [0, 8, 99, 4294967295])
def test_an_unknown_site_is_refused(driver, number):
    line = driver.error("example", "site", number)
    assert line == f"error -2: no site {number}: sites are 1 to 7\n"


def test_no_site_is_known_when_there_is_none(driver):
    line = driver.error(description([]), "site", 1)
    assert line == "error -2: no site 1: there are no sites\n"


def test_rows_can_be_sorted_by_scope(driver):
    text = """threshold 0 0
process 1
engine breakpoint
totals 30 300 30 0 0
frame malloc | malloc | - | -
"""
    for name, same_scope in ("f", 3), ("g", 8), ("h", 5):
        text += f"""frame {name} | {name} | /src/f.c:1 | -
site malloc {name}
  temporaries 0 10 100
  allocations 10 100
  threads 1
  scope 0 1 {same_scope} {same_scope * 10}
"""
    lines = driver.report(text.encode(), "summary", "--sort", "scope").splitlines()
    assert [line[0] for line in lines[1:4]] == ["g", "h", "f"]


@pytest.mark.parametrize(
    "equal, same_scope, advice, in_summary",
    [
        (9, 7, "repeats one size: reuse a buffer or a pool", True),
        (9, 8, "repeats one size, freed by the function that allocates it: use a local", True),
        (5, 7, "mixed sizes: keep one buffer that is large enough for all", False),
        (5, 8, "mixed sizes, freed by the function that allocates them: use a local", False),
    ],
)
def test_advice_depends_on_sizes_and_on_who_frees(driver, equal, same_scope, advice, in_summary):
    text = f"""threshold 0 0
process 1
engine breakpoint
totals 10 100 10 0 0
frame malloc | malloc | - | -
frame f | f | /src/f.c:1 | -
site malloc f
  temporaries 0 10 100
  allocations 10 100
  equal {equal}
  threads 1
  scope 0 1 {same_scope} {same_scope * 10}
""".encode()
    assert f"\n  Pattern      {advice}" in driver.report(text, "site", 1)
    header, row, *rest = driver.report(text, "summary").splitlines()
    assert row.split()[-2] == f"{same_scope * 10}.00%" and header.split()[-2] == "Scope"
    assert [line.startswith(f"f at f.c:1 {advice}") for line in rest] == [True] * in_summary


def test_scope_is_unknown_where_stacks_were_cut_and_no_advice_comes_from_it(driver):
    text = b"""threshold 0 0
process 1
engine breakpoint
totals 10 100 10 0 0
frame malloc | malloc | - | -
frame f | f | /src/f.c:1 | -
site malloc f ...
  temporaries 0 10 100
  allocations 10 100
  equal 9
  threads 1
  scope 0 2 10 100
"""
    header, row, advice = driver.report(text, "summary").splitlines()
    assert row.split()[-2] == "-" and header.split()[-2] == "Scope"
    assert "repeats one size: reuse a buffer or a pool" in advice
    assert "an unknown number (stacks were cut) within the same call" in driver.report(text, "site", 1)
    assert driver.results(text)["sites"][0]["same_scope"] is None


@pytest.mark.parametrize(
    "case",
    [
        "example summary",
        "example summary --by-stack --filter join",
        "names summary --columns 100 --colors",
        "example tree",
        "example tree --columns 60 --filter join",
        "example site 2",
        "example site 2 --columns 150",
        "example live --columns 60 --filter join",
        "example explain 140737354031110",
        "example json",
        "names json",
        "example folded",
        "names speedscope",
        "example pprof",
        "example callgrind",
        "names html",
        "example sarif --folder /home",
        "example github",
        "example markdown --judged",
        "example junit --judged",
        "names csv",
    ],
)
def test_every_failed_allocation_is_a_clean_error(driver, case):
    name, *arguments = case.split()
    answer = driver.report(name, *arguments, "--fail-each")
    failures = re.fullmatch(r"(\d+) failures, all clean\n", answer)
    assert failures and int(failures[1]) >= 5


@pytest.mark.parametrize(
    "case",
    [
        "example summary",
        "example tree",
        "example site 2",
        "example json",
        "example folded",
        "names speedscope",
        "example pprof",
        "example callgrind",
        "names html",
        "example sarif --folder /home",
        "example github",
        "example markdown --judged",
        "example junit --judged",
        "names csv",
        "example check",
    ],
)
def test_a_report_that_the_user_ends_says_so_whatever_it_was_doing(driver, case):
    name, *arguments = case.split()
    answer = driver.report(name, *arguments, "--interrupt-each")
    interrupts = re.fullmatch(r"(\d+) interrupts, all clean\n", answer)
    assert interrupts and int(interrupts[1]) >= 5


def test_a_failed_allocation_while_source_lines_are_shown_is_a_clean_error(driver, tmp_path):
    source = tmp_path / "f.c"
    source.write_text("some line\n" * 20)
    assert "all clean" in driver.report(driver.site_at(source, 9), "site", 1, "--fail-each")


def many_sites(count, depth):
    """A profile of many sites whose stacks share few frames."""
    lines = ["threshold 1 16", "process 1", "engine breakpoint", "totals 1 1 0 0 0"]
    lines.append("frame malloc | malloc | - | /lib/libc.so.6")
    for i in range(3000):
        lines.append(f"frame f{i} | function_{i % 2500} | /src/file{i % 50}.c:{i % 900} | /bin/f")
    for i in range(count):
        frames = " ".join(f"f{(i * 7 + level * (i % 13 + 1)) % 3000}" for level in range(depth))
        lines += [f"site malloc {frames}", f"temporaries {i % 17} 5 {i}", "allocations 9 900"]
        lines += ["larger 7", "threads 1"]
    return "\n".join(lines).encode()


def processor_seconds(run, *arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("report", ["summary --rows 0", "tree", "folded", "csv", "json"])
def test_time_grows_as_the_number_of_sites_does(driver, report):
    few, many = (
        processor_seconds(driver.report, many_sites(count, 30), *report.split())
        for count in (3_000, 12_000)
    )
    assert many < 10 * few  # with the square of the number it would be sixteen times
