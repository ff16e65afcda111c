"""What happens to the tracked process: exec, fork, kill, detach, a second run, a second process."""

import resource
import subprocess

import pytest
from library.support import FOLLOW_CHILD, allocations, start_process

pytestmark = pytest.mark.usefixtures("library")

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) static void allocate(int count) {
    for (int i = 0; i < count; i++) {
        void *volatile block = malloc(10);
        free(block);
    }
}
__attribute__((noinline)) void checkpoint(void) {
    __asm__ volatile("" ::: "memory");
}
int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "";
    allocate(7);
    checkpoint();
    if (strcmp(way, "exec") == 0)
        execl(arguments[2], arguments[2], (char *)NULL);
    if (strcmp(way, "fork") == 0 && fork() == 0) {
        allocate(3);
        _exit(3);
    }
    if (strcmp(way, "crash") == 0)
        abort();
    allocate(5);
    return 4;
}
"""


#: Makes it the end of a debugger when it uses memory that it has freed.
OVERWRITE_FREED = {"MALLOC_PERTURB_": "165"}
#: Steps that stop a program twice before its dynamic linker has loaded anything.
RUN_TO_ENTRY = {
    "gdb": ["starti", "stepi"],
    "lldb": ["process launch --stop-at-entry", "thread step-inst"],
}


def first_line(status):
    return status.partition("\n")[0]


@pytest.fixture
def program(compile):
    return compile(PROGRAM)


def test_results_stay_after_the_end_and_start_tracks_the_next_run(debugger, program, start):
    run, status = debugger.run(), "tmpalloc status"
    steps = [f"{start} --once", run, status, run, status, start, run, status]
    result = debugger.session(program, steps, ["fork"])
    ended, again, anew = (result.outputs[i] for i in (2, 4, 7))
    assert [allocations(text) for text in (ended, again, anew)] == [12, 12, 12]
    assert len({first_line(text) for text in (ended, again)}) == 1
    assert first_line(anew) != first_line(ended)
    assert result.exit_statuses == [4, 4, 4]


def test_a_killed_process_leaves_its_results_and_another_can_start(debugger, program, start):
    steps = [
        debugger.break_at("checkpoint"),
        start,
        debugger.run(),
        debugger.kill(),
        "tmpalloc status",
        start,
        debugger.run(),
        debugger.continue_(),
        "tmpalloc status",
    ]
    outputs = debugger.session(program, steps).outputs
    assert [allocations(outputs[i]) for i in (4, 8)] == [7, 12]


def test_a_process_that_is_run_while_another_is_tracked_takes_its_place(debugger, program, start):
    run, go = debugger.run(), debugger.continue_()
    steps = [debugger.break_at("checkpoint"), f"{start} --once", run, run, "tmpalloc status", go]
    result = debugger.session(program, [*steps, start, run, go, "tmpalloc status"])
    outputs = result.outputs
    assert "checkpoint" in outputs[3] and "Traceback" not in outputs[3], result.text
    assert "ended or was detached" in first_line(outputs[4])
    assert [allocations(outputs[i]) for i in (4, 9)] == [7, 12]
    assert result.exit_statuses[-2:] == [4, 4]


def test_a_process_that_stops_before_it_loads_files_takes_the_place_of_a_tracked_one(
    debugger, program, start
):
    enter, go = RUN_TO_ENTRY[debugger.name], debugger.continue_()
    begin = [debugger.break_at("checkpoint"), f"{start} --once", debugger.run()]
    steps = [*begin, *enter, "tmpalloc status", go]
    steps += [go, start, debugger.run(), "tmpalloc status"]
    result = debugger.session(program, steps, env=OVERWRITE_FREED)
    assert result.status == 0 and "Traceback" not in result.text, result.text
    assert "ended or was detached" in first_line(result.outputs[5]), result.text
    assert [allocations(result.outputs[i]) for i in (5, -1)] == [7, 7]


@pytest.fixture
def busy_machine():
    """Two processes that take all the time they get, at most a minute each."""

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    loop = ["sh", "-c", "while :; do :; done"]
    busy = [subprocess.Popen(loop, preexec_fn=limit) for _ in range(2)]
    yield
    for process in busy:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("busy_machine")
def test_whatever_ends_a_process_another_can_be_run_on_a_busy_machine(
    debugger, program, compile, start
):
    other = compile("int main(void) { return 6; }", name="other")
    run, kill, status = debugger.run(), debugger.kill(), "tmpalloc status"
    ends = [[], [kill], [debugger.detach()], [debugger.continue_(), kill]]
    steps = [debugger.break_at("checkpoint")]
    for end in ends:  # the last one is exec, after which the debugger runs the other program
        steps += [f"{start} --once", run, *end, run, status, kill]
    result = debugger.session(program, steps, ["exec", other], env=OVERWRITE_FREED)
    assert result.status == 0 and "Traceback" not in result.text, result.text
    shown = [output for step, output in zip(steps, result.outputs) if step == status]
    assert [allocations(text) for text in shown] == [7] * len(ends), result.text


def test_a_detached_process_runs_on_and_leaves_its_results(debugger, program, start):
    steps = [
        debugger.break_at("checkpoint"),
        start,
        debugger.run(),
        debugger.detach(),
        "tmpalloc status",
    ]
    assert allocations(debugger.session(program, steps).outputs[4]) == 7


def test_a_crashed_process_leaves_its_results(debugger, program, start):
    run, kill = debugger.run(), debugger.kill()
    steps = [start, run, "tmpalloc status", kill, "tmpalloc status"]
    outputs = debugger.session(program, steps, ["crash"]).outputs
    assert [allocations(outputs[i]) for i in (2, 4)] == [7, 7]


def test_exec_ends_tracking_and_keeps_what_came_before(debugger, program, compile, start):
    other = compile("int main(void) { return 6; }", name="other")
    steps = [start, debugger.run(), "tmpalloc status", "tmpalloc summary"]
    if debugger.name == "lldb":  # stops at exec
        steps.insert(2, debugger.continue_())
    result = debugger.session(program, steps, ["exec", other])
    assert allocations(result.outputs[-2]) == 7
    assert "exec" in result.outputs[-2]
    assert "allocate at program.c" in result.outputs[-1]
    assert result.exit_statuses == [6]


def test_a_forked_child_runs_as_without_tmpalloc(debugger, program, start):
    result = debugger.session(
        program, [start, debugger.run(), "tmpalloc status"], ["fork"]
    )
    assert allocations(result.outputs[2]) == 12
    assert result.exit_statuses == [4]


def test_a_child_that_the_debugger_follows_never_counts_for_its_parent(debugger, program, start):
    steps = [FOLLOW_CHILD[debugger.name], start, debugger.run(), "tmpalloc status"]
    result = debugger.session(program, steps, ["fork"])
    assert allocations(result.outputs[3]) in (3, 7)
    assert result.exit_statuses == [3]


def test_a_second_inferior_at_the_same_time_is_not_counted(gdb, program, compile, start):
    other = compile(PROGRAM, name="other")
    steps = [
        start,
        gdb.break_at("checkpoint"),
        gdb.run(),
        f"add-inferior -exec {other}",
        "inferior 2",
        gdb.run(),
        gdb.continue_(),
        "inferior 1",
        gdb.continue_(),
        "tmpalloc status",
    ]
    result = gdb.session(program, steps)
    assert result.exit_statuses == [4, 4]
    assert allocations(result.outputs[9]) == 12


def test_a_static_program_is_tracked_from_its_start(debugger, compile, breakpoints):
    program = compile(PROGRAM, "-static", name="static")
    result = debugger.session(program, [breakpoints, debugger.run(), "tmpalloc status"])
    assert allocations(result.outputs[2]) >= 12
    assert result.exit_statuses == [4]


def test_a_static_program_without_symbols_runs_as_without_tmpalloc(debugger, compile, breakpoints):
    program = compile(PROGRAM, "-static", "-s", name="static")
    result = debugger.session(program, [breakpoints, debugger.run(), "tmpalloc status"])
    assert allocations(result.outputs[2]) == 0
    assert result.exit_statuses == [4]


def test_an_attached_process_is_tracked_and_goes_on_after_detach(debugger, compile, tmp_path, start):
    source = """
    #include <stdlib.h>
    #include <unistd.h>
    __attribute__((noinline)) void once(void) { void *volatile block = malloc(10); free(block); }
    int main(int count, char **arguments) {
        write(1, "begun\\n", 6);
        while (access(arguments[1], F_OK)) { once(); usleep(2000); }
        return 8;
    }
    """
    end = tmp_path / "end"
    process = start_process(compile(source), end)
    try:
        steps = [
            debugger.attach(process.pid),
            start,
            debugger.break_at("once"),
            *[debugger.continue_()] * 4,
            "tmpalloc status",
            "tmpalloc stop",
            debugger.detach(),
        ]
        outputs = debugger.session(steps=steps).outputs
        assert allocations(outputs[7]) in (3, 4)
        end.touch()
        assert process.wait(timeout=60) == 8
    finally:
        process.kill()
        process.wait()


def test_lldb_at_a_terminal_tracks_with_callbacks_on_another_thread(lldb, program, start):
    terminal = lldb.terminal(program)
    terminal.command(start)
    terminal.command(lldb.run_here(), "exited with status = 4")
    assert allocations(terminal.command("tmpalloc status")) == 12
    summary = terminal.command("tmpalloc summary")
    assert "allocate at program.c" in summary
