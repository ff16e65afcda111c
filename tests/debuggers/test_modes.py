"""The debugger's modes: whatever runs while something else is stopped, counts are right or a line says why not."""

import json
import re
import subprocess
from pathlib import Path

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
#: One thread, of which a sanitizer has nothing to say.
SINGLE = """
#include <stdio.h>
#include <stdlib.h>
static void *volatile shown;
__attribute__((noinline)) static void work(void) {
    for (int i = 0; i < 5; i++) {
        shown = malloc(10);
        free(shown);
    }
}
int main(void) {
    work();
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


# --- several processes ---------------------------------------------------------------------------


#: Lines that make place for a second program, select it, and select the first one again.
SECOND = {
    "gdb": ("add-inferior -exec {}", "inferior 2", "inferior 1"),
    "lldb": ("target create {}", "target select 1", "target select 0"),
}


def test_what_is_done_beside_another_process_is_about_the_tracked_one(debugger, program, start):
    report, run, go = debugger.directory / "report.json", debugger.run(), debugger.continue_()
    add, second, first = SECOND[debugger.name]
    steps = [add.format(program), first, start, debugger.break_at("checkpoint"), run, second]
    steps += [debugger.break_at("thread"), run]
    commands = ["tmpalloc live", "tmpalloc status"]
    if "agent" in start:
        commands += [f"tmpalloc {line}" for line in ("reset", "mark here", "catch --at work")]
        commands += ["tmpalloc stop"]
    ends = [debugger.delete_breakpoints(), go, first, debugger.delete_breakpoints(), go]
    result = debugger.session(program, [*steps, *commands, *ends, f"tmpalloc report json {report}"])
    live, status, *others = result.outputs[len(steps) : len(steps) + len(commands)]
    for output in (live, *others):
        assert re.fullmatch(r"(error: )?process \d+ is tracked, and not selected\n", output)
    stale = "results             as of the last stop: the process is not selected"
    assert (stale in status) == ("agent" in start), result.text
    assert result.exit_statuses == [STATUS, STATUS], result.text
    assert work_in(report) == (WORK, WORK), result.text


#: Lets the program run until it stops, in an editor.
RESUME = "@resume"


def test_lldb_that_waits_for_nothing_as_in_an_editor_counts_and_catches(lldb, program, start):
    report = lldb.directory / "report.json"
    lines = [lldb.load(), start, "tmpalloc catch --at work --once", "breakpoint set -n checkpoint"]
    lines += [RESUME, "tmpalloc stop", start, RESUME, "tmpalloc status", RESUME]
    lines += ["tmpalloc status", RESUME, f"tmpalloc report json {report}"]
    editor = lldb.source(Path(__file__).parent.parent / "library" / "lldb_editor.py")
    env = {"EDITOR": json.dumps([str(program), lines])}
    text = lldb.session(steps=[editor], load=False, env=env).text
    stops = re.findall("^@stop (.*)$", text, re.MULTILINE)
    assert stops[0] == stops[2] and re.match(r"breakpoint \d+\.1$", stops[0]), text
    assert stops[1::2] == ["tmpalloc catch 1: temporary of 13B", f"exited with {STATUS}"], text
    assert len(re.findall("^tmpalloc: catch 1: 0x[0-9a-f]+ of 13B", text, re.MULTILINE)) == 1, text
    assert work_in(report) == (WORK, WORK), text


def test_a_second_session_in_one_lldb_is_told_that_the_first_one_has_the_extension(lldb, program):
    editor = lldb.source(Path(__file__).parent.parent / "library" / "lldb_editor.py")
    env = {"EDITOR": json.dumps([str(program), [lldb.load()]])}
    result = lldb.session(steps=[editor, "tmpalloc help"], env=env)
    told = "tmpalloc: loaded in another session of this LLDB"
    assert result.text.count(told) == 1 and "summary" in result.outputs[1], result.text


# --- sanitizers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sanitizer", ["address", "thread", "leak", "memory", "undefined"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_program_with_a_sanitizer_counts_and_says_what_it_says(
    debugger, compiler, sanitizer, tmp_path
):
    program, report = tmp_path / "program", debugger.directory / "report.json"
    file = tmp_path / "program.c"
    file.write_text(SINGLE)
    flags = ["-g", "-fno-builtin", f"-fsanitize={sanitizer}", str(file), "-o", str(program)]
    try:
        subprocess.run([compiler, *flags], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{compiler} can't build with -fsanitize={sanitizer} here")
    steps = ["tmpalloc start", debugger.run(), f"tmpalloc report json {report}"]
    # Leaks are looked for by a tracer, and a process has one.
    result = debugger.session(program, steps, env={"LSAN_OPTIONS": "detect_leaks=0"})
    reason = "breakpoint engine (auto: the program has a sanitizer's allocator)"
    assert (reason in result.outputs[0]) == (sanitizer != "undefined"), result.text
    assert result.exit_statuses == [STATUS] and result.stdout == b"ended normally\n", result.text
    assert result.stderr == b"" and work_in(report) == (5, 5), result.text


# --- GDB's modes, as they are set, and when ------------------------------------------------------


#: Lines that set a mode, and another one where the program can't end in it.
MODES = {
    "non-stop": ("set non-stop on", ""),
    "schedule-multiple": ("set schedule-multiple on", ""),
    "scheduler-locking": ("set scheduler-locking on", "set scheduler-locking off"),
    "follow-exec-mode": ("set follow-exec-mode new", ""),
    "detach-on-fork": ("set detach-on-fork off", ""),
}
ORDERS = ["mode start break run", "start mode break run", "start break run mode"]
ORDERS += ["mode break run start"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mode", MODES)
def test_in_any_mode_of_gdb_counts_are_right_or_start_says_why_not(
    gdb, program, start, mode, order
):
    report, go = gdb.directory / "report.json", gdb.continue_()
    on, off = MODES[mode]
    lines = {"mode": on, "start": start, "break": gdb.break_at("checkpoint"), "run": gdb.run()}
    steps = [lines[word] for word in order.split()]
    ends = [go, off, gdb.delete_breakpoints(), go, f"tmpalloc report json {report}"]
    result = gdb.session(program, [*steps, *ends])
    assert result.exit_statuses == [STATUS] and result.stdout == b"ended normally\n", result.text
    if mode == "non-stop" and order.endswith("start") and "agent" in start:
        refused = "the agent can't be used: the debugger failed to read registers: Selected thread"
        assert refused in result.outputs[3] and not report.exists(), result.text
    else:
        assert work_in(report) == (WORK, WORK), result.text


#: Its main function allocates and executes the other program, to which nothing belongs that it did.
EXECUTING = """
#include <stdlib.h>
#include <unistd.h>
static void *volatile shown;
__attribute__((noinline)) static void work(void) {
    for (int i = 0; i < 5; i++) {
        shown = malloc(10);
        free(shown);
    }
}
int main(int count, char **arguments) {
    work();
    execv(arguments[1], arguments + 1);
    return count;
}
"""


@pytest.mark.parametrize("mode", ["same", "new"])
def test_a_program_that_is_executed_as_another_inferior_ends_tracking_by_exec(
    gdb, program, compile, start, mode
):
    executing = compile(EXECUTING, "-fno-builtin", name="executing")
    report = gdb.directory / "report.json"
    steps = [f"set follow-exec-mode {mode}", start, gdb.run(), "tmpalloc status"]
    steps += [f"tmpalloc report json {report}"]
    result = gdb.session(executing, steps, [program])
    told = r"replaced its program by exec.*, the results before that stay"
    assert re.search(told, result.outputs[2]), result.text
    assert "replaced its program by exec, results as of" in result.outputs[3], result.text
    assert result.exit_statuses == [STATUS] and result.stdout == b"ended normally\n", result.text
    assert work_in(report) == (5, 5), result.text


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


@pytest.mark.parametrize("setting", ["may-insert-breakpoints", "may-write-memory"])
def test_what_gdb_may_not_do_any_more_is_told_when_the_program_runs(gdb, program, start, setting):
    report, run = gdb.directory / "report.json", gdb.run()
    forbids, allows = f"set {setting} off", f"set {setting} on"
    steps = [start, forbids, run, "tmpalloc summary", allows, run, f"tmpalloc report json {report}"]
    steps += [forbids, run]
    outputs = (result := gdb.session(program, steps)).outputs
    refused = rf"process \d+ is not tracked[:,] GDB's setting {setting} is off"
    for output in (outputs[2], outputs[3], outputs[8]):
        assert len(re.findall(refused, output)) == 1, result.text
    assert work_in(report) == (WORK, WORK), result.text
    assert result.exit_statuses == [STATUS] * 3, result.text


def test_what_gdb_may_not_do_is_told_at_start_at_a_stop(gdb, program, start):
    steps = [gdb.break_at("checkpoint"), gdb.run(), "set may-write-memory off", start]
    steps += ["set may-write-memory on", gdb.delete_breakpoints(), gdb.continue_()]
    result = gdb.session(program, steps)
    assert result.outputs[3] == "nothing can be tracked: GDB's setting may-write-memory is off\n"
    assert result.exit_statuses == [STATUS], result.text
