"""Verdicts of `check`: which results and which end of a program give which status."""

import json
import os
import re
import subprocess

import pytest

#: Makes five temporaries, or as many as it is told, then ends as it is told.
ENDS = r"""
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static volatile int reached;
__attribute__((noinline)) void checkpoint(void) { reached++; }
__attribute__((noinline)) void work(void) {
    void *volatile block = malloc(10);
    free(block);
}
__attribute__((noinline)) void never_called(void) {
    for (int i = 0; i < 5; i++)
        work();
}
int main(int argc, char **argv) {
    int number = atoi(argv[2]), count = argc > 3 ? atoi(argv[3]) : 5;
    for (int i = 0; i < count; i++)
        work();
    checkpoint();
    if (strcmp(argv[1], "raise") == 0)
        raise(number);
    if (strcmp(argv[1], "raw") == 0)
        __asm__ volatile("syscall" ::"a"(SYS_exit_group), "D"(number));
    if (strcmp(argv[1], "exec") == 0)
        execl("/bin/true", "true", (char *)NULL);
    return number;
}
"""

#: Options of check: a limit exceeded, kept, and nothing seen.
CHECKS = [
    "--max-count 4",
    "--max-count 5",
    "--max-count 5 --any-status",
    "--max-count 5 --at nowhere_at_all",
    "--max-count 5 --at nowhere_at_all --any-status",
]
SOUND, EXITED, PARTIAL, WORTHLESS = [1, 0, 0, 2, 2], [1, 2, 0, 2, 2], [1, 2, 2, 2, 2], [2] * 5
FATAL = {"SIGSEGV": 11, "SIGABRT": 6, "SIGBUS": 7, "SIGFPE": 8, "SIGILL": 4, "SIGSYS": 31}


@pytest.fixture
def program(compile):
    return compile(ENDS, "-fno-builtin", "-D_GNU_SOURCE")


def failed(debugger):
    return debugger.evaluate("$_tmpalloc_failed" if debugger.name == "gdb" else "$tmpalloc_failed")


def checks(debugger):
    """Steps that ask for each verdict."""
    return [step for c in CHECKS for step in (f"tmpalloc check --exit never {c}", failed(debugger))]


def verdicts(result):
    """What $_tmpalloc_failed was, each time that it was asked for."""
    return [int(value) for value in re.findall(r"(?m)^\S* ?\(?\S*\)? ?\$\w+ = (\d+)$", result.text)]


def judge(debugger, program, start, ending, arguments):
    """Verdicts on a program that stops once and then does the steps of `ending`; and once more on
    what was saved of it.
    """
    steps = [debugger.break_at("checkpoint"), start, debugger.run(), *ending, *checks(debugger)]
    steps += ["tmpalloc save saved.json", "tmpalloc load saved.json", *checks(debugger)]
    result = debugger.session(program, steps, arguments)
    found = verdicts(result)
    assert len(found) == 2 * len(CHECKS), result.text
    assert found[: len(CHECKS)] == found[len(CHECKS) :], result.text
    saved = json.loads((debugger.directory / "saved.json").read_text())["process"]
    return found[: len(CHECKS)], (saved["status"], saved["signal"]), result


@pytest.mark.parametrize(
    ("way", "arguments", "verdict", "saved"),
    [
        ("alive", ("exit", 0), SOUND, (None, None)),
        ("stopped", ("exit", 0), SOUND, (None, None)),
        ("stopped and left", ("exit", 0), SOUND, (None, None)),
        ("goes on", ("exit", 0), SOUND, (0, None)),
        ("goes on", ("exit", 3), EXITED, (3, None)),
        ("goes on", ("exit", 9), EXITED, (9, None)),  # a signal's number, too
        ("goes on", ("raise", 9), PARTIAL, (None, 9)),
        ("goes on", ("raise", 11), PARTIAL, (None, 11)),
        ("goes on twice", ("raise", 11), PARTIAL, (None, 11)),
        ("goes on", ("exec", 0), WORTHLESS, (None, None)),
        ("left", ("exit", 0), PARTIAL, (None, None)),
        ("killed", ("exit", 0), PARTIAL, None),
    ],
)
def test_a_verdict_depends_on_how_the_program_ended_also_in_a_saved_file(
    debugger, program, library, start, way, arguments, verdict, saved
):
    go = debugger.continue_()
    ending = {
        "alive": [],
        "stopped": ["tmpalloc stop"],
        "stopped and left": ["tmpalloc stop", debugger.detach()],
        "goes on": [go],
        "goes on twice": [go, go],
        "left": [debugger.detach()],
        "killed": [debugger.kill()],
    }[way]
    found, process, result = judge(debugger, program, start, ending, arguments)
    assert found == verdict, result.text
    assert saved in (None, process), result.text


