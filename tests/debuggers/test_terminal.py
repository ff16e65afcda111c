"""At a real terminal, where LLDB calls back on another thread than at its prompt."""

import json
import re
import shlex
import time

import pytest
from library.support import C_FLAGS, PROGRAMS, allocations, execute

CONTROL_C = "\x03"

LOOPS = """
#include <stdlib.h>
#include <unistd.h>
volatile int go = 1;
__attribute__((noinline)) void a_function_whose_name_is_too_long_for_a_narrow_terminal(void) {
    free(malloc(10));
}
int main(void) {
    int said = 0;
    while (go) {
        a_function_whose_name_is_too_long_for_a_narrow_terminal();
        if (!said)
            said = write(1, "looping\\n", 8) > 0;
    }
    return 3;
}
"""

pytestmark = pytest.mark.usefixtures("library")


def test_a_whole_run_is_tracked(debugger, compile, start):
    program = compile(PROGRAMS / "stages.c", *C_FLAGS, name="stages")
    terminal = debugger.terminal(program)
    assert "tracking begins" in terminal.command(start)
    terminal.command(debugger.run_here(), r"exited (normally|with status = 0)")
    assert allocations(terminal.command("tmpalloc status", "tracker memory")) == 8
    summary = terminal.command("tmpalloc summary", "temporary at")
    assert re.search(r"temporary at .*stages.c", summary)


def test_stops_and_commands_take_turns(debugger, compile, start):
    program = compile(PROGRAMS / "stages.c", *C_FLAGS, "-O0", name="stages")
    terminal = debugger.terminal(program)
    terminal.command(debugger.break_at("stage"))
    terminal.command(start)
    terminal.command(debugger.run_here(), "number=0", seconds=30)
    for number in range(1, 5):
        terminal.command(debugger.continue_(), rf"number={number}", seconds=30)
        assert allocations(terminal.command("tmpalloc status", "tracker memory")) == 2 * number


def interrupt(terminal):
    """Types control-C until the program stops: LLDB loses some while it runs a breakpoint's script."""
    for _ in range(40):
        terminal.type(CONTROL_C)
        try:
            return terminal.expect(r"stop reason = |received signal SIGINT", seconds=0.5)
        except AssertionError:
            continue
    raise AssertionError("control-C did not stop the program")


def test_control_c_returns_to_the_prompt_and_loses_nothing(debugger, compile, start):
    program = compile(LOOPS, *C_FLAGS)
    report = debugger.directory / "report.json"
    terminal = debugger.terminal(program)
    terminal.command(start)
    stops = []
    for go_on in (debugger.run_here(), debugger.continue_(), debugger.continue_()):
        terminal.send(go_on)
        terminal.expect(r"(?m)^looping|Continuing|resuming")
        time.sleep(0.5)
        interrupt(terminal)
        terminal.expect(re.escape(debugger.prompt))
        time.sleep(0.3)  # LLDB shows the prompt twice
        stops.append(allocations(terminal.command("tmpalloc status", "tracker memory")))
    assert 0 < stops[0] < stops[1] < stops[2]
    terminal.command(f"tmpalloc report json {report.name}", "wrote")  # a long line would wrap
    totals = json.loads(report.read_text())["totals"]
    assert totals["dropped"] == 0
    # Each iteration frees what it allocated; the last may have been interrupted in between.
    assert 0 <= totals["allocations"] - totals["temporary"]["count"] <= 1
    terminal.command(debugger.evaluate("go = 0"), "= 0")
    terminal.command(debugger.continue_(), r"exited with (code 03|status = 3)", seconds=30)
    assert allocations(terminal.command("tmpalloc status", "tracker memory")) >= stops[2]


MANY_STACKS = """
#include <stdlib.h>
static void step(int depth, unsigned path);
__attribute__((noinline)) static void left(int depth, unsigned path) { step(depth, path); }
__attribute__((noinline)) static void right(int depth, unsigned path) { step(depth, path); }
__attribute__((noinline)) static void step(int depth, unsigned path) {
    if (depth == 0)
        free(malloc(10));
    else if (path & 1)
        left(depth - 1, path >> 1);
    else
        right(depth - 1, path >> 1);
}
int main(void) {
    for (unsigned path = 0; path < 1u << 16; path++)
        step(16, path);
    return 0;
}
"""
PROGRESS = r"tmpalloc: \w+ \d+( of \d+)? (call sites|call stacks|compilation units|MB)"


