"""Functions that the user names: allocators of any signature, and where tracking is to happen."""

import re

import pytest
from library.results import read_results
from library.support import C_FLAGS, PROGRAMS, allocations, counted, number, sizes, track

CUSTOM = [
    "--allocator alloc=pool_take:size=2,free=pool_give:ptr=2,realloc=pool_resize:ptr=2:size=3",
    "--allocator alloc=Arena::take:size=2,free=Arena::give:ptr=2",
]
#: All but the one that can't be hooked.
KINDS = {
    "take_of_many:size=2": "give",
    "take_slice": "give_and_tell:ptr=2",
    "take_formatted": "give",
    "take_or_throw": "give",
    "take_hidden": "give",
}
ALLOCATORS = " ".join(f"--allocator alloc={take},free={give}" for take, give in KINDS.items())
STUBBORN = "--allocator alloc=take_stubborn,free=give"

#: A compiler that sees a function may keep values where that one changes nothing.
KEPT = """
#include <stdio.h>
__asm__(".text\\n.type take, @function\\ntake: lea arena(%rip), %rax\\n nopl 0(%rax)\\n ret\\n"
        ".size take, . - take\\n"
        ".type give, @function\\ngive: nopl 0(%rax)\\n nopl 0(%rax)\\n ret\\n.size give, . - give\\n"
        ".comm arena, 64\\n");
#define KEEP "movq $77, %%rcx; movq %%rcx, %%rdx; movq %%rcx, %%rsi; movq %%rcx, %%r8;" \\
    "movq %%rcx, %%r9; movq %%rcx, %%r10; movq %%rcx, %%r11; movq %%rcx, %%xmm0;" \\
    "movq %%xmm0, %%xmm1; movq %%xmm0, %%xmm7; movq %%xmm0, %%xmm8; movq %%xmm0, %%xmm15;"
#define DIFFER(name) "xorq $77, %%" name "; orq %%" name ", %%rbx;"
#define DIFFER_WIDE(name) "movq %%" name ", %%rcx;" DIFFER("rcx")
int main(void) {
    unsigned long changed;
    __asm__ volatile(
        "subq $136, %%rsp; xorl %%ebx, %%ebx; movl $40, %%edi;" KEEP
        "call take; movq %%rax, %%rdi; call give;"
        DIFFER("rcx") DIFFER("rdx") DIFFER("rsi") DIFFER("r8") DIFFER("r9") DIFFER("r10")
        DIFFER("r11") DIFFER_WIDE("xmm0") DIFFER_WIDE("xmm1") DIFFER_WIDE("xmm7")
        DIFFER_WIDE("xmm8") DIFFER_WIDE("xmm15") "addq $136, %%rsp;"
        : "=b"(changed) : : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0",
          "xmm1", "xmm7", "xmm8", "xmm15", "memory", "cc");
    printf("%lu\\n", changed);
    return 0;
}
"""


@pytest.fixture
def signatures(compile):
    return compile(PROGRAMS / "custom_signatures.cpp", name="signatures")


def tracked_from_the_start(debugger, program, start):
    """The report of a whole run, and what start and run printed."""
    report = debugger.directory / "report.json"
    steps = [start, debugger.run(), f"tmpalloc report json {report} --force"]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [0], result.text
    return read_results(report), result.outputs


def of_main(document):
    """Counters of the sites below main(): what the libraries allocate before differs."""
    found = []
    for site in document["sites"]:
        functions = [frame["function"] for frame in site["stack"]]
        if "main" in functions:
            site = {key: site[key] for key in site.keys() - {"id", "location", "order", "threads"}}
            stacks = [site.pop("stack"), *site.pop("free_stacks")]
            lines = [[(frame["function"], frame["line"]) for frame in stack] for stack in stacks]
            found.append((lines, sorted(site.items(), key=lambda item: item[0])))
    return sorted(found, key=repr)


@pytest.fixture
def custom(compile):
    return compile(PROGRAMS / "custom_allocators.cpp", name="custom")


def test_custom_allocators_count_and_what_is_beneath_them_does_not(
    debugger, custom, library, start
):
    document, _ = track(debugger, custom, " ".join([start, *CUSTOM]))
    assert sizes(document) == {10: 1, 20: 1, 30: 1, 40: 1}
    assert counted(document)["by_distance"] == {0: (4, 100)}
    assert counted(document)["by_realloc"] == 1
    assert {site["location"]["function"] for site in document["sites"]} == {"main"}