def test_only_the_agent_misses_what_a_raw_exit_leaves(debugger, program, library, start):
    found, process, result = judge(debugger, program, start, [debugger.continue_()], ("raw", 0))
    assert found == (PARTIAL if "agent" in start else SOUND), result.text
    assert process == (0, None)


@pytest.mark.parametrize("name", FATAL)
def test_a_program_that_a_fatal_signal_stopped_proves_no_limit(debugger, program, library, name):
    start, go = "tmpalloc start --engine agent", debugger.continue_()
    found, process, result = judge(debugger, program, start, [go], ("raise", FATAL[name]))
    assert found == PARTIAL and process == (None, FATAL[name]), result.text
    assert f"was stopped by {name}" in result.text


def test_a_stop_by_another_signal_is_no_end(debugger, program, library):
    start, go = "tmpalloc start --engine agent", debugger.continue_()
    found, process, result = judge(debugger, program, start, [go], ("raise", 10))
    assert found == SOUND and process == (None, None), result.text


def test_a_crash_after_the_stop_of_tracking_proves_no_limit_either(debugger, program, library):
    ending = ["tmpalloc stop", debugger.continue_(), debugger.continue_()]
    start = "tmpalloc start --engine agent"
    found, process, result = judge(debugger, program, start, ending, ("raise", 11))
    assert found == PARTIAL and process == (None, 11), result.text


def test_a_process_that_the_debugger_killed_has_no_status_of_the_one_before(gdb, program, library):
    steps = [gdb.break_at("checkpoint"), gdb.run(), gdb.continue_()]
    steps += ["tmpalloc start", gdb.run(), gdb.kill(), "tmpalloc check --max-count 5"]
    result = gdb.session(program, steps, ["exit", 0])
    assert result.status == 2 and "ended or was detached" in result.outputs[-1], result.text


def test_a_core_of_a_crash_proves_no_limit_and_one_of_a_living_process_does(gdb, program, library):
    steps = [gdb.break_at("checkpoint"), "tmpalloc start --engine agent", gdb.run()]
    steps += ["generate-core-file alive", gdb.continue_(), "generate-core-file crashed", gdb.kill()]
    steps += ["core-file alive", *checks(gdb), "core-file crashed", *checks(gdb)]
    result = gdb.session(program, steps, ["raise", 11])
    assert verdicts(result) == SOUND + PARTIAL, result.text


def test_cores_are_judged_alike_in_both_debuggers(debugger, gdb, program, library):
    steps = [gdb.break_at("checkpoint"), "tmpalloc start --engine agent", gdb.run()]
    steps += ["generate-core-file alive", gdb.continue_(), "generate-core-file crashed", gdb.kill()]
    gdb.session(program, steps, ["raise", 11])
    for core, expected in ("alive", SOUND), ("crashed", PARTIAL):
        load = {"gdb": f"core-file {core}", "lldb": f"target create {program} --core {core}"}
        result = debugger.session(program, [load[debugger.name], *checks(debugger)])
        assert verdicts(result) == expected, result.text


def test_without_results_there_is_no_verdict(debugger, program, library):
    steps = [*checks(debugger), "tmpalloc start", *checks(debugger)]
    result = debugger.session(program, steps)
    assert verdicts(result)[-5:] == WORTHLESS, result.text
    assert "nothing recorded yet" in result.outputs[0]


def test_the_worst_of_several_files_holds(debugger, program, library):
    steps = []
    for name, arguments in {"good": "exit 0", "bad": "exit 3", "crash": "raise 9"}.items():
        steps += ["tmpalloc start", *arguments_of(debugger, program, arguments)]
        steps += [f"tmpalloc save {name}.json"]
    for files in "good good", "good bad", "bad crash good":
        steps += ["tmpalloc load " + " ".join(f"{name}.json" for name in files.split())]
        steps += ["tmpalloc check --max-count 100 --exit never", failed(debugger)]
        steps += ["tmpalloc check --max-count 100 --exit never --any-status", failed(debugger)]
    steps += ["tmpalloc save sum.json", "tmpalloc load sum.json"]
    steps += ["tmpalloc check --max-count 100 --exit never --any-status", failed(debugger)]
    result = debugger.session(program, steps)
    assert verdicts(result) == [0, 0, 2, 0, 2, 2, 2], result.text


