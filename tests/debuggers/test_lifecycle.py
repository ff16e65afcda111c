"""From start to stop and after: the states of a session, and what it says to wrong commands."""

import json
import re
import subprocess

import pytest
from library.support import C_FLAGS, PROGRAMS, allocations, start_process

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def stages(compile):
    """Four stages: each allocates 10 bytes for a moment and 100 that live until the next."""
    return compile(PROGRAMS / "stages.c", *C_FLAGS, name="stages")


def stopped(debugger, *steps):
    """Steps after a stop before the first stage."""
    return [debugger.break_at("stage"), debugger.run(), *steps]


def assert_one_line(text, *words):
    assert text.strip(), "nothing was said"
    assert text.count("\n") == 1, text
    for word in words:
        assert word in text


# --- starting and stopping -------------------------------------------------------------------------


def test_tracking_starts_before_run(debugger, stages, start):
    result = debugger.session(stages, [start, debugger.run(), "tmpalloc status"])
    assert allocations(result.outputs[2]) == 8
    assert result.exit_statuses == [0]


def test_tracking_starts_at_a_stop(debugger, stages, start):
    steps = stopped(debugger, debugger.continue_(), start, debugger.continue_(), "tmpalloc status")
    assert allocations(debugger.session(stages, steps).outputs[-1]) == 2


def test_tracking_starts_after_attach(debugger, compile, start):
    program = compile(
        """#include <stdlib.h>
        #include <unistd.h>
        #include <sys/prctl.h>
        volatile int go;
        __attribute__((noinline)) void waiting(void) { usleep(1000); }
        int main(void) {
            prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
            write(1, "begun\\n", 6);
            while (!go)
                waiting();
            for (int i = 0; i < 5; i++)
                free(malloc(10));
            _exit(9);
        }""",
        *C_FLAGS,
    )
    process = start_process(program)
    try:
        steps = [debugger.attach(process.pid), start, debugger.evaluate("go = 1")]
        steps += [debugger.continue_(), "tmpalloc status"]
        result = debugger.session(steps=steps)
        assert allocations(result.outputs[-1]) == 5, result.text
        assert process.wait(60) == 9
    finally:
        process.kill()


def test_a_second_start_is_refused(debugger, stages, start):
    steps = stopped(debugger, start, start, debugger.continue_(), "tmpalloc status")
    outputs = debugger.session(stages, steps).outputs
    assert_one_line(outputs[3], "already started", "tmpalloc stop")
    assert allocations(outputs[5]) == 2


def test_stop_and_start_continue_the_counters(debugger, stages, start):
    steps = stopped(debugger, start, debugger.continue_(), "tmpalloc stop", debugger.continue_())
    steps += ["tmpalloc status", start, debugger.continue_(), "tmpalloc status"]
    outputs = debugger.session(stages, steps).outputs
    assert (allocations(outputs[6]), allocations(outputs[9])) == (2, 4)
    assert "stopped" in outputs[6]


def test_reset_zeroes_the_results_and_keeps_tracking(debugger, stages, start):
    steps = stopped(debugger, start, debugger.continue_(), "tmpalloc reset", "tmpalloc status")
    steps += [debugger.continue_(), "tmpalloc status"]
    outputs = debugger.session(stages, steps).outputs
    assert (allocations(outputs[5]), allocations(outputs[7])) == (0, 2)


@pytest.mark.parametrize("order", ["stop reset start", "reset stop start", "stop start reset"])
def test_what_reset_zeroed_stays_zero_when_tracking_begins_again(debugger, stages, start, order):
    words = [start if word == "start" else f"tmpalloc {word}" for word in order.split()]
    steps = stopped(debugger, start, "tmpalloc catch --count 100", debugger.continue_(), *words)
    steps += ["tmpalloc status", "tmpalloc mark zero", debugger.continue_(), "tmpalloc status"]
    *_, zero, _, _, status, since = debugger.session(
        stages, [*steps, "tmpalloc summary --since zero"]
    ).outputs
    assert (allocations(zero), allocations(status)) == (0, 2)
    assert "catch 1" in status and "temporary at stages.c" in since


