"""Formats that other programs read, checked by what those programs' authors published."""

import json
import re
import shutil
import subprocess

import pytest
from library.published import read_pprof, read_sarif, read_speedscope

DESCRIPTIONS = ["example", "names", "none"]


@pytest.fixture
def speedscope(driver):
    return lambda description: read_speedscope(driver.report(description, "speedscope"))


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_speedscope_shows_every_temporary_by_bytes_and_by_count(driver, speedscope, description):
    document = speedscope(description)
    wanted = driver.results(description)["totals"]["temporary"]
    by_bytes, by_count = document["profiles"]
    assert (by_bytes["unit"], by_count["unit"]) == ("bytes", "none")
    assert by_bytes["samples"] == by_count["samples"]
    for profile, total in (by_bytes, wanted["bytes"]), (by_count, wanted["count"]):
        assert sum(profile["weights"]) == profile["endValue"] == total
        assert len(profile["weights"]) == len(profile["samples"])


def test_speedscope_stacks_are_the_folded_ones(driver, speedscope):
    document = speedscope("example")
    names = [frame["name"] for frame in document["shared"]["frames"]]
    stacks = [";".join(names[i] for i in s) for s in document["profiles"][0]["samples"]]
    folded = driver.report("example", "folded").splitlines()
    assert stacks == [line.rpartition(" ")[0] for line in folded]


@pytest.fixture
def sarif(driver):
    """Reads a report that was written in some folder."""

    def read(description, folder="/home/user/example"):
        return read_sarif(driver.report(description, "sarif", "--folder", folder))

    return read


def message(result):
    return result["message"]["text"]


def physical(result):
    return result["locations"][0]["physicalLocation"]


def fingerprint(result):
    return result["partialFingerprints"]["tmpallocLocation/v1"]


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_sarif_has_one_result_for_each_line_with_temporaries(driver, sarif, description):
    results = sarif(description)["results"]
    sites = driver.results(description)["sites"]
    places = {json.dumps(r["locations"]) for r in results}
    assert len(results) == len(places) == len({fingerprint(r) for r in results})
    assert sum(r["properties"]["count"] for r in results) == sum(s["count"] for s in sites)
    assert sum(r["properties"]["bytes"] for r in results) == sum(s["bytes"] for s in sites)


def test_sarif_results_are_of_the_rule_of_their_pattern(sarif):
    run = sarif("example")
    rules = run["tool"]["driver"]["rules"]
    found = {}
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert result["ruleId"] == rule["id"]
        assert result["level"] == rule["defaultConfiguration"]["level"]
        found[message(result).split()[0].rstrip(":")] = rule["id"], result["level"]
    assert found == {
        "buffer_append": ("tmpalloc-grows", "warning"),
        "join": ("tmpalloc-repeats", "warning"),
        "libplugin.so+0x100b": ("tmpalloc-mixed", "note"),
        "visit": ("tmpalloc-few", "note"),
        "main": ("tmpalloc-mixed", "note"),  # by way of log_message, which lies elsewhere
        "read_line": ("tmpalloc-few", "note"),
    }
    assert message(run["results"][0]) == (
        "buffer_append at buffer.c:31: 77 temporary allocations, 72.485MB. 98.72% of what is "
        "allocated here is freed again almost at once. Grows step by step: reserve the final "
        "size once."
    )


def test_sarif_files_are_relative_to_the_working_directory(sarif):
    run = sarif("example")
    assert run["originalUriBaseIds"] == {"%SRCROOT%": {"uri": "file:///home/user/example/"}}
    assert physical(run["results"][0]) == {
        "artifactLocation": {"uri": "buffer.c", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 31},
    }
    elsewhere = sarif("example", folder="/home/user/exam")["results"][0]
    uri = {"uri": "file:///home/user/example/buffer.c"}
    assert physical(elsewhere)["artifactLocation"] == uri


def test_sarif_places_what_is_elsewhere_at_its_callers_line_here(sarif):
    place = next(r for r in sarif("example")["results"] if "log_message" in message(r))
    assert physical(place)["artifactLocation"]["uri"] == "main.c"
    assert physical(place)["region"] == {"startLine": 19}
    plugin = next(r for r in sarif("example")["results"] if "libplugin" in message(r))
    assert physical(plugin) == {"artifactLocation": {"uri": "file:///opt/plugin/libplugin.so"}}