def arguments_of(debugger, program, words):
    """Steps that run the program with other arguments, up to its end."""
    if debugger.name == "gdb":
        return [debugger.break_at("checkpoint"), f"run {words}", "continue"]
    return [debugger.break_at("checkpoint"), f"process launch -- {words}", "process continue"]


@pytest.mark.parametrize(("number", "status"), [(0, 0), (3, 2)])
def test_a_verdict_is_the_end_of_a_batch(debugger, program, library, number, status):
    steps = ["tmpalloc start", debugger.run(), "tmpalloc check --max-count 5"]
    result = debugger.session(program, steps, ["exit", number])
    assert result.status == status, result.text


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("--max-allocations 4", 1),
        ("--max-allocations 5", 0),
        ("--max-allocations 4 --max-count 5", 1),
        ("--max-allocations 0 --at checkpoint", 0),
        ("--max-allocations 0 --at nowhere_at_all", 2),
        ("--max-allocations 0 --max-count 0 --at checkpoint", 2),
    ],
)
def test_no_allocation_proves_something_where_the_path_is_known(
    debugger, program, library, options, verdict
):
    steps = [debugger.break_at("checkpoint"), "tmpalloc start --engine agent", debugger.run()]
    steps += [debugger.continue_(), f"tmpalloc check {options}"]
    result = debugger.session(program, steps, ["exit", 0])
    assert result.status == verdict, result.text
    if verdict == 1:
        assert re.search(r"(?m)^(Most are at|Worst is) site 1: ", result.outputs[-1])


@pytest.mark.parametrize(("option", "verdict"), [("", 2), ("--any-status", 0)])
def test_no_allocation_of_a_program_that_failed_proves_nothing(
    debugger, program, library, start, option, verdict
):
    check = f"tmpalloc check --max-allocations 0 --at checkpoint {option}"
    result = debugger.session(program, [start, debugger.run(), check], ["exit", 3])
    assert result.status == verdict, result.text


#: Options of check of which the first alone may prove that nothing was allocated.
QUIET = ["--max-allocations 0", "--max-allocations 0 --any-status", "--max-allocations 0 --max-count 0"]


@pytest.mark.parametrize(
    ("way", "arguments", "verdict"),
    [
        ("whole", ("exit", 0), [0, 0, 2]),
        ("whole", ("exit", 3), [2, 0, 2]),
        ("whole", ("raise", 9), [2, 2, 2]),
        ("whole", ("exec", 0), [2, 2, 2]),
        ("alive", ("exit", 0), [2, 2, 2]),
        ("stopped", ("exit", 0), [2, 2, 2]),
        ("paused", ("exit", 0), [2, 2, 2]),
        ("begun late", ("exit", 0), [2, 2, 2]),
        ("left", ("exit", 0), [2, 2, 2]),
    ],
)
def test_no_allocation_at_all_is_proven_by_a_run_that_was_tracked_from_start_to_end(
    debugger, program, library, start, way, arguments, verdict
):
    stop, go = debugger.break_at("checkpoint"), debugger.continue_()
    steps = {
        "whole": [start, stop, debugger.run(), go],
        "alive": [start, stop, debugger.run()],
        "stopped": [start, stop, debugger.run(), "tmpalloc stop", go],
        "paused": [start, stop, debugger.run(), "tmpalloc stop", start, go],
        "begun late": [stop, debugger.run(), start, go],
        "left": [start, stop, debugger.run(), debugger.detach()],
    }[way]
    asked = [s for c in QUIET for s in (f"tmpalloc check --exit never {c}", failed(debugger))]
    steps += [*asked, "tmpalloc save saved.json", "tmpalloc load saved.json", *asked]
    result = debugger.session(program, steps, [*arguments, 0])
    assert verdicts(result)[-6:] == 2 * verdict, result.text


@pytest.mark.parametrize(
    ("within", "entries", "verdict"),
    [("never_called", 0, [2, 2, 2]), ("checkpoint", 1, [0, 0, 2]), ("work", 5, [1, 1, 1])],
)
def test_what_start_within_names_must_have_been_entered_to_prove_anything(
    debugger, program, library, start, within, entries, verdict
):
    asked = [s for c in QUIET for s in (f"tmpalloc check --exit never {c}", failed(debugger))]
    at = ["tmpalloc check --exit never --max-allocations 0 --at checkpoint", failed(debugger)]
    steps = [f"{start} --within {within}", debugger.run(), *asked, *at, "tmpalloc status"]
    steps += ["tmpalloc save saved.json", "tmpalloc load saved.json", *asked]
    result = debugger.session(program, steps, ["exit", 0])
    at_checkpoint = 2 if within == "never_called" else 0
    assert verdicts(result)[-7:] == [*verdict, at_checkpoint, *verdict], result.text
    assert re.search(rf"(?m)^entries +{entries}$", result.text), result.text


