"""Programs whose allocator is in the executable: nothing stands between it and its callers."""


import pytest
from library.results import read_results
from library.support import C_FLAGS, PROGRAMS

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def build(compile):
    """Compiles the program, and its library whose constructor allocates."""

    def build(*flags):
        source = PROGRAMS / "own_allocator.c"
        library = compile(
            source, *C_FLAGS, "-shared", "-fPIC", "-DLIBRARY", name="libconstructed.so"
        )
        needed = [str(library), f"-Wl,-rpath,{library.parent}"]
        return compile(source, *C_FLAGS, *flags, *needed)

    return build


def run_tracked(debugger, program, start):
    report = debugger.directory / "report.json"
    steps = [start, debugger.run(), f"tmpalloc report json {report}"]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [0], result.text
    assert report.exists(), result.text
    return read_results(report), result


def allocations(document):
    """By function; all of them are temporaries."""
    assert document["totals"]["temporary"]["count"] == document["totals"]["allocations"]
    return {site["location"]["function"]: site["allocations"] for site in document["sites"]}


def test_what_constructors_of_libraries_allocate_counts(debugger, build, start):
    document, _ = run_tracked(debugger, build(), start)
    assert allocations(document) == {"set_up": 7, "work": 50}
    assert document["totals"]["allocated_bytes"] == 7 * 111 + 50 * 24


def test_functions_without_room_for_a_jump_get_breakpoints_in_time(debugger, build):
    reason = "the allocator's functions can't be hooked"
    document, result = run_tracked(debugger, build("-DEMPTY_FREE"), "tmpalloc start")
    assert result.text.count(reason) == 1
    assert f"tmpalloc: breakpoint engine (auto: {reason})\n" in result.text
    assert allocations(document) == {"set_up": 7, "work": 50}
    assert document["totals"]["dropped"] == 0


def test_functions_without_room_for_a_jump_refuse_the_agent_in_one_line(debugger, build):
    steps = ["tmpalloc start --engine agent", debugger.run(), "tmpalloc status"]
    result = debugger.session(build("-DEMPTY_FREE"), steps)
    reason = "the allocator's functions can't be hooked"
    assert result.text.count(f"tmpalloc: the agent can't be used: {reason} (--engine") == 1
    assert "an event was lost" not in result.text
    assert result.exit_statuses == [0]
