"""Results belong to what they came from: they are never another program's or core's."""

import re

import pytest
from library.results import read_results
from library.support import C_FLAGS, PROGRAMS, allocations

pytestmark = pytest.mark.usefixtures("library")

SAVE_CORE = {"gdb": "gcore {}", "lldb": "process save-core --style full {}"}
OTHERS = "not of what is selected"


@pytest.fixture
def program(compile):
    return compile(PROGRAMS / "commanded.c", *C_FLAGS)


@pytest.fixture
def other(compile):
    return compile("int main(void) { return 0; }", name="other")


def load_core(debugger, program, core):
    if debugger.name == "gdb":
        return [f"file {program}", f"core-file {core}"]
    return [f"target create {program} --core {core}"]


def open_program(debugger, program):
    return f"file {program}" if debugger.name == "gdb" else f"target create {program}"


def save_cores(debugger, program, directory):
    """A core file with results and one without."""
    cores = directory / "tracked.core", directory / "plain.core"
    for core, start in zip(cores, (["tmpalloc start"], [])):
        steps = [debugger.break_at("third"), *start, debugger.run()]
        debugger.session(program, [*steps, SAVE_CORE[debugger.name].format(core)])
        assert core.exists()
    return cores


def test_a_core_file_without_results_has_none_after_one_with_results(
    debugger, program, other, tmp_path
):
    tracked, plain = save_cores(debugger, program, tmp_path)
    looks = ["tmpalloc summary", "tmpalloc status"]
    steps = [*load_core(debugger, program, tracked), *looks]
    steps += [*load_core(debugger, program, plain), *looks, "tmpalloc save saved.json"]
    steps += [*load_core(debugger, program, tracked), *looks]
    steps += ["core-file"] if debugger.name == "gdb" else []
    steps += [open_program(debugger, other), "tmpalloc summary"]
    outputs = debugger.session(steps=steps).outputs
    found = [o for step, o in zip(steps, outputs) if step == "tmpalloc summary"]
    assert "allocate at commanded.c:7" in found[0] and OTHERS not in found[0]
    assert "nothing recorded yet" in found[1] and "allocate" not in found[1]
    assert "allocate at commanded.c:7" in found[2] and OTHERS not in found[2]
    assert "nothing recorded yet" in outputs[steps.index("tmpalloc save saved.json")]
    states = [o for step, o in zip(steps, outputs) if step == "tmpalloc status"]
    assert allocations(states[0]) == allocations(states[2]) >= 30
    assert "no results" in states[1] and "allocations" not in states[1]
    assert OTHERS in found[3] and "tracked.core" in found[3]


def test_results_of_a_process_are_told_from_what_is_selected_later(
    debugger, program, other, start
):
    steps = [f"{start} --once", debugger.run(), "tmpalloc summary"]
    steps += [open_program(debugger, other), "tmpalloc summary"]
    outputs = debugger.session(program, steps).outputs
    for number, others in (2, False), (4, True):
        assert "allocate at commanded.c:7" in outputs[number]
        assert (OTHERS in outputs[number]) == others
        assert not others or "of process" in outputs[number] and "program" in outputs[number]


def test_a_process_that_is_not_tracked_has_no_results_and_those_before_can_be_saved(
    debugger, program, start
):
    run, looks = debugger.run(), ["tmpalloc summary", "tmpalloc tree", "tmpalloc mark here"]
    steps = [f"{start} --once", run, run, *looks, "tmpalloc status", "tmpalloc save saved.json"]
    steps += [debugger.break_at("third"), run, *looks]
    result = debugger.session(program, steps)
    shown = [output for step, output in zip(steps, result.outputs) if step in looks]
    assert len(shown) == 6
    for output in shown:
        assert re.fullmatch(r"\s*(error: )?process \d+ is not tracked: .*\n\s*", output), result.text
    assert len({re.search(r"process (\d+)", output)[1] for output in shown}) == 2
    assert re.search(r"(?m)^tmpalloc: process \d+ is not tracked$", result.outputs[6])
    saved = read_results(debugger.directory / "saved.json")
    assert saved["totals"]["allocations"] == allocations(result.outputs[6])


def test_selecting_something_without_a_process_ends_no_tracking(gdb, program, start):
    steps = [gdb.break_at("third"), start, gdb.run(), "add-inferior", "inferior 2"]
    steps += ["tmpalloc summary", "inferior 1", "tmpalloc status", gdb.continue_(), "tmpalloc status"]
    result = gdb.session(program, steps)
    assert "tmpalloc: tracking" in result.outputs[7]
    assert allocations(result.outputs[9]) >= allocations(result.outputs[7]) + 40
    assert result.exit_statuses == [5]


def test_a_process_that_ends_by_a_system_call_of_its_own_says_how_results_are_had(
    debugger, compile
):
    ends = compile(
        """
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(void) {
            free(malloc(10));
            __asm__ volatile("syscall" ::"a"(SYS_exit_group), "D"(6));
        }
        """,
        "-fno-builtin",
    )
    for engine, words in ("agent", "--engine breakpoint"), ("breakpoint", "main at "):
        steps = [f"tmpalloc start --engine {engine}", debugger.run(), "tmpalloc summary"]
        result = debugger.session(ends, steps)
        assert words in result.outputs[2]
        assert result.exit_statuses == [6]


#: What ends the process, and flags: the functions are what Go's runtime calls them.
ENDS = {
    "syscall": ("syscall(SYS_exit_group, 6)", []),
    "runtime": ("leave()", ['-DNAME="runtime.exit"']),
    "assembler": ("leave()", ['-DNAME="runtime.exit.abi0"']),
    "execve": ('syscall(SYS_execve, "/bin/true", arguments, NULL)', []),
}


@pytest.mark.parametrize("way", ENDS)
def test_results_are_of_the_end_where_the_process_is_known_to_end_itself(debugger, compile, way):
    call, flags = ENDS[way]
    ends = compile(
        f"""
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        #ifndef NAME
        #define NAME "nothing"
        #endif
        void leave(void) __asm__(NAME);
        __attribute__((noinline)) void leave(void) {{
            __asm__ volatile("syscall" ::"a"(SYS_exit_group), "D"(6));
        }}
        int main(void) {{
            char *arguments[] = {{"true", NULL}};
            (void)arguments;
            for (int i = 0; i < 9; i++)
                free(malloc(10));
            {call};
            return 0;
        }}
        """,
        "-fno-builtin",
        "-D_GNU_SOURCE",
        *flags,
    )
    steps = ["tmpalloc start --engine agent", debugger.run(), "tmpalloc status"]
    result = debugger.session(ends, steps)
    assert allocations(result.outputs[2]) == 9, result.text
    assert ("its exec" if way == "execve" else "its exit") in result.outputs[2], result.text
    assert way == "execve" or result.exit_statuses == [6], result.text
