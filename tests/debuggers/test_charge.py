"""Who is charged for what the languages' own libraries allocate: the function that uses them."""

import re
import shutil
import subprocess
from collections import Counter

import pytest
from library.results import read_results
from library.support import PROGRAMS, track

DEBUG_INFORMATION = pytest.mark.parametrize("level", ["-g", "-g0"])


def temporaries(document, key="function"):
    """Those of each charged function, at distances up to 1."""
    found = Counter()
    for site in document["sites"]:
        found[site["location"][key]] += sum(d["count"] for d in site["by_distance"][:2])
    return +found


CHARGED = {"join_words": 7, "collect_numbers": 7, "copy_name": 5}


@DEBUG_INFORMATION
def test_functions_that_use_the_cxx_library_are_charged(debugger, start, compile, level):
    program = compile(PROGRAMS / "charged.cpp", level)
    document, _ = track(debugger, program, start)
    assert temporaries(document) == CHARGED


@DEBUG_INFORMATION
def test_functions_that_use_static_libraries_are_charged(debugger, breakpoints, compile, level):
    program = compile(PROGRAMS / "charged.cpp", level, "-static")
    document, _ = track(debugger, program, breakpoints)
    assert temporaries(document) == CHARGED


@pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no rustc")
@DEBUG_INFORMATION
def test_functions_that_use_the_rust_library_are_charged(debugger, start, tmp_path, level):
    program = tmp_path / "program"
    options = ["-O", level.replace("-g0", "-Cdebuginfo=0"), "-o", program]
    subprocess.run(["rustc", *options, PROGRAMS / "charged.rs"], check=True)
    document, _ = track(debugger, program, start)
    found = {name.split("::")[-1]: count for name, count in temporaries(document).items()}
    assert set(found) == {"join_words", "format_numbers"}
    assert found["format_numbers"] >= 5


@pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no rustc")
def test_a_rust_vector_without_capacity_is_one_buffer_that_grows(debugger, start, tmp_path):
    program = tmp_path / "program"
    subprocess.run(["rustc", "-O", "-g", "-o", program, PROGRAMS / "growing.rs"], check=True)
    report = tmp_path / "report.json"
    steps = [start, debugger.run(), f"tmpalloc report json {report}", "tmpalloc summary -r 0"]
    summary = " ".join(debugger.session(program, steps).outputs[3].split())
    sites = read_results(report)["sites"]
    (chains,) = [
        site["chains"]
        for site in sites
        if site["location"]["function"] == "growing::push_all" and "chains" in site
    ]
    assert [chains[key] for key in ("count", "steps", "largest")] == [1, 8, 1024 * 8]
    assert chains["replaced_bytes"] == sum(8 * 4 << i for i in range(8))
    assert (
        "growing::push_all at growing.rs:6 grows step by step: 1 buffer grew 8 times to 8,192B; "
        "make it with_capacity of that size and 8 allocations and up to 7.969KB of copying go away"
    ) in summary
    assert summary.count("grows step by step") == 1


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_the_same_code_is_charged_with_debug_information_and_without(
    debugger, start, compile, tmp_path, level
):
    whole = compile(PROGRAMS / "charged.cpp", "-g", level)
    bare = tmp_path / "bare"
    subprocess.run(["objcopy", "--strip-debug", whole, bare], check=True)
    of_whole, of_bare = (track(debugger, program, start)[0] for program in (whole, bare))
    assert temporaries(of_whole, "offset") == temporaries(of_bare, "offset")
    assert sum(temporaries(of_whole).values()) == 19


def test_a_filter_finds_every_function_of_a_stack(debugger, start, compile):
    program = compile(PROGRAMS / "charged.cpp", "-g0")
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), debugger.run(), start]
    steps += ["tmpalloc catch --at _M_append --once", debugger.continue_(), debugger.continue_()]
    steps += [f"tmpalloc {words}" for words in ("summary --filter _M_append", "tree --filter _M_append")]
    steps += [f"tmpalloc check --at {name} --max-count 7 --exit never" for name in ("_M_append", "main")]
    steps += ["tmpalloc check --at nowhere --max-count 0 --exit never", debugger.continue_()]
    result = debugger.session(program, steps)
    caught, _, summary, tree, within, exceeded, nothing, _ = result.outputs[5:]
    assert "catch 1: " in caught and "join_words" in caught
    assert re.search(r"(?m)^join_words", summary) and "collect_numbers" not in summary
    assert re.search(r"(?m)^\d+ more locations? ", summary)
    assert "join_words" in tree and "collect_numbers" not in tree
    assert "check passed" in within and "check failed" in exceeded
    assert "no call stack matches 'nowhere'" in nothing


def charged_rows(text):
    """Location and Temporaries of each row of a summary."""
    rows = re.findall(r"(?m)^(\w+) .*?%\s+(\d+)\s+[\d.]+%", text)
    return {name: int(count) for name, count in rows}


def outputs(debugger, program, start, lines):
    """What each line says of what the program allocates between its cases."""
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), debugger.run(), start]
    result = debugger.session(program, [*steps, debugger.continue_(), *lines, debugger.continue_()])
    assert result.exit_statuses == [0], result.text
    return result.outputs[5:-1]


