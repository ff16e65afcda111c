"""The debugger's modes: whatever runs while something else is stopped, counts are right or a line says why not."""

import pytest
from library.results import read_results
from library.support import wait_for

pytestmark = pytest.mark.usefixtures("library")

#: Four threads that allocate ten blocks each but for the first, which allocates five and then waits
#: for the debugger, where it is told to.  Meanwhile the others sleep, or allocate.
PROGRAM = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *volatile shown[4];
static volatile int go, churns, waits;
__attribute__((noinline)) static void work(int number) {
    for (int i = 0; i < 5; i++) {
        shown[number] = malloc(10 + number);
        free(shown[number]);
    }
}
__attribute__((noinline)) static void churn(int number) {
    shown[number] = malloc(100 + number);
    free(shown[number]);
}
__attribute__((noinline)) void checkpoint(void) {
    __asm__ volatile("" ::: "memory");
}
static void *thread(void *argument) {
    int number = (int)(size_t)argument;
    while (!go)
        churns ? churn(number) : (void)usleep(1000);
    work(number);
    work(number);
    return NULL;
}
int main(int count, char **arguments) {
    pthread_t threads[3];
    waits = count > 1 && strcmp(arguments[1], "wait") == 0;
    churns = count > 1 && strcmp(arguments[1], "churn") == 0;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, thread, (void *)(size_t)i);
    checkpoint();
    work(3);
    checkpoint();
    if (waits)
        write(1, "waiting\\n", 8);
    while (waits)
        usleep(1000);
    go = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    puts("ended normally");
    return 4;
}
"""
STATUS = 4
WORK = 35

#: Lines that let the process run while the debugger takes commands, and stop it then.
CONTINUE_BEHIND = {"gdb": "continue &", "lldb": "process continue"}
INTERRUPT = {"gdb": "interrupt", "lldb": "process interrupt"}
SET = {"gdb": "set var {}", "lldb": "expression -- {}"}
ENDED = r"exited with (code 04|status = 4)"


@pytest.fixture
def program(compile):
    return compile(PROGRAM, *("-pthread", "-D_GNU_SOURCE", "-fno-builtin"))


def run_behind(debugger, args):
    """The line that runs the program while the debugger takes commands; LLDB gives the prompt back
    when the program has no terminal.
    """
    return debugger.run_line(args) + (" &" if debugger.name == "gdb" else "")


def let_run(terminal, line, until):
    """Types a line after which GDB shows no prompt of its own when the program stops."""
    terminal.send(line)
    terminal.expect(until)


def work_in(report):
    """Allocations and temporaries of work()."""
    sites = [
        site for site in read_results(report)["sites"] if site["location"]["function"] == "work"
    ]
    return sum(site["allocations"] for site in sites), sum(site["count"] for site in sites)


# --- a process that runs -------------------------------------------------------------------------


def test_a_process_that_runs_is_not_changed_by_halves(debugger, program, start):
    running = r"process \d+ is running: interrupt it first"
    report = debugger.directory / "report.json"
    terminal = debugger.terminal(program, ["wait"])
    terminal.command(start)
    let_run(terminal, run_behind(debugger, ["wait"]), "tracking process")
    output = debugger.program_files.with_suffix(".stdout")
    wait_for(lambda: output.read_bytes() == b"waiting\n")
    for line in ("reset", "stop", "mark here") if "agent" in start else ():
        let_run(terminal, f"tmpalloc {line}", running)
    let_run(terminal, "tmpalloc live", running)
    let_run(terminal, INTERRUPT[debugger.name], "SIGINT|SIGSTOP")
    terminal.command("tmpalloc status", "temporaries +5")
    terminal.command(SET[debugger.name].format("waits = 0"))
    let_run(terminal, CONTINUE_BEHIND[debugger.name], ENDED)
    terminal.command(f"tmpalloc report json {report}", "wrote")
    assert work_in(report) == (WORK, WORK)
    assert output.read_bytes() == b"waiting\nended normally\n"


# --- GDB's non-stop mode -------------------------------------------------------------------------


NON_STOP = "set non-stop on"


@pytest.mark.parametrize("way", ["sleep", "churn"])
def test_where_threads_run_on_the_whole_run_counts_and_hooks_stay(gdb, program, start, way):
    report, run, go = gdb.directory / "report.json", gdb.run(), gdb.continue_()
    steps = [NON_STOP, start, gdb.break_at("checkpoint"), run, "tmpalloc stop", "tmpalloc start"]
    steps += [gdb.delete_breakpoints(), go, f"tmpalloc report json {report}"]
    result = gdb.session(program, steps, [way])
    assert result.exit_statuses == [STATUS] and result.stdout == b"ended normally\n", result.text
    assert work_in(report) == (WORK, WORK), result.text
    stays = "the agent's hooks stay and count nothing: the debugger failed to read registers"
    assert (stays in result.outputs[4]) == ("agent" in start), result.text


def test_the_agent_does_not_go_where_threads_run_on(gdb, program):
    report, run, go = gdb.directory / "report.json", gdb.run(), gdb.continue_()
    steps = [NON_STOP, gdb.break_at("checkpoint"), run, "tmpalloc start --engine agent"]
    steps += ["tmpalloc start", gdb.delete_breakpoints(), go, f"tmpalloc report json {report}"]
    result = gdb.session(program, steps)
    refused = "the agent can't be used: the debugger failed to read registers: Selected thread is running"
    assert refused in result.outputs[3], result.text
    assert "breakpoint engine (auto: " in result.outputs[4], result.text
    assert result.exit_statuses == [STATUS] and result.stdout == b"ended normally\n", result.text
    assert work_in(report) == (WORK, WORK), result.text


# --- what GDB may do -----------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["may-insert-breakpoints", "may-write-memory"])
def test_what_gdb_may_not_do_is_told_at_start(gdb, program, start, setting):
    result = gdb.session(program, [f"set {setting} off", start, gdb.run()])
    assert result.outputs[1] == f"nothing can be tracked: GDB's setting {setting} is off\n"
    assert result.exit_statuses == [STATUS] and result.stdout == b"ended normally\n", result.text


def test_what_gdb_may_not_do_is_told_at_start_at_a_stop(gdb, program, start):
    steps = [gdb.break_at("checkpoint"), gdb.run(), "set may-write-memory off", start]
    steps += ["set may-write-memory on", gdb.delete_breakpoints(), gdb.continue_()]
    result = gdb.session(program, steps)
    assert result.outputs[3] == "nothing can be tracked: GDB's setting may-write-memory is off\n"
    assert result.exit_statuses == [STATUS], result.text
