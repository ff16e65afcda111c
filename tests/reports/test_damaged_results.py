"""Files that hold no results, or none that can be: one line each, and no harm."""

import gzip
import os
import re

import pytest
from library.results import expanded
from library.support import execute


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
    "counts by name": (setting({}, S, 0, "free_stacks", 0, "by_distance"), "by_distance of free_st"),
    "many counts": (setting([0] * 6, S, 0, "free_stacks", 0, "by_distance"), "+ 1 numbers"),
    "a negative part": (setting([-1], S, 0, "free_stacks", 0, "by_distance"), "is no whole"),
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