def test_sarif_places_what_a_header_does_at_the_line_that_includes_it(sarif):
    text = """threshold 0 0\nprocess 1\nengine agent\ntotals 1 1 0 0 0
    frame vector | insert | /usr/include/vector.tcc:70 | /bin/f
    frame libc | start | ../csu/start.c:5 | /bin/f
    frame fill | fill | /home/ci/a.cc:5 | /bin/f\nsite vector libc fill
    temporaries 0 9 9000\nallocations 9 9000\nthreads 1\n"""
    text = text.replace("\n    ", "\n").encode()
    here = sarif(text, "/home/ci")["results"][0]
    assert message(here).startswith("fill at a.cc:5 (start): ")
    assert physical(here)["artifactLocation"] == {"uri": "a.cc", "uriBaseId": "%SRCROOT%"}
    steps = here["codeFlows"][0]["threadFlows"][0]["locations"]
    artifacts = [s["location"]["physicalLocation"]["artifactLocation"] for s in steps]
    assert artifacts[1:] == [{"uri": "../csu/start.c"}, {"uri": "file:///usr/include/vector.tcc"}]
    elsewhere = sarif(text, "/srv")["results"][0]
    assert physical(elsewhere)["artifactLocation"] == {"uri": "file:///usr/include/vector.tcc"}
    moved = sarif(text.replace(b":70", b":71").replace(b":5", b":6"), "/home/ci")["results"][0]
    assert fingerprint(moved) == fingerprint(here)


def test_sarif_shows_at_each_line_what_came_by_way_of_it(sarif):
    text = """threshold 0 0\nprocess 1\nengine agent\ntotals 26 26 0 0 0
    frame vector | insert | /usr/include/vector.tcc:70 | /bin/f
    frame reserve | reserve | /usr/include/vector.tcc:20 | /bin/f
    frame first | fill | /home/ci/a.cc:5 | /bin/f
    frame again | fill | /home/ci/a.cc:9 | /bin/f
    frame other | main | /home/ci/b.cc:5 | /bin/f
    site vector first other\ntemporaries 0 9 9000\nallocations 9 9000\nthreads 1
    site reserve first other\ntemporaries 0 6 600\nallocations 8 800\nthreads 1
    site vector again other\ntemporaries 0 4 400\nallocations 4 400\nthreads 1
    site vector other\ntemporaries 0 3 30\nallocations 3 30\nthreads 1
    site vector other first\ntemporaries 0 2 20\nallocations 2 20\nthreads 1\n"""
    results = sarif(text.replace("\n    ", "\n").encode(), "/home/ci")["results"]
    shown = {
        (physical(r)["artifactLocation"]["uri"], physical(r)["region"]["startLine"]): (
            r["properties"]["count"],
            r["properties"]["bytes"],
        )
        for r in results
    }
    assert shown == {("a.cc", 5): (15, 9600), ("a.cc", 9): (4, 400), ("b.cc", 5): (5, 50)}
    assert message(results[0]).startswith("fill at a.cc:5 (insert, 1 more): 15 temporary ")
    assert len({fingerprint(r) for r in results}) == len(results) == 3


GROWING = """threshold 1 1
process 1
engine agent
totals 40 40 0 0 0
frame new | operator new | - | /lib/libstdc++.so.6
frame push | push_back | /usr/include/c++/12/vector.tcc:9 | /bin/f
frame insert | insert | /usr/include/c++/12/vector.tcc:5 | /bin/f
frame fill | fill | /home/ci/a.cc:5 | /bin/f
site new push fill
temporaries 1 9 900
allocations 10 1000
larger 9
chains 1 9 900 9 512 10 1
site new insert fill
temporaries 1 8 400
allocations 10 500
larger 8
chains 2 8 400 4 256 9 2
"""
ALL_GROWTH = "grows step by step: 3 buffers grew 17 times, the largest to 512B; "


def test_sarif_and_html_advise_on_all_growth_of_a_location(driver, sarif):
    summary = driver.report(GROWING.encode(), "summary")
    assert ALL_GROWTH in summary
    (result,) = sarif(GROWING.encode(), "/home/ci")["results"]
    assert ALL_GROWTH[1:] in message(result)
    page = driver.report(GROWING.encode(), "html")
    data = json.loads(re.search(r'<script [^>]*id="data">(.*?)</script>', page, re.S)[1])
    ((frame, advice, steps),) = data["growths"]
    assert data["frames"][frame][0] == "fill" and steps == 17
    assert advice.startswith(ALL_GROWTH) and advice in " ".join(summary.split())


def test_sarif_uris_are_encoded(sarif):
    uris = [physical(r)["artifactLocation"]["uri"] for r in sarif("names", folder="/src")["results"]]
    assert "ma%C3%9F/gr%C3%B6%C3%9Fe.cc" in uris and "a,%22b%22.c" in uris


def test_sarif_shows_how_the_allocation_and_the_free_were_reached(sarif):
    result = sarif("example")["results"][1]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    names = [s["location"]["logicalLocations"][0]["fullyQualifiedName"] for s in steps]
    assert names[:3] == ["_start", "main", "read_file"] and names[-1] == "operator new"
    assert len(result["stacks"]) == 2
    frame = result["stacks"][0]["frames"][0]
    assert frame["location"]["message"]["text"] == "free in libc.so.6"
    assert frame["module"] == "/lib/x86_64-linux-gnu/libc.so.6"