def setting(debugger, name, value):
    return f"{'tmpalloc set' if debugger.name == 'lldb' else 'set tmpalloc'} {name} {value}".rstrip()


@DEBUG_INFORMATION
def test_the_charge_is_an_option_and_a_setting(debugger, start, compile, level):
    program = compile(PROGRAMS / "charged.cpp", level)
    lines = ["tmpalloc summary --charge innermost", "tmpalloc summary --charge own", "tmpalloc tree --charge own"]
    lines += [setting(debugger, "charge", "innermost"), "tmpalloc summary", "tmpalloc summary --charge caller"]
    lines += [setting(debugger, "charge", "mine"), "tmpalloc show charge", "tmpalloc summary --charge mine"]
    innermost, own, tree, _, set_, caller, _, shown, bad = outputs(debugger, program, start, lines)
    assert CHARGED == charged_rows(own) == charged_rows(caller)
    assert innermost == set_ and "join_words" not in innermost and "strdup" in innermost
    assert "copy_name" in tree and "strdup" not in tree
    assert shown == 'tmpalloc charge is "innermost".\n'
    assert "mine" in bad and "innermost" in bad and bad.count("\n") == 1


def test_what_the_user_says_is_foreign_or_a_wrapper_is_charged_to_its_caller(
    debugger, start, compile
):
    program = compile(PROGRAMS / "charged.cpp", "-g")
    lines = [setting(debugger, "foreign", "^copy_name"), "tmpalloc summary --charge own", "tmpalloc summary"]
    lines += [setting(debugger, "foreign", "'('"), "tmpalloc summary --charge own", "tmpalloc show foreign"]
    lines += [setting(debugger, "wrapper", "^copy_name"), "tmpalloc summary", setting(debugger, "wrapper", "")]
    lines += ["tmpalloc show wrapper", "tmpalloc summary"]
    _, own, caller, _, kept, shown, _, wrapper, _, cleared, after = outputs(debugger, program, start, lines)
    of_main = {"join_words": 7, "collect_numbers": 7, "main": 5}
    assert charged_rows(own) == of_main == charged_rows(kept) == charged_rows(wrapper)
    assert charged_rows(caller) == CHARGED == charged_rows(after)
    assert re.search(r"(?m)^main at charged.cpp:\d+ \(copy_name\)  ", own)
    assert re.search(r"(?m)^join_words at charged.cpp:\d+ \(std::string::append\)  ", caller)
    assert shown == 'tmpalloc foreign is "^copy_name".\n'
    assert cleared == 'tmpalloc wrapper is "".\n'


@pytest.mark.parametrize("whole", ["function", "expression", "file"])
def test_what_the_debugger_steps_over_is_foreign(debugger, start, compile, whole):
    skips = {
        "gdb": {
            "function": "skip function copy_name",
            "expression": "skip -rfunction ^copy_",
            "file": "skip -gfile *charged.cpp",
        },
        "lldb": {
            "function": "settings set target.process.thread.step-avoid-regexp ^copy_name$",
            "expression": "settings set target.process.thread.step-avoid-regexp ^copy_",
            "file": "settings set target.process.thread.step-avoid-libraries charged",
        },
    }
    program = compile(PROGRAMS / "charged.cpp", "-g")
    lines = [skips[debugger.name][whole], "tmpalloc summary --charge own", "tmpalloc summary"]
    _, own, caller = outputs(debugger, program, start, lines)
    assert charged_rows(caller) == CHARGED
    # When nothing is own, the next weaker rule holds.
    of_main = {"join_words": 7, "collect_numbers": 7, "main": 5}
    assert charged_rows(own) == (CHARGED if whole == "file" else of_main)


def test_a_catch_selects_the_frame_that_it_is_to_charge(debugger, start, compile):
    program = compile(PROGRAMS / "charged.cpp", "-g")
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), debugger.run(), start]
    steps += [setting(debugger, "foreign", "^copy_name")]
    for charge in ("caller", "own"):
        steps += [f"tmpalloc catch --at copy_name --once --charge {charge}", debugger.continue_()]
        steps += ["frame" if debugger.name == "gdb" else "frame info"]
    result = debugger.session(program, [*steps, debugger.continue_(), debugger.continue_()])
    caller, own = result.outputs[7], result.outputs[10]
    assert "copy_name (" in caller or "`copy_name" in caller
    assert "main (" in own or "`main" in own


def test_a_function_in_the_place_of_another_is_not_the_same_call(debugger, start, compile):
    program = compile(PROGRAMS / "scopes.c", "-g", "-O2")
    (summary,) = outputs(debugger, program, start, ["tmpalloc summary"])
    rows = re.findall(r"(?m)^(\w+) at scopes\.c:\d+ .* (\d+) +100\.00% +([\d.]+)%", summary)
    assert sorted(rows) == [("hand_on", "2", "0.00"), ("keep", "2", "100.00"), ("make", "2", "0.00")]
