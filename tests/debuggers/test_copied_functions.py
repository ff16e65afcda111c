"""Functions that the user names and a compiler has copied: into callers, and with other arguments."""

import re
import subprocess

import pytest
from library.results import read_results
from library.support import PROGRAMS, number

FLAGS = ["-O2", "-fno-builtin"]
POOL = "--allocator alloc=take_fixed:size=2,free=give:ptr=2"

#: Copies that differ in their arguments, and two of one function.
TWO_SIZES = """
#include <stdio.h>
#include <stdlib.h>
static char arena[4096];
static volatile int used, sink;
#define NOINLINE __attribute__((noinline))
NOINLINE void *take(size_t size) {
    char *block = arena + used;
    used = (used + (int)size) % 1024;
    return block;
}
NOINLINE void give(void *block, int how) {
    sink += block != NULL;
    if (how > 5)
        abort();
}
NOINLINE void work(int rounds) {
    for (int i = 0; i < rounds; i++) {
        give(take(16 + (size_t)i), 1);
        give(take(300), i % 3);
    }
}
int main(void) {
    work(10);
    puts("done");
    return 0;
}
"""

#: A function with a short way that is inlined and a long one that isn't.
PARTED = """
#include <stdio.h>
#include <stdlib.h>
static char arena[4096];
static volatile int sink;
__attribute__((noinline)) void *take(size_t size) {
    sink += (int)size;
    return arena;
}
static void give(char *block) {
    if (!block)
        return;
    for (int i = 0; i < 100; i++) {
        sink += block[i];
        fprintf(stderr, "%s", "");
        arena[i] = (char)sink;
        sink += puts("") + puts("");
    }
}
__attribute__((noinline)) void one(char *block) { give(block); sink++; }
__attribute__((noinline)) void two(char *block) { give(block); sink--; }
int main(void) {
    one(take(3));
    two(take(4));
    return 0;
}
"""


def tracked(debugger, program, start):
    """The report of a whole run, what `run` printed, and the status after it."""
    report = debugger.directory / "report.json"
    steps = [start, debugger.run(), f"tmpalloc report json {report} --force", "tmpalloc status"]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [0], result.text
    return read_results(report), result.outputs[1], result.outputs[3]


def sizes(document, function):
    """The number of blocks by size that a function allocated."""
    found = {}
    for site in document["sites"]:
        if site["stack"][0]["function"] == function:
            key = site["min_size"], site["max_size"]
            found[key] = found.get(key, 0) + site["count"]
    return found


def symbols(program):
    return subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout


def needs_copy(program, name):
    if not re.search(rf" {name}\.", symbols(program)):
        pytest.skip(f"this compiler makes no copy of {name}")


def test_copies_of_an_allocator_count_with_the_arguments_that_are_left(
    debugger, compile, library, start
):
    program = compile(PROGRAMS / "copied_functions.c", *FLAGS, name="copied")
    needs_copy(program, "give")
    document, line, _ = tracked(debugger, program, f"{start} {POOL}")
    assert sizes(document, "take_fixed") == {(48, 48): 30}
    assert "not counted" not in line and "nobody" not in line


def test_within_counts_in_a_copy(debugger, compile, library, start):
    program = compile(PROGRAMS / "copied_functions.c", *FLAGS, name="copied")
    needs_copy(program, "phase")
    document, _, _ = tracked(debugger, program, f"{start} --within phase")
    assert document["totals"]["allocations"] == 30
    assert document["totals"]["temporary"]["count"] == 30


def test_a_function_and_its_copies_count_together(debugger, compile, library, start):
    program = compile(TWO_SIZES, *FLAGS, name="sizes")
    document, _, _ = tracked(
        debugger, program, f"{start} --allocator alloc=take,free=give"
    )
    assert document["totals"]["temporary"]["count"] == 20
    assert sum(sizes(document, "take").values()) == 20


def test_whole_program_optimization_leaves_local_functions(debugger, compile, library, start):
    program = compile(PROGRAMS / "copied_functions.c", *FLAGS, "-flto", name="copied")
    document, _, _ = tracked(debugger, program, f"{start} --within phase")
    assert document["totals"]["temporary"]["count"] == 30


def test_without_debug_information_one_line_says_whose_arguments_are_unknown(
    debugger, compile, library
):
    program = compile(PROGRAMS / "copied_functions.c", *FLAGS, "-g0", name="copied")
    needs_copy(program, "give")
    document, output, _ = tracked(debugger, program, f"tmpalloc start {POOL}")
    assert document["engine"] == "breakpoint"
    (line,) = [x for x in output.splitlines() if "tracking process" in x]
    assert "not counted, for nothing tells where the arguments are: take_fixed." in line
    assert "give." in line


def test_inlined_copies_are_named_with_their_number_and_place(debugger, compile, library, start):
    program = compile(PROGRAMS / "copied_functions.c", *FLAGS, name="copied")
    options = "--allocator alloc=take_fixed:size=2,free=take_inlined:ptr=1"
    breakpoints = start.replace("agent", "auto")  # what is only inlined isn't there to be hooked
    _, output, status = tracked(debugger, program, f"{breakpoints} {options}")
    (line,) = [x for x in output.splitlines() if "tracking process" in x]
    source = (PROGRAMS / "copied_functions.c").read_text().splitlines()
    (at,) = [i for i, text in enumerate(source, 1) if "take_inlined(pool" in text]
    told = f"take_inlined is inlined in 1 place (phase at copied_functions.c:{at})"
    assert told in line
    assert told in status


def test_a_function_that_is_inlined_in_part_is_told_without_debug_information(
    debugger, compile, library, start
):
    program = compile(PARTED, *FLAGS, "-g0", name="parted")
    if " give.part" not in symbols(program):
        pytest.skip("this compiler makes no part of the function")
    start = start.replace("agent", "auto")
    _, output, _ = tracked(debugger, program, f"{start} --allocator alloc=take,free=give")
    assert "give is inlined in part, where no call can be counted" in output


def test_a_name_with_a_dot_of_somebody_else_is_no_copy(debugger, compile, library, breakpoints):
    program = compile(
        """
        #include <stdlib.h>
        void other(void) __asm__("phase.other");
        __attribute__((noinline)) void other(void) { free(malloc(3)); }
        int main(void) { other(); return 0; }
        """
    )
    result = debugger.session(
        program, [f"{breakpoints} --within phase", debugger.run(), "tmpalloc status"]
    )
    assert "no function phase in the loaded files" in result.text
    assert number(result.outputs[2], "allocations") == 0