def test_a_custom_allocator_of_c_alone_leaves_the_methods_to_malloc(
    debugger, custom, library, start
):
    document, _ = track(debugger, custom, f"{start} {CUSTOM[0]}")
    assert sizes(document) == {10: 1, 20: 1, 62: 1, 40: 1}


def test_a_custom_allocator_that_is_not_there_is_told_in_one_line(
    debugger, custom, library, breakpoints
):
    missing = "--allocator alloc=nowhere,free=pool_give"
    document, line = track(debugger, custom, f"{breakpoints} {missing}")
    assert "no function nowhere in the loaded files" in line
    assert line.count("\n") == 1
    assert document["totals"]["allocations"] > 0


def test_within_counts_while_the_function_is_on_the_stack(debugger, compile, library, start):
    program = compile(PROGRAMS / "within.c", *C_FLAGS, name="within")
    document, _ = track(debugger, program, f"{start} --within inner")
    # The first call recurses, the second is alone, the third is the other thread's.
    assert sizes(document) == {12: 2, 11: 2, 10: 2 + 2 + 2}
    assert document["totals"]["temporary"]["count"] == 10


def test_within_notices_that_the_function_was_left_by_a_jump(
    debugger, compile, library, start
):
    program = compile(PROGRAMS / "jumps.c", *C_FLAGS, name="jumps")
    document, _ = track(debugger, program, f"{start} --within leaver")
    assert sum(site["allocated_bytes"] for site in document["sites"]) == 50 + 51 + 52
    assert document["totals"]["allocations"] == 3


def test_within_of_an_unknown_function_is_refused_in_one_line(
    debugger, compile, library, breakpoints
):
    program = compile(PROGRAMS / "within.c", *C_FLAGS, name="within")
    document, line = track(debugger, program, f"{breakpoints} --within nowhere")
    assert "no function nowhere" in line and line.count("\n") == 1


def test_functions_of_any_signature_work_as_before_and_count(debugger, signatures, library, start):
    document, _ = track(debugger, signatures, f"{start} {ALLOCATORS}")
    assert sizes(document) == {10: 1, 20: 1, 30: 1, 40: 1, 50: 1, 60: 1}
    assert document["totals"]["temporary"] == {"count": 6, "bytes": 210}


@pytest.mark.parametrize(
    "source, options",
    [
        ("custom_signatures.cpp", ALLOCATORS),
        ("custom_allocators.cpp", " ".join(CUSTOM)),
        ("within.c", "--within inner"),
    ],
)
def test_both_engines_give_the_same_from_the_program_s_start(
    debugger, compile, library, source, options
):
    flags = C_FLAGS if source.endswith(".c") else ()
    program = compile(PROGRAMS / source, *flags, name="program")
    reports = []
    for engine in "agent", "breakpoint":
        document, _ = tracked_from_the_start(
            debugger, program, f"tmpalloc start --engine {engine} {options}"
        )
        reports.append(document)
    agent, breakpoint = map(of_main, reports)
    assert agent and agent == breakpoint
    assert reports[0]["totals"]["dropped"] == reports[1]["totals"]["dropped"] == 0


def test_what_the_agent_cannot_hook_is_named_and_breakpoints_count(debugger, signatures, library):
    refused = f"tmpalloc start --engine agent {STUBBORN}"
    steps = [debugger.break_at("case_begins"), debugger.run(), refused]
    steps += [f"tmpalloc start {STUBBORN}", debugger.continue_(), "tmpalloc status"]
    outputs = debugger.session(signatures, steps).outputs
    reason = "take_stubborn can't be hooked"
    assert f"the agent can't be used: {reason}" in outputs[2] and outputs[2].count("\n") == 1
    assert f"breakpoint engine (auto: {reason})" in outputs[3] and outputs[3].count("\n") == 1
    assert allocations(outputs[5]) > 5
    for start, reason in (
        (f"tmpalloc start {STUBBORN}", reason),
        ("tmpalloc start --within nowhere", "no function nowhere in the loaded files"),
    ):
        document, outputs = tracked_from_the_start(debugger, signatures, start)
        assert f"tmpalloc: breakpoint engine (auto: {reason})\n" in outputs[1]
        assert document["engine"] == "breakpoint"
    result = debugger.session(
        signatures, [f"tmpalloc start --engine agent {STUBBORN}", debugger.run(), "tmpalloc status"]
    )
    assert "the agent can't be used: take_stubborn can't be hooked" in result.outputs[1]
    assert result.exit_statuses == [0]