def test_long_work_shows_how_far_it_is_until_control_c_ends_it(debugger, compile):
    program = compile(MANY_STACKS, *C_FLAGS, "-fno-optimize-sibling-calls")
    terminal = debugger.terminal(program)
    terminal.command("tmpalloc start --engine agent --memory-limit 512MB")
    terminal.command(debugger.run_here(), r"exited (normally|with status = 0)")
    summary = terminal.command("tmpalloc summary", "65,536").partition("Location ")
    assert re.search(r"65,536 +100.00%", summary[2])
    for _ in range(2):
        terminal.send("tmpalloc report json report.json")
        terminal.expect(PROGRESS)
        terminal.type(CONTROL_C)
        terminal.expect(r"Quit|interrupted")
        # The line was erased before anything else was written.
        assert re.search(rb"ing \d[^\n]*\r\x1b\[K[^\n]*(Quit|interrupted)", terminal.raw)
        terminal.expect(re.escape(debugger.prompt))
        time.sleep(0.3)  # LLDB shows the prompt twice
    assert not list(debugger.directory.glob("*report.json*"))
    again = terminal.command("tmpalloc summary", "65,536").partition("Location ")
    assert again[1:] == summary[1:]


def test_in_batch_mode_long_work_is_silent_at_a_terminal_too(debugger, compile):
    program = compile(MANY_STACKS, *C_FLAGS, "-fno-optimize-sibling-calls")
    start = "tmpalloc start --engine agent --memory-limit 512MB"
    report = f"tmpalloc report html {debugger.directory}/report.html"
    steps = [debugger.load(), start, debugger.run_here(), report]
    command = shlex.join(map(str, debugger.batch_command(program, (), steps)))
    typescript = debugger.directory / "typescript"
    line = f"stty columns 80 rows 24; {command}"
    text = execute("script", "-qec", line, typescript, env={"TERM": "xterm"})
    assert f"tmpalloc: wrote {debugger.directory}" in text and not re.search(PROGRESS, text)


@pytest.mark.parametrize("columns", [80, 132])
def test_the_summary_fits_the_terminal(debugger, compile, columns, start):
    program = compile(LOOPS.replace("while (go)", "for (int i = 0; i < 20; i++)"), *C_FLAGS)
    terminal = debugger.terminal(program, columns=columns)
    terminal.command(start)
    terminal.command(debugger.run_here(), r"exited with (code 03|status = 3)")
    text = terminal.command("tmpalloc summary", "tmpalloc site 1")
    table = [line for line in re.sub(PROGRESS, "", text).splitlines() if "%" in line]
    assert table and all(len(line) < columns for line in table), text


def test_tab_completes_commands_options_and_values(debugger):
    terminal = debugger.terminal()
    terminal.type("tmpalloc sum\t")
    terminal.expect("tmpalloc summary ?")
    terminal.type(" --thr\t")
    terminal.expect("--threshold")


WAITS = """
#include <unistd.h>
unsigned long wait_long(unsigned long seconds) {
    write(1, "waiting\\n", 8);
    return sleep(seconds);
}
int main(void) {
    return 0;
}
"""


def test_control_c_in_a_call_of_the_process_is_the_users(gdb, compile):
    terminal = gdb.terminal(compile(WAITS))
    terminal.command("break main")
    terminal.command("run", "Breakpoint 1, main")
    terminal.command("python from tmpalloc_gdb_calls import call")
    terminal.command("python address = int(gdb.parse_and_eval('(unsigned long)&wait_long'))")
    terminal.send("python call(address, [60], False, 60)")
    terminal.expect("(?m)^waiting")
    terminal.type(CONTROL_C)
    # GDB 16 calls one that no Python code catches what it is to the user.
    terminal.expect(r"(?s)(?:KeyboardInterrupt.*Error while executing|Quit).*\(gdb\) ", 30)
    failed = r"Error (while executing|occurred in) Python"
    output = terminal.command("python call(address, [60], False, 0.5)", failed)
    assert "KeyboardInterrupt" not in output and re.search("signaled|received signal", output)
    assert "main () at" in terminal.command("frame", "main")
