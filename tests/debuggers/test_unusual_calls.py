"""Programs that call their allocator, or have it called, in unusual ways run as without tmpalloc."""

import subprocess

import pytest
from library.results import read_results
from library.support import C_FLAGS, PROGRAMS, allocations, counted, track

pytestmark = pytest.mark.usefixtures("library")

ENGINES = ("agent", "breakpoint")


@pytest.fixture
def build(compile):
    """Compiles one of our programs, whose functions are found by all libraries."""
    return lambda name: compile(PROGRAMS / f"{name}.c", *C_FLAGS, "-rdynamic")


def run_preloaded(debugger, program):
    """The JSON report of a run under the agent from the program's beginning."""
    report = debugger.directory / "report.json"
    steps = ["tmpalloc start --engine agent", debugger.run(), f"tmpalloc report json {report}"]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [0], result.text + result.stderr.decode()
    return read_results(report)


def allocations_of(document, function):
    """Of the sites that are called from a function."""
    return sum(
        site["allocations"]
        for site in document["sites"]
        if any(frame["function"] == function for frame in site["stack"])
    )


@pytest.mark.parametrize("way", ["preloaded", *ENGINES])
def test_calls_with_a_stack_that_is_not_aligned_count(debugger, build, way):
    program = build("misaligned")
    if way == "preloaded":
        document = run_preloaded(debugger, program)
    else:
        document, _ = track(debugger, program, f"tmpalloc start --engine {way}")
    rounds = sum(range(31)) + 3 * 6
    assert allocations_of(document, "run_round") == 4 * rounds
    assert document["totals"]["dropped"] == 0


@pytest.mark.parametrize("way", ["preloaded", "agent"])
def test_the_agent_calls_none_of_the_programs_functions(debugger, build, way):
    program = build("interposer")
    if way == "preloaded":
        document = run_preloaded(debugger, program)
    else:
        document, _ = track(debugger, program, "tmpalloc start --engine agent")
    assert allocations_of(document, "work") == 300


@pytest.mark.parametrize("way", ["preloaded", *ENGINES])
def test_a_walk_over_files_that_allocates_under_a_lock_is_left_alone(debugger, build, way):
    program = build("own_walk")
    if way == "preloaded":
        document = run_preloaded(debugger, program)
    else:
        document, _ = track(debugger, program, f"tmpalloc start --engine {way}")
    assert allocations_of(document, "work") == 320
    assert allocations_of(document, "dl_iterate_phdr") == 1


@pytest.mark.parametrize("way", ["preloaded", *ENGINES])
def test_handlers_on_small_stacks_have_room_for_the_agent(debugger, compile, way):
    # A function's first call takes 3 KB unless it is bound before.
    program = compile(PROGRAMS / "small_stack.c", *C_FLAGS, "-Wl,-z,now")
    if way == "preloaded":
        document = run_preloaded(debugger, program)
    else:
        document, _ = track(debugger, program, f"tmpalloc start --engine {way}")
    # In each of two threads at four depths: malloc, realloc and calloc.
    assert allocations_of(document, "handle") == 2 * 4 * 3
    assert document["totals"]["dropped"] == 0


#: Runs on a stack whose outermost function returns nowhere: no address of code is that large.
NOWHERE = """
#include <stdlib.h>
static unsigned char stack[1 << 16] __attribute__((aligned(16)));
__attribute__((noinline, used)) static void work(void) {
    for (int i = 0; i < 9; i++)
        free(malloc(10));
    exit(6);
}
int main(void) {
    void **top = (void **)(stack + sizeof stack - 64);
    *--top = (void *)RETURNS;
    __asm__ volatile("mov %0, %%rsp\\n\\tjmp work" ::"r"(top) : "memory");
    return 0;
}
"""


@pytest.mark.parametrize("returns", ["0x4123456789abcdec", "0xbfc1c25cfae6659e", "-1UL"])
def test_what_is_no_address_of_code_ends_a_call_stack(debugger, compile, start, returns):
    program = compile(NOWHERE, *C_FLAGS, f"-DRETURNS={returns}")
    steps = [start, debugger.run(), "tmpalloc status", "tmpalloc summary"]
    result = debugger.session(program, steps)
    assert allocations(result.outputs[2]) >= 9, result.text
    assert "work at " in result.outputs[3], result.text
    assert result.exit_statuses == [6], result.text


def test_the_agent_imports_no_function(library):
    agent = library.with_name("libtmpalloc-agent.so")
    listed = subprocess.check_output(["nm", "-D", "--undefined-only", agent], text=True)
    imported = {line.split()[-1].partition("@")[0] for line in listed.splitlines()}
    data = {"_r_debug", "__libc_single_threaded", "__libc_stack_end", "__environ", "_environ", "environ"}
    assert imported <= data


#: A product that is zero by what it has lost.
TOO_MANY = """
#include <stdlib.h>
__attribute__((noinline)) void case_begins(void) { __asm__ volatile(""); }
__attribute__((noinline)) void case_ends(void) { __asm__ volatile(""); }
int main(void) {
    size_t volatile many = (size_t)1 << 32;
    case_begins();
    void *block = malloc(10);
    if (reallocarray(block, many, many) || calloc(many, many))
        return 1;
    free(block);
    case_ends();
    return 0;
}
"""


def test_a_product_that_overflows_leaves_the_block_as_it_was(debugger, compile, start):
    document, _ = track(debugger, compile(TOO_MANY, *C_FLAGS), start)
    totals = counted(document)
    assert totals["allocations"] == (1, 10)
    assert totals["frees"] == 1
    assert totals["by_distance"] == {0: (1, 10)}
    assert totals["by_realloc"] == 0