def test_a_mark_leaves_earlier_entries_out(debugger, program, library, start):
    steps = [f"{start} --within work", debugger.break_at("checkpoint"), debugger.run()]
    steps += ["tmpalloc mark late", debugger.continue_()]
    check = "tmpalloc check --exit never --max-allocations 0"
    steps += [check, failed(debugger), f"{check} --since late", failed(debugger)]
    result = debugger.session(program, steps, ["exit", 0])
    assert verdicts(result)[-2:] == [1, 2], result.text


@pytest.mark.parametrize(("at", "verdict"), [("big_text", 0), ("nowhere_at_all", 2)])
def test_a_python_function_that_ran_is_a_known_path(debugger, library, tmp_path, at, verdict):
    script = tmp_path / "script.py"
    script.write_text("def big_text():\n    return 'x' * 100000\nbig_text()\nimport os\nos.getppid()\n")
    steps = [debugger.break_at_entry("getppid"), "tmpalloc start --engine agent", debugger.run()]
    steps += ["tmpalloc mark late", debugger.continue_()]
    steps += [f"tmpalloc check --exit never --max-allocations 0 --at {at} --since late"]
    result = debugger.session("/usr/bin/python3", [*steps, failed(debugger)], [script])
    assert verdicts(result)[-1:] == [verdict], result.text


#: Makes temporaries at one place, or with an argument at three more, of which it makes more at one.
SITES = r"""
#include <stdlib.h>
#define SITE(name) \
    __attribute__((noinline)) static void name(int size) { \
        void *volatile block = malloc((size_t)size); \
        free(block); \
    }
SITE(known) SITE(growing) SITE(fresh) SITE(other)
int main(int argc, char **argv) {
    (void)argv;
    known(10);
    for (int i = 0; i < argc; i++)
        growing(20);
    if (argc > 1) {
        fresh(400);
        other(30);
    }
    return 0;
}
"""


def test_a_comparison_says_which_sites_are_new_or_worse(debugger, compile, library, start):
    program = compile(SITES, "-fno-builtin")
    run = {"gdb": "run", "lldb": "process launch --"}[debugger.name]
    steps = [start, run, "tmpalloc save before.json", start, f"{run} more"]
    steps += ["tmpalloc check --exit never --baseline before.json --tolerance 9999"]
    steps += ["tmpalloc check --exit never --baseline before.json --tolerance 9999 --new-sites 2"]
    steps += ["tmpalloc check --exit never --new-sites 1 --baseline before.json --tolerance 9999"]
    steps += ["tmpalloc check --baseline before.json"]
    result = debugger.session(program, steps)
    assert "check passed" in result.outputs[5] and "check passed" in result.outputs[6], result.text
    assert "check failed" in result.outputs[7] and "2 new sites" in result.outputs[7], result.text
    for output in result.outputs[7], result.outputs[8]:
        assert re.search(r"Worst is site \d+: 1 temporary of 400B, new", output)
        assert re.search(r"Site \d+ \(growing at .*\): 2 temp.*, before 1 temporary of 20B", output)
        assert re.search(r"Site \d+ \(other at .*\): 1 temporary of 30B, new", output)
        assert "known" not in output and len(output.splitlines()) <= 10
    assert result.status == 1


def test_a_report_that_can_not_be_written_is_no_verdict(debugger, program, library):
    (debugger.directory / "there.json").write_text("kept")
    check = "tmpalloc check --max-count 100 --report json"
    steps = ["tmpalloc start", debugger.run(), f"{check} there.json"]
    result = debugger.session(program, steps, ["exit", 0])
    assert result.status == 2 and "there.json" in result.text, result.text
    assert "passed" not in result.text
    assert (debugger.directory / "there.json").read_text() == "kept"
    assert debugger.session(program, [*steps[:2], f"{steps[2]} --force"], ["exit", 0]).status == 0


