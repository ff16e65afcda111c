"""A start holds as a breakpoint does: later runs are tracked, each in results of its own."""

import re

import pytest
from library.support import allocations, start_process

pytestmark = pytest.mark.usefixtures("library")

PROGRAM = """
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
__attribute__((noinline)) void allocate(int count) {
    for (int i = 0; i < count; i++) {
        void *volatile block = malloc(10);
        free(block);
    }
}
__attribute__((noinline)) void checkpoint(void) { __asm__ volatile("" ::: "memory"); }
#ifdef PHASE
__attribute__((noinline)) void phase(void) { allocate(COUNT); }
#endif
int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "";
    allocate(COUNT);
#ifdef PHASE
    phase();
#endif
    checkpoint();
    if (strcmp(way, "wait") == 0 && write(1, "waits\\n", 6) == 6)
        pause();
    if (strcmp(way, "exec") == 0)
        execl(arguments[2], arguments[2], (char *)NULL);
    if (strcmp(way, "crash") == 0)
        abort();
    return 4;
}
"""
FLAGS = ("-fno-builtin", "-D_GNU_SOURCE")
ANEW = re.compile(r"(?m)^tmpalloc: results begin anew: tracking process \d+, \d+ entry points")
STATUS = "tmpalloc status"


@pytest.fixture
def program(compile):
    return compile(PROGRAM, *FLAGS, "-DCOUNT=7")


def counts(steps, result):
    return [allocations(o) for step, o in zip(steps, result.outputs) if step == STATUS]


def test_each_later_run_is_tracked_and_a_line_says_that_results_begin_anew(
    debugger, program, start
):
    run = debugger.run()
    steps = [start, run, STATUS, run, run, STATUS, "tmpalloc summary", "tmpalloc stop", run, STATUS]
    result = debugger.session(program, steps)
    assert counts(steps, result) == [7, 7, 7], result.text
    assert [len(ANEW.findall(output)) for output in result.outputs] == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert "the next run is tracked, too" in result.outputs[2]
    assert re.search(r"allocate at program.c:7 .* 7 +100.00%", result.outputs[6])
    assert re.search(r"process \d+ is not tracked", result.outputs[9])
    assert result.exit_statuses == [4] * 4


def end_of_run(debugger, end):
    return {
        "kill": [debugger.kill()],
        "detach": [debugger.detach()],
        "run": [],
        "crash": [debugger.continue_()],
        "exec": [debugger.continue_(), debugger.kill()],
    }[end]


@pytest.mark.parametrize("end", ["kill", "detach", "run", "crash", "exec"])
def test_it_holds_whatever_ended_the_run_before(debugger, program, compile, start, end):
    other = compile("int main(void) { return 6; }", name="other")
    steps = [debugger.break_at("checkpoint"), debugger.run(), start]
    steps += [*end_of_run(debugger, end), debugger.run(), STATUS, debugger.kill()]
    result = debugger.session(program, steps, [end, other])
    assert result.status == 0 and "Traceback" not in result.text, result.text
    if end == "exec":  # the debugger runs the other program then, which has no checkpoint
        assert allocations(result.outputs[-2]) == 0 and len(ANEW.findall(result.text)) == 1
    else:
        assert counts(steps, result) == [7], result.text


def test_start_for_one_run_ends_with_it(debugger, program, start):
    run = debugger.run()
    steps = [f"{start} --once", run, STATUS, run, STATUS, "tmpalloc stop"]
    result = debugger.session(program, steps)
    assert counts(steps, result) == [7, 7] and not ANEW.search(result.text), result.text
    assert "the next run" not in result.outputs[2]
    assert "not tracking" in result.outputs[5]


def test_what_the_debugger_attaches_to_needs_a_start_of_its_own(debugger, program, compile, start):
    process = start_process(compile(PROGRAM, *FLAGS, "-DCOUNT=5", name="waiting"), "wait")
    try:
        steps = [start, debugger.run(), debugger.attach(process.pid), "tmpalloc summary", start]
        steps += [STATUS, debugger.detach()]
        result = debugger.session(program, steps)
        told = rf"tmpalloc: process {process.pid} is not tracked: it needs a 'tmpalloc start'"
        assert len(re.findall(told, result.text)) == 1, result.text
        assert f"process {process.pid} is not tracked" in result.outputs[3]
        assert f"tracking process {process.pid}" in result.outputs[4]
    finally:
        process.kill()
        process.wait()


def replace(debugger, compile, *flags):
    """A step that makes the program another one, as a build does."""
    built = compile(PROGRAM, *FLAGS, *flags, name="built")
    return debugger.script(f"import os; os.replace('{built}', '{debugger.directory}/program')")


def test_a_program_that_was_built_again_is_tracked_as_it_is_now(debugger, compile, program, start):
    again = replace(debugger, compile, "-DCOUNT=9")
    steps = [start, debugger.run(), STATUS, again, debugger.run(), STATUS]
    result = debugger.session(program, steps)
    assert counts(steps, result) == [7, 9], result.text