def growth(lines, folder="/home/ci"):
    """Functions that grow a buffer at these lines of one file."""
    text = "threshold 1 1\nprocess 1\nengine agent\ntotals 1 1 0 0 0\n"
    for line in lines:
        text += f"frame f{line} | grow | {folder}/a.c:{line} | /bin/f\nsite f{line}\n"
        text += f"temporaries 0 9 {9000 - line}\nallocations 9 9000\nlarger 8\nthreads 1\n"
    return text.encode()


def test_sarif_fingerprints_survive_a_rebuild_elsewhere(sarif):
    before = sarif(growth([10, 20]), "/home/ci")["results"]
    after = sarif(growth([25, 15], "/srv"), "/srv")["results"]
    by_line = {physical(r)["region"]["startLine"]: fingerprint(r) for r in before + after}
    assert by_line[10] == by_line[15] != by_line[20] == by_line[25]


@pytest.fixture
def pprof(driver):
    return lambda description: read_pprof(driver.run(description, "pprof").stdout)


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_pprof_has_all_sites_and_their_sums(driver, pprof, description):
    profile = pprof(description)
    strings = profile.string_table
    assert [(strings[t.type], strings[t.unit]) for t in profile.sample_type] == [
        ("temporary_objects", "count"),
        ("temporary_space", "bytes"),
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
    ]
    assert strings[profile.default_sample_type] == "temporary_space"
    sites = driver.results(description)["sites"]
    keys = ("count", "bytes", "allocations", "allocated_bytes")
    assert [tuple(s.value) for s in profile.sample] == [tuple(s[k] for k in keys) for s in sites]


def test_pprof_stacks_are_the_folded_ones_with_inlined_functions_as_lines(driver, pprof):
    profile = pprof("example")
    strings = profile.string_table
    names = {f.id: strings[f.name] for f in profile.function}
    locations = {location.id: location for location in profile.location}
    stacks = [
        ";".join(
            names[line.function_id]
            for location in reversed(sample.location_id)
            for line in reversed(locations[location].line)
        )
        for sample in profile.sample
        if sample.value[0]
    ]
    folded = driver.report("example", "folded").splitlines()
    assert stacks == [line.rpartition(" ")[0] for line in folded]
    assert max(len(location.line) for location in profile.location) == 3


def test_pprof_tells_the_program_its_build_id_and_what_was_run(pprof):
    profile = pprof("example")
    strings = profile.string_table
    program = profile.mapping[0]
    assert strings[program.filename] == "/usr/bin/example"
    assert strings[program.build_id] == "0123456789abcdef"
    assert program.memory_start == 0x400000
    assert [strings[m.build_id] for m in profile.mapping[1:]] == [""] * (len(profile.mapping) - 1)
    comments = [strings[c] for c in profile.comment]
    assert comments[0].endswith("engine breakpoint, threshold 1")
    assert comments[1:] == ["./example --input data.txt"]


def test_pprof_leaves_allocators_out_as_our_tables_do(pprof):
    profile = pprof("example")
    dropped = re.compile(f"^({profile.string_table[profile.drop_frames]})$")
    simple = ["malloc", "realloc", "operator new", "std::allocator_traits::allocate"]
    full = "std::allocator_traits<std::allocator<char> >::allocate"
    assert [name for name in [*simple, full] if not dropped.match(name)] == []
    names = {profile.string_table[f.name] for f in profile.function}
    assert {"join", "buffer_append", "main", "read_line"} <= {n for n in names if not dropped.match(n)}


def test_pprof_labels_tell_process_build_and_threads(driver, pprof):
    profile = pprof("example")
    strings = profile.string_table
    for sample, site in zip(profile.sample, driver.results("example")["sites"]):
        labels = [(strings[label.key], strings[label.str], label.num) for label in sample.label]
        named = [label for label in labels if label[0] not in ("pattern", "thread")]
        assert named == [
            ("process", "example", 0),
            ("build_id", "0123456789abcdef", 0),
            ("pid", "", 4242),
        ]
        threads = [int(value) for key, value, _ in labels if key == "thread"]
        assert threads == site["threads"]


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no go: install golang-go")
def test_go_reads_pprof(driver, tmp_path):
    file = tmp_path / "example.pb.gz"
    file.write_bytes(driver.run("example", "pprof").stdout)
    command = ["go", "tool", "pprof", "-top", "-sample_index=temporary_objects", file]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "buffer_append" in done.stdout and "of 508 total" in done.stdout
