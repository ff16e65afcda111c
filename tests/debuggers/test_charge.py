"""Who is charged for what the languages' own libraries allocate: the function that uses them."""

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
