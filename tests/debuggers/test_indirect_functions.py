"""Allocators, and functions that the user names, that are indirect: STT_GNU_IFUNC.

Their symbols have the address of a resolver, which the dynamic linker asks for the function.
"""

import re
import subprocess
from collections import Counter

import pytest
from library.results import read_results
from library.support import C_FLAGS, PROGRAMS, number, start_process, track

pytestmark = pytest.mark.usefixtures("library")

#: Sizes that indirect_user.c asks for.
ASKED = {24: 50, 33: 10, 44: 5, 55: 1, 66: 1}
#: How the allocator and the program are built: functions of an own heap can't be patched, and
#: addresses of functions may be those of the program's procedure linkage table.
BUILDS = {
    "wrapper, bound at once": ([], ["-Wl,-z,now"]),
    "own heap, bound late": (["-DOWN_HEAP"], ["-Wl,-z,lazy"]),
    "own heap, taken addresses": (["-DOWN_HEAP"], ["-no-pie", "-Wl,-z,lazy"]),
}


@pytest.fixture(params=list(BUILDS))
def program(request, compile):
    heap, binding = BUILDS[request.param]
    flags = [*C_FLAGS, "-shared", "-fPIC", *heap]
    library = compile(PROGRAMS / "indirect_allocator.c", *flags, name="libindirect.so")
    flags = [*C_FLAGS, *binding, str(library), f"-Wl,-rpath,{library.parent}"]
    return compile(PROGRAMS / "indirect_user.c", *flags)


#: For tests of which one program is enough.
LATE = pytest.mark.parametrize("program", ["own heap, bound late"], indirect=True)


def check(document, rounds=1):
    """What work() asks for is counted, once each, and freed."""
    found = Counter()
    for site in document["sites"]:
        if site["location"]["function"] == "work":
            assert site["min_size"] == site["max_size"]
            found[site["min_size"]] += site["allocations"]
    assert found == {size: rounds * count for size, count in ASKED.items()}
    asked_bytes = rounds * sum(size * count for size, count in ASKED.items())
    assert document["totals"]["temporary"] == {"count": 67 * rounds, "bytes": asked_bytes}
    assert document["totals"]["dropped"] == 0


@pytest.mark.parametrize("args", [(), ("called before",)])
def test_an_indirect_allocator_counts_from_a_stop_on(debugger, program, start, args):
    document, line = track(debugger, program, start, args)
    check(document)
    assert document["totals"]["allocations"] == document["totals"]["deallocations"] == 67
    assert re.search(r"\(malloc, free, realloc, calloc in libindirect\.so, ", line), line


def test_an_indirect_allocator_counts_from_the_start_of_the_program(debugger, program, start):
    report = debugger.directory / "report.json"
    steps = [start, debugger.run(), f"tmpalloc report json {report}"]
    result = debugger.session(program, steps, ["called before"])
    assert result.exit_statuses == [0], result.text
    check(read_results(report), rounds=2)
    assert "malloc, free, realloc, calloc in libindirect.so" in result.text


@LATE
def test_an_indirect_allocator_counts_after_attach(debugger, program, start):
    process = start_process(program, "called", "waits", stdin=subprocess.PIPE)
    try:
        report = debugger.directory / "report.json"
        steps = [debugger.attach(process.pid), start, debugger.break_at("case_ends")]
        steps += [debugger.script(f"open('/proc/{process.pid}/fd/0', 'w').write('\\n')")]
        steps += [debugger.continue_(), f"tmpalloc report json {report}", debugger.detach()]
        result = debugger.session(None, steps)
        assert report.exists(), result.text
        check(read_results(report))
        assert process.wait(60) == 0
    finally:
        process.kill()


@LATE
def test_start_after_stop_counts_an_indirect_allocator_again(debugger, program, start):
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), start]
    steps += [debugger.run(), "tmpalloc stop", "tmpalloc reset", start, debugger.continue_()]
    result = debugger.session(program, [*steps, "tmpalloc status", debugger.continue_()], ["called"])
    assert number(result.outputs[8], "temporaries") == 67, result.text
    assert result.exit_statuses == [0]


@pytest.mark.parametrize("option", ["-static", "-static-pie"])
@pytest.mark.parametrize("when", ["before", "at a stop"])
def test_a_static_executable_with_an_indirect_allocator_is_counted(
    debugger, compile, option, when
):
    allocator = str(PROGRAMS / "indirect_allocator.c")
    program = compile(PROGRAMS / "indirect_user.c", *C_FLAGS, "-DOWN_HEAP", option, allocator)
    if when == "at a stop":
        document, line = track(debugger, program, "tmpalloc start")
        assert "breakpoint engine (auto: the program is a static executable)" in line
        check(document)
        return
    report = debugger.directory / "report.json"
    steps = ["tmpalloc start", debugger.run(), f"tmpalloc report json {report}"]
    result = debugger.session(program, steps)
    check(read_results(report))
    assert "4 entry points (malloc, free, realloc, calloc in program)" in result.text


@pytest.fixture(params=["executable", "stripped library"])
def pool(request, compile):
    """A program that calls indirect functions of its own or of a library."""
    source, user = PROGRAMS / "indirect_pool.c", PROGRAMS / "indirect_pool_user.c"
    if request.param == "executable":
        return compile(user, *C_FLAGS, str(source), name="pool")
    library = compile(source, *C_FLAGS, "-shared", "-fPIC", "-s", name="libpool.so")
    flags = [str(library), f"-Wl,-rpath,{library.parent}", "-Wl,-z,lazy"]
    return compile(user, *C_FLAGS, *flags, name="pool")


#: Options, and what is counted then: number and bytes.
NAMED = pytest.mark.parametrize(
    "option, counts",
    [
        ("--allocator alloc=pool_take:size=2,free=pool_give:ptr=2", {"count": 6, "bytes": 210}),
        ("--within phase", {"count": 5, "bytes": 650}),
    ],
)


@NAMED
@pytest.mark.parametrize("args", [(), ("called before",)])
def test_indirect_functions_that_the_user_names_count_from_a_stop_on(
    debugger, pool, start, option, counts, args
):
    document, _ = track(debugger, pool, f"{start} {option}", args)
    assert document["totals"]["temporary"] == counts
    assert document["totals"]["allocations"] == counts["count"]


@NAMED
def test_indirect_functions_that_the_user_names_count_from_the_start(
    debugger, pool, start, option, counts
):
    report = debugger.directory / "report.json"
    steps = [f"{start} {option}", debugger.run(), f"tmpalloc report json {report}"]
    result = debugger.session(pool, steps)
    assert result.exit_statuses == [0], result.text
    assert read_results(report)["totals"]["temporary"] == counts
