"""Allocators that bring strdup() and the like with them: these allocate, and count once."""

import pytest
from library.support import C_FLAGS, PROGRAMS, counted, sizes, track

pytestmark = pytest.mark.usefixtures("library")

ALLOCATOR = PROGRAMS / "copying_allocator.c"
USER = PROGRAMS / "copying.c"
SIZES = {10: 1, 11: 1, 4: 1, 20: 1, 1000: 1, 2: 1, 12: 1}
FLAGS = (*C_FLAGS, "-O1", "-fPIC")


@pytest.fixture
def build(compile, tmp_path):
    """The program with its allocator: in a library, in the executable, or all in one file."""

    def build(place, *flags):
        if place == "library":
            compile(ALLOCATOR, *FLAGS, "-shared", *flags, name="libcopying.so")
            where = ["-L", tmp_path, "-lcopying", f"-Wl,-rpath,{tmp_path}"]
            return compile(USER, *C_FLAGS, *where, name="copying")
        linked = ["-static"] if place == "static" else ["-rdynamic"]
        allocator = compile(ALLOCATOR, *FLAGS, "-c", *flags, name="allocator.o")
        return compile(USER, *C_FLAGS, allocator, *linked, name="copying")

    return build


def assert_each_counts_once(document):
    assert sizes(document) == SIZES
    totals = counted(document)
    assert totals["allocations"] == (len(SIZES), sum(SIZES))
    assert totals["frees"] == len(SIZES)
    assert totals["by_distance"] == {0: (len(SIZES), sum(SIZES))}


@pytest.mark.parametrize("flags", [(), ("-DNESTED",)], ids=["alone", "nested"])
@pytest.mark.parametrize("place", ["library", "executable"])
def test_an_allocators_own_copies_of_strings_count_once(debugger, build, start, place, flags):
    document, _ = track(debugger, build(place, *flags), start)
    assert_each_counts_once(document)


@pytest.mark.parametrize("flags", [(), ("-DNESTED",)], ids=["alone", "nested"])
def test_they_count_in_a_static_executable(debugger, build, flags):
    document, _ = track(debugger, build("static", *flags), "tmpalloc start --engine breakpoint")
    assert_each_counts_once(document)


def test_they_count_from_the_start_of_the_program(debugger, build):
    report = debugger.directory / "bytes.folded"
    steps = ["tmpalloc start --engine agent", debugger.run(), f"tmpalloc report folded {report}"]
    result = debugger.session(build("library"), steps)
    assert result.exit_statuses == [0], result.text
    stacks = [line.split() for line in report.read_text().splitlines() if "copy_all" in line]
    assert sorted(int(size) for _, size in stacks) == sorted(SIZES)


@pytest.mark.parametrize("static", [(), ("-static",)], ids=["shared", "static"])
def test_those_of_the_c_library_count_through_malloc(debugger, compile, breakpoints, static):
    program = compile(USER, *C_FLAGS, *static, name="copying")
    document, started = track(debugger, program, "tmpalloc start --engine breakpoint")
    assert "strdup" not in started and "strndup" not in started
    totals = counted(document)
    assert totals["allocations"][0] == len(SIZES)
    assert totals["frees"] == len(SIZES)