def test_a_static_program_after_a_dynamic_one_is_tracked_by_breakpoints(debugger, compile, program):
    again = replace(debugger, compile, "-DCOUNT=9", "-static")
    steps = ["tmpalloc start", debugger.run(), STATUS, again, STATUS, debugger.run(), STATUS]
    result = debugger.session(program, steps)
    tracked = [7, 7] if debugger.name == "lldb" else [7, 7, 9]  # at the dynamic linker's reports
    assert all(a >= b for a, b in zip(counts(steps, result), tracked)), result.text
    assert ("is not tracked" in result.outputs[6]) == (debugger.name == "lldb"), result.text
    assert result.exit_statuses == [4, 4]


def test_a_later_program_without_the_function_that_start_names_is_not_tracked(
    debugger, compile, start
):
    program = compile(PROGRAM, *FLAGS, "-DCOUNT=7", "-DPHASE")
    again = replace(debugger, compile, "-DCOUNT=9")
    steps = [f"{start} --within phase", debugger.run(), STATUS, again, debugger.run()]
    steps += ["tmpalloc summary", STATUS, debugger.run()]
    result = debugger.session(program, steps)
    assert allocations(result.outputs[2]) == 7
    told = r"tmpalloc: process \d+ is not tracked: no function phase in the loaded files"
    assert [len(re.findall(told, result.outputs[i])) for i in (4, 7)] == [1, 1], result.text
    assert "is not tracked, no function phase" in result.outputs[5]
    assert result.exit_statuses == [4, 4, 4]


def test_a_catch_from_before_start_is_kept_for_it_and_for_each_run(debugger, program, start):
    catch = "tmpalloc catch --at allocate --once"
    steps = [catch, "tmpalloc catch -t 30", start, "tmpalloc catch --delete 2", start]
    steps += [debugger.run(), "tmpalloc catch --at allocate --count 2", debugger.run(), "tmpalloc catch"]
    result = debugger.session(program, [*steps, debugger.kill()])
    assert "catch 1: threshold 1" in result.outputs[0] and "rests until" in result.outputs[0]
    assert "catch 2 is about threshold 30" in result.outputs[2], result.text
    assert "catch 1: 0x" in result.outputs[5], result.text
    assert "catch 3: 0x" in result.outputs[7], result.text
    assert "match 2 only" in result.outputs[8] and "catch 1 " not in result.outputs[8]


def test_a_mark_from_before_start_is_kept_for_it_and_for_each_run(debugger, program, start):
    since = "tmpalloc summary --since early"
    steps = ["tmpalloc mark early", "tmpalloc mark other", "tmpalloc mark --delete other"]
    steps += ["tmpalloc mark", start, "tmpalloc mark waiting", debugger.run(), since, debugger.run()]
    steps += [since, "tmpalloc summary --since waiting", "tmpalloc mark", "tmpalloc mark --delete"]
    result = debugger.session(program, [*steps, debugger.run(), since])
    assert "mark early set, at the beginning of the results" in result.outputs[0]
    assert result.outputs[3] == "early: kept for 'tmpalloc start'\n", result.text
    for i in (7, 9, 10):
        assert re.search(r"allocate at program.c:7 .* 7 +100.00%", result.outputs[i]), result.text
    assert result.outputs[11].splitlines() == [
        f"{name}: after 0 allocations" for name in ("early", "waiting")
    ]
    assert "no mark early" in result.outputs[14]


def test_a_mark_that_is_not_there_before_start_is_not_deleted(debugger, program):
    steps = ["tmpalloc mark --delete early", "tmpalloc mark --delete", "tmpalloc mark"]
    result = debugger.session(program, steps)
    assert ["nothing recorded yet" in output for output in result.outputs] == [True] * 3


ALLOCATE = r"allocate at program.c:7 .* 7 +100.00%"


def test_what_a_person_types_holds_over_runs(debugger, program, start):
    terminal = debugger.terminal(program)
    run, ended = debugger.run_here(), r"exited (with|normally)"
    terminal.command("tmpalloc mark early")
    assert "tracking begins when the program starts" in terminal.command(start)
    assert not ANEW.search(terminal.command(run, ended))
    for _ in range(2):
        assert ANEW.search(terminal.command(run, ended))
        assert re.search(ALLOCATE, terminal.command("tmpalloc summary --since early"))
    terminal.command("tmpalloc stop")
    assert not ANEW.search(terminal.command(run, ended))
    assert "is not tracked" in terminal.command("tmpalloc summary")


def test_what_start_suppresses_is_left_out_of_each_run(debugger, program, start):
    file = debugger.directory / "suppressed"
    file.write_text("allocate # known\n")
    run, ask = debugger.run(), "tmpalloc summary"
    steps = [f"{start} --suppress {file}", run, ask, run, ask, "tmpalloc stop", start, run, ask]
    result = debugger.session(program, steps)
    hidden = [not re.search(r"(?m)^allocate at", result.outputs[i]) for i in (2, 4, 8)]
    assert hidden == [True, True, False], result.text
    assert all("suppressed" in result.outputs[i] for i in (2, 4))


def test_start_for_one_thread_says_that_it_is_for_one_process(debugger, program):
    run = debugger.run()
    steps = [debugger.break_at("checkpoint"), run, "tmpalloc start --this-thread"]
    steps += [debugger.kill(), run, "tmpalloc summary", debugger.kill()]
    result = debugger.session(program, steps)
    assert "holds for this process, not for later runs" in result.outputs[2], result.text
    assert "is not tracked" in result.outputs[5]