def test_one_check_writes_several_reports_or_none(debugger, program, library):
    check = "tmpalloc check --exit never --max-count 100 --report json one.json --report"
    steps = ["tmpalloc start", debugger.run(), f"{check} csv two.csv", f"{check} html two.csv"]
    steps += [f"{check} csv one.json --force", f"{check} csv"]
    result = debugger.session(program, steps, ["exit", 0])
    written, existing, same, missing = result.outputs[2:]
    assert "wrote one.json" in written and "wrote two.csv" in written, result.text
    assert "one.json exists; --force replaces it\n" in existing
    assert "two reports to one file: one.json\n" in same
    assert "--report needs FORMAT and FILE\n" in missing
    assert not re.search("passed|wrote", existing + same + missing)
    assert json.loads((debugger.directory / "one.json").read_text())["schema"] == "tmpalloc/2"
    assert (debugger.directory / "two.csv").read_text().count("\n") == 2


@pytest.mark.parametrize(
    "mistake",
    [
        *("--max-cuont 5", "--max-count many", "--new-sites 1", "", "--at ( --max-count 5"),
        *("--max-count", "--max-count 5 -x", "--max-count 5 'half", "--max-count 5 --suppress none"),
        *("--baseline none.json", "--max-count 5 --report json", "--max-count 5 --report json no/x"),
    ],
)
def test_a_mistake_in_check_ends_a_batch_with_its_status(debugger, program, library, mistake):
    steps = ["tmpalloc start", debugger.run(), f"tmpalloc check {mistake}"]
    result = debugger.session(program, steps, ["exit", 0])
    assert result.status == 2 and "passed" not in result.text, result.text


def batch_with_crash(lldb, program, ending, number, lines, after_crash):
    """Status of LLDB's batch mode, which executes other lines when the program crashes."""
    words = []
    for line in (*lldb.settings, lldb.load(), "tmpalloc start", "process launch", *lines):
        words += ["-o", line]
    for line in after_crash:
        words += ["-k", line]
    command = [lldb.executable, "-X", "-x", "-b", *words, "--", str(program), ending, str(number)]
    return subprocess.run(command, cwd=lldb.directory, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("ending", "number", "limit", "status"),
    [
        *[("exit", 0, 5, 0), ("exit", 0, 4, 1), ("exit", 3, 5, 2), ("exit", 3, 4, 1)],
        *[("raise", 11, 5, 2), ("raise", 11, 4, 1), ("raise", 6, 5, 2), ("raise", 9, 5, 2)],
        *[("raw", 0, 5, 2), ("raw", 3, 4, 2)],
    ],
)
def test_a_batch_with_lines_for_a_crash_ends_with_the_verdict(
    lldb, program, library, ending, number, limit, status
):
    check = [f"tmpalloc check --max-count {limit}"]
    done = batch_with_crash(lldb, program, ending, number, check, check)
    assert done.returncode == status, done.stdout + done.stderr


@pytest.mark.parametrize("mistake", ["--max-cuont 5", "--max-count 5x", "--max-count"])
@pytest.mark.parametrize("crashes", [False, True])
def test_a_mistake_in_lines_for_a_crash_or_for_none_ends_a_batch(
    lldb, program, library, mistake, crashes
):
    good, bad = ["tmpalloc check --max-count 5"], [f"tmpalloc check {mistake}"]
    lines, after_crash = (good, bad) if crashes else (bad, good)
    ending = ("raise", 11) if crashes else ("exit", 0)
    done = batch_with_crash(lldb, program, *ending, lines, after_crash)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "passed" not in done.stdout


def test_no_verdict_ends_the_debugger_where_that_is_not_wanted(debugger, program, library):
    steps = ["tmpalloc start", debugger.run(), "tmpalloc check --max-count 4 --exit never"]
    result = debugger.session(program, [*steps, debugger.script("print('goes on')")], ["exit", 0])
    assert result.status == 0 and "goes on" in result.outputs[-1], result.text


def test_a_verdict_at_a_prompt_ends_the_debugger_when_that_is_wanted(debugger, program, library):
    terminal = debugger.terminal(program, ["exit", 0])
    terminal.command("tmpalloc start")
    terminal.command(debugger.run_here(), "exited")
    terminal.command("tmpalloc check --max-count 4", "check failed")
    terminal.send("tmpalloc check --max-count 4 --exit always")
    terminal.expect("check failed")
    ended = os.waitid(os.P_PID, terminal.pid, os.WEXITED | os.WNOWAIT)
    assert (ended.si_code, ended.si_status) == (os.CLD_EXITED, 1)