def test_since_a_mark_only_what_came_after_is_shown(debugger, stages, start):
    report = debugger.directory / "since.json"
    steps = stopped(debugger, start, debugger.continue_(), "tmpalloc mark first")
    steps += [debugger.continue_(), f"tmpalloc report json {report} --since first"]
    steps += ["tmpalloc mark second", "tmpalloc summary --since second"]
    outputs = debugger.session(stages, steps).outputs
    document = json.loads(report.read_text())
    assert sorted(site["max_size"] for site in document["sites"]) == [10, 100]
    assert document["totals"]["allocations"] == 2
    assert document["totals"]["temporary"] == {"count": 2, "bytes": 110}
    assert_one_line(outputs[-1], "No temporary allocations at threshold 1 among 0 allocations")


def test_marks_are_listed_and_deleted(debugger, stages, start):
    steps = stopped(debugger, start, "tmpalloc mark", debugger.continue_(), "tmpalloc mark first")
    steps += [debugger.continue_(), "tmpalloc mark second", "tmpalloc mark"]
    steps += ["tmpalloc mark --delete first", "tmpalloc summary --since first", "tmpalloc mark stop"]
    steps += ["tmpalloc mark --delete", "tmpalloc mark", "tmpalloc mark --delete first"]
    outputs = debugger.session(stages, steps).outputs[-9:]
    second, listed, deleted, since, refused, all_deleted, empty, missing = outputs[-8:]
    assert listed == "first: after 2 allocations\nsecond: after 4 allocations\n", listed
    assert_one_line(deleted, "tmpalloc: mark first deleted")
    assert_one_line(since, "no mark first: there are second")
    assert_one_line(refused, "stop is no name for a mark: with --since it is the last stop")
    assert_one_line(all_deleted, "tmpalloc: all marks deleted")
    assert_one_line(empty, "tmpalloc: no marks: 'tmpalloc mark NAME' sets one")
    assert_one_line(missing, "no mark first: 'tmpalloc mark NAME' sets one")


def test_since_stop_is_since_the_last_stop(debugger, stages, start):
    steps = stopped(debugger, start, debugger.continue_(), "tmpalloc summary --since stop")
    steps += ["tmpalloc stop", start, debugger.continue_(), "tmpalloc summary --since stop"]
    *_, never, _, _, _, since = debugger.session(stages, steps).outputs
    assert_one_line(never, "no mark stop: 'tmpalloc mark NAME' sets one")
    assert "temporary at stages.c" in since and " 1 " in since.splitlines()[1]


# --- thresholds -----------------------------------------------------------------------------------


def test_one_run_answers_every_threshold(debugger, compile, start):
    program = compile(PROGRAMS / "semantics.c", *C_FLAGS, name="semantics")
    files = {t: debugger.directory / f"{t}.json" for t in range(17)}
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), debugger.run(), start]
    steps += [debugger.continue_(), *(f"tmpalloc report json {f} -t {t}" for t, f in files.items())]
    steps += ["tmpalloc summary -t 17"]
    refused = debugger.session(program, steps, ["plugin", "freed_at_distance"]).outputs[-1]
    for threshold, file in files.items():
        temporary = json.loads(file.read_text())["totals"]["temporary"]
        # At distance d the block of 118 - d bytes is freed.
        sizes = [118 - distance for distance in range(threshold + 1)]
        assert temporary == {"count": len(sizes), "bytes": sum(sizes)}
    assert_one_line(refused, "17", "16", "--max-threshold 17")


def test_a_higher_threshold_is_recorded_on_request(debugger, compile, start):
    program = compile(PROGRAMS / "semantics.c", *C_FLAGS, name="semantics")
    report = debugger.directory / "report.json"
    steps = [debugger.break_at("case_begins"), debugger.break_at("case_ends"), debugger.run()]
    steps += [f"{start} --max-threshold 40", debugger.continue_()]
    steps += [f"tmpalloc report json {report} -t 40", "tmpalloc summary -t 41"]
    outputs = debugger.session(program, steps, ["plugin", "freed_at_distance"]).outputs
    assert json.loads(report.read_text())["totals"]["temporary"]["count"] == 19
    assert_one_line(outputs[-1], "41", "40")


def test_a_threshold_can_be_written_in_many_ways(debugger, stages, start):
    three = ["-t 3", "-t3", "--threshold 3", "--threshold=3", "--temporary-allocation-threshold=3"]
    one = ["", "-t 1", "--temporary-allocations"]
    steps = [start, debugger.run(), *(f"tmpalloc summary {words}" for words in three + one)]
    outputs = debugger.session(stages, steps).outputs[2:]
    assert len(set(outputs[: len(three)])) == 1
    assert len(set(outputs[len(three) :])) == 1
    assert all("temporary at stages.c" in output for output in outputs)


