"""Who is charged for what the languages' own libraries allocate: the function that uses them."""

import re
import shutil
import subprocess
from collections import Counter

import pytest
from library.support import PROGRAMS, track

DEBUG_INFORMATION = pytest.mark.parametrize("level", ["-g", "-g0"])


def temporaries(document):
    """Those of each charged function, at distances up to 1."""
    found = Counter()
    for site in document["sites"]:
        found[site["location"]["function"]] += sum(d["count"] for d in site["by_distance"][:2])
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