def test_what_is_left_of_an_agent_is_no_event_and_goes_with_the_process(debugger, compile, library):
    program = compile("int main(void) { return 0; }")
    start = "tmpalloc start --allocator alloc=nowhere,free=pool_give"
    steps = [start, debugger.run(), "tmpalloc status", debugger.run(), start, debugger.run()]
    result = debugger.session(program, [*steps, "tmpalloc status"])
    assert result.exit_statuses == [0, 0, 0]
    for output in result.outputs[2], result.outputs[-1]:
        assert allocations(output) == 0
        assert "; no function nowhere in the loaded files\n" in output


def test_a_thread_in_the_first_bytes_of_a_function_stays_there(debugger, compile, library):
    program = compile(PROGRAMS / "within.c", *C_FLAGS, name="within")
    steps = [debugger.break_at("case_begins"), debugger.run()]
    steps += [debugger.break_on_address("(long)inner+1"), debugger.continue_()]
    steps += [debugger.delete_breakpoints(), debugger.evaluate("$pc"), "tmpalloc start --within inner"]
    steps += [debugger.evaluate("$pc"), debugger.continue_(), "tmpalloc status"]
    result = debugger.session(program, steps)
    assert "breakpoint engine (auto: inner can't be hooked)" in result.outputs[6]
    places = [re.search(r"0x[0-9a-f]+|\d{6,}", result.outputs[i])[0] for i in (5, 7)]
    assert places[0] == places[1]
    assert result.exit_statuses == [0]
    assert allocations(result.outputs[9]) == 4 + 2 + 2  # all but those of the call that was there


def test_a_breakpoint_within_the_replaced_bytes_breaks_nothing(debugger, compile, library):
    program = compile(PROGRAMS / "custom_allocators.cpp", name="custom")
    steps = [f"tmpalloc start --engine agent {CUSTOM[0]}", debugger.break_at("case_begins")]
    steps += [debugger.run(), debugger.break_on_address("(long)pool_take+1"), debugger.continue_()]
    result = debugger.session(program, [*steps, "tmpalloc status"])
    if debugger.name == "gdb":  # the other one tells of no breakpoint
        assert "won't be hit until 'tmpalloc stop'" in "".join(result.outputs[3:5])
    assert result.exit_statuses == [0], result.text
    assert number(result.outputs[5], "deallocations") == 4


def test_stop_gives_the_functions_back_and_start_takes_others(debugger, compile, library):
    program = compile(PROGRAMS / "custom_allocators.cpp", name="custom")
    names = ["pool_take", "pool_give", "pool_resize", "main"]
    code = [debugger.evaluate(f"*(long *){name}") for name in names]
    steps = [f"tmpalloc start --engine agent {CUSTOM[1]}", debugger.break_at("case_begins")]
    steps += [debugger.break_at("case_ends"), debugger.run(), *code, "tmpalloc stop"]
    steps += ["tmpalloc start --engine agent " + CUSTOM[0], *code, debugger.continue_()]
    steps += ["tmpalloc status", "tmpalloc stop", *code]
    outputs = debugger.session(program, steps).outputs
    values = [[text.split()[-1] for text in outputs[i : i + 4]] for i in (4, 10, 17)]
    assert values[0] == values[2]
    assert [one == other for one, other in zip(values[0], values[1])] == [False] * 3 + [True]
    assert number(outputs[15], "deallocations") == 4


def test_a_hooked_function_changes_no_register_that_it_leaves_alone(
    debugger, compile, library, start
):
    program = compile(KEPT, name="kept")
    result = debugger.session(
        program,
        [f"{start} --allocator alloc=take,free=give", debugger.run(), "tmpalloc status"],
    )
    assert result.stdout == b"0\n"
    assert number(result.outputs[2], "temporaries") == 1