# --- ends -----------------------------------------------------------------------------------------

ENDS = {
    "by a null pointer": "*(volatile int *)0 = 1;",
    "by abort": "abort();",
    "by a double free": "free(block); free(block);",
    "inside malloc, whose heap is corrupted": """
        memset(block, 0xff, 4000);
        for (int i = 0; i < 100; i++)
            block = malloc(5000 + i * 100);
    """,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_program_that_dies_leaves_its_results(debugger, compile, end, start):
    program = compile(
        """#include <stdlib.h>
        #include <string.h>
        int main(void) {
            for (int i = 0; i < 5; i++)
                free(malloc(10));
            void *volatile block = malloc(20);
            END
        }""".replace("END", end),
        *C_FLAGS,
        "-Wno-all",
    )
    plain = subprocess.run([program], capture_output=True)
    assert plain.returncode < 0
    steps = [start, debugger.run(), "tmpalloc summary", debugger.kill(), "tmpalloc summary"]
    steps += [start, debugger.run(), "tmpalloc summary", debugger.kill()]
    result = debugger.session(program, steps)
    for output in (result.outputs[2], result.outputs[4], result.outputs[7]):
        assert "main at program.c:5" in output, result.text
    assert "tracking begins" in result.outputs[5]
    assert result.stderr == plain.stderr


def test_a_program_without_symbols_has_names_of_modules(debugger, compile, start):
    program = compile(PROGRAMS / "stages.c", *C_FLAGS, "-s", name="stripped")
    result = debugger.session(program, [start, debugger.run(), "tmpalloc summary"])
    assert re.search(r"(?m)^stripped\+0x[0-9a-f]+ ", result.outputs[2]), result.text
    assert result.exit_statuses == [0]


def test_output_and_status_are_those_of_a_plain_run(debugger, compile, start):
    program = compile(
        """#include <stdio.h>
        #include <stdlib.h>
        int main(int count, char **arguments) {
            for (int i = 1; i < count; i++) {
                char *copy;
                if (asprintf(&copy, "<%s>", arguments[i]) < 0)
                    return 1;
                puts(copy);
                fprintf(stderr, "%d\\n", i);
                free(copy);
            }
            return 7;
        }""",
        *C_FLAGS,
    )
    words = ["one", "two words", "*", "$HOME"]
    plain = subprocess.run([program, *words], capture_output=True)
    result = debugger.session(program, [start, debugger.run(), "tmpalloc status"], words)
    assert allocations(result.outputs[2]) >= 4
    assert (result.stdout, result.stderr) == (plain.stdout, plain.stderr)
    assert result.exit_statuses == [plain.returncode] == [7]


# --- refusals -------------------------------------------------------------------------------------

NOTHING_RECORDED = [
    "tmpalloc summary",
    "tmpalloc tree",
    "tmpalloc site 1",
    "tmpalloc reset",
    "tmpalloc report json nowhere.json",
]


def test_reports_before_start_say_how_to_begin(debugger):
    outputs = debugger.session(steps=NOTHING_RECORDED).outputs
    for output in outputs:
        assert_one_line(output, "tmpalloc start")
    assert not (debugger.directory / "nowhere.json").exists()


def test_stop_before_start_says_the_state(debugger):
    assert_one_line(debugger.session(steps=["tmpalloc stop"]).outputs[0], "not tracking")


BAD_START = {
    "--engine fast": ["fast", "auto, agent, breakpoint, hardware"],
    "--max-threshold many": ["many", "from 0 to"],
    "--max-threshold -1": ["-1", "from 0 to"],
    "--max-threshold 99999999": ["99999999", "from 0 to"],
    "--stack-depth 0": ["'0'", "from 1 to"],
    "--this-thread": ["--this-thread", "run to a stop"],
    "--allocator malloc": ["malloc", "alloc=NAME"],
    "--allocator alloc=a,free=b:ptr=9": ["ptr=9", "ARG 1 to 6"],
    "now": [],
}


def test_a_start_without_a_program_is_refused(debugger, start):
    outputs = debugger.session(steps=[start, "tmpalloc summary", "tmpalloc status"]).outputs
    assert_one_line(outputs[0], "start needs a program")
    assert_one_line(outputs[1], "nothing recorded yet")
    assert_one_line(outputs[2], "not started")


def test_a_summary_before_the_program_starts_says_so(debugger, stages, start):
    outputs = debugger.session(stages, [start, "tmpalloc summary"]).outputs
    assert_one_line(outputs[1], "no results yet: tracking begins when the program starts")


def test_a_start_is_taken_back_before_the_program_runs(debugger, stages, start):
    steps = [start, "tmpalloc stop", debugger.run(), "tmpalloc status"]
    outputs = debugger.session(stages, steps).outputs
    assert_one_line(outputs[1], "stopped")
    state, untracked = outputs[3].strip().splitlines()
    assert state == "tmpalloc: stopped before a process began"
    assert re.fullmatch(r"tmpalloc: process \d+ is not tracked", untracked)


BAD_REPORTS = {
    "summary -t x": ["'x'", "whole number"],
    "summary -t 99999999": ["99999999"],
    "summary -s size": ["size", "own, total, count, share"],
    "summary -r -3": ["-3", "from 0 to"],
    "summary --tid none": ["none", "from 1 to"],
    "summary --by line": ["line", "location, stack"],
    "summary --filter a(": ["a(", "regular expression"],
    "summary --since nowhere": ["no mark nowhere"],
    "tree --filter [": ["[", "regular expression"],
    "site": ["missing argument", "site ID"],
    "site 1 2": ["no site '1 2'", "an expression of this stop"],
    "site 99": ["99"],
    "site first": ["first", "a number or an expression"],
    "mark stop": ["stop is no name", "--since"],
    "mark --delete nowhere": ["no mark nowhere"],
    "report": ["missing argument", "report FORMAT FILE"],
    "report pdf file": ["unknown format pdf", "json", "folded", "csv"],
    "report json existing.json": ["existing.json", "--force"],
    "report json no/such/folder.json": ["no/such"],
    "help nonsense": ["unknown command nonsense", "summary"],
    "'summary": ["'summary"],
}


def refusals(debugger, program, start, commands):
    (debugger.directory / "existing.json").write_text("old")
    steps = [start, debugger.run(), *(f"tmpalloc {command}" for command in commands)]
    outputs = debugger.session(program, [*steps, "tmpalloc status"]).outputs
    assert allocations(outputs[-1]) == 8
    assert (debugger.directory / "existing.json").read_text() == "old"
    return dict(zip(commands, outputs[2:]))


def test_bad_values_of_start_are_refused_in_one_line(debugger, stages):
    steps = [f"tmpalloc start {words}" for words in BAD_START]
    outputs = debugger.session(stages, steps).outputs
    for output, words in zip(outputs, BAD_START.values()):
        assert_one_line(output, *words)


def test_bad_reports_are_refused_in_one_line_and_change_nothing(debugger, stages, start):
    outputs = refusals(debugger, stages, start, BAD_REPORTS)
    if debugger.name == "lldb":  # which parses quotes itself
        del outputs["'summary"]
    for command, output in outputs.items():
        assert_one_line(output, *BAD_REPORTS[command])


def test_unknown_words_name_what_is_accepted(gdb, stages):
    commands = ["sumary", "summary --tables", "stop --now", "summary --rows"]
    outputs = refusals(gdb, stages, "tmpalloc start", commands)
    assert_one_line(outputs["sumary"], "unknown command sumary", "start", "summary", "report")
    assert_one_line(outputs["summary --tables"], "unknown option --tables", "--threshold", "--rows")
    assert_one_line(outputs["stop --now"], "unknown option --now", "no options")
    assert_one_line(outputs["summary --rows"], "no value for --rows", "--rows ROWS")


def test_unknown_words_are_refused_by_lldb_itself_and_change_nothing(lldb, stages):
    commands = ["sumary", "summary --tables", "stop --now", "summary --rows"]
    for output in refusals(lldb, stages, "tmpalloc start", commands).values():
        assert output.startswith(("error: ", "invalid command "))


def test_a_report_replaces_a_file_when_told_to(debugger, stages):
    steps = ["tmpalloc start", debugger.run(), "tmpalloc report json existing.json --force"]
    (debugger.directory / "existing.json").write_text("old")
    debugger.session(stages, steps)
    report = debugger.directory / "existing.json"
    assert json.loads(report.read_text())["totals"]["allocations"] == 8
    assert report.stat().st_mode & 0o177 == 0
