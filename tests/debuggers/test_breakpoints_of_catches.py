"""A catch is a breakpoint of the debugger's: listed, and asked at each match."""

import re

import pytest
from library.support import PROGRAMS

#: Words of each debugger for what is done to a breakpoint.
WORDS = {
    "gdb": {
        "list": "info breakpoints",
        "disable": "disable {}",
        "enable": "enable {}",
        "delete": "delete {}",
        "ignore": "ignore {} {}",
        "condition": "condition {} {}",
    },
    "lldb": {
        "list": "breakpoint list",
        "disable": "breakpoint disable {}",
        "enable": "breakpoint enable {}",
        "delete": "breakpoint delete {}",
        "ignore": "breakpoint modify {} -i {}",
        "condition": "breakpoint modify {} -c '{}'",
    },
}

#: Of a catch's breakpoint, the session's first: LLDB has counted one of ours.
NUMBER = {"gdb": 1, "lldb": 2}

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def program(compile):
    return compile(PROGRAMS / "caught.cpp", "-O0", "-pthread", "-fno-builtin")


def say(debugger, word, *values):
    """A line for the debugger about the breakpoint of a catch."""
    return WORDS[debugger.name][word].format(NUMBER[debugger.name], *values)


def variable(debugger, name):
    return {"gdb": "$_tmpalloc_", "lldb": "$tmpalloc_"}[debugger.name] + name


def with_commands(debugger, lines):
    """Steps that give the catch's breakpoint commands."""
    file = debugger.directory / "commands"
    if debugger.name == "gdb":
        file.write_text("\n".join(["commands 1", *lines, "end", ""]))
        return [f"source {file}"]
    file.write_text("\n".join(["breakpoint command add 2", *lines, "DONE", ""]))
    return [f"command source -s 1 {file}"]


def caught(output):
    """Size of what is told to be caught; None: nothing is."""
    found = re.search(r"tmpalloc: catch 1: 0x\w+ of (\S+) is about", output)
    return found and found[1]


def test_the_debugger_lists_it_and_its_number_switches_and_deletes_it(debugger, start, program):
    go = debugger.continue_()
    steps = [start, "tmpalloc catch --min-size 200", say(debugger, "list"), "tmpalloc catch"]
    steps += [debugger.run(), say(debugger, "disable"), debugger.break_at("run_threads"), go]
    steps += [say(debugger, "enable"), go, say(debugger, "delete"), "tmpalloc catch"]
    steps += [say(debugger, "list"), go]
    result = debugger.session(program, steps)
    added, listed, catches, stop, _, _, disabled, _, enabled, _, none, gone = result.outputs[1:13]
    assert added.rstrip().endswith(f"breakpoint {NUMBER[debugger.name]}"), result.text
    assert re.search(r"tmpalloc[ _]catch[ _]1", listed) and catches.startswith("catch 1 ")
    assert catches.rstrip().endswith(added.rpartition(", ")[2].rstrip())
    assert caught(stop) == "200B" and caught(disabled) is None and caught(enabled) == "4.883KB"
    assert "run_threads" in disabled
    assert "no catches" in none and not re.search(r"tmpalloc[ _]catch", gone)
    assert result.exit_statuses == [3]


def test_its_condition_is_about_the_frame_that_is_charged(debugger, start, program):
    condition = f"length > 7 && {variable(debugger, 'distance')} > 1"
    steps = [start, "tmpalloc catch -t 3 --at make", debugger.break_at("release"), debugger.run()]
    steps += [say(debugger, "condition", condition), *[debugger.continue_()] * 3]
    steps += [debugger.evaluate("length"), debugger.continue_()]
    result = debugger.session(program, steps)
    first, second, third = map(caught, result.outputs[5:8])
    assert (first, second, third) == (None, None, "24B"), result.text
    assert "= 11" in result.outputs[8] and result.exit_statuses == [3]


def test_it_is_ignored_so_many_times(debugger, start, program):
    steps = [start, "tmpalloc catch --min-size 100", say(debugger, "ignore", 2), debugger.run()]
    result = debugger.session(program, [*steps, debugger.continue_(), debugger.continue_()])
    assert [caught(output) for output in result.outputs[3:5]] == ["300B", "4.883KB"], result.text


def test_its_commands_are_executed_where_the_program_stopped(debugger, start, program):
    lines = [debugger.evaluate("length"), f"tmpalloc explain {variable(debugger, 'addr')}"]
    steps = [start, "tmpalloc catch --at make -t 0", *with_commands(debugger, lines)]
    result = debugger.session(program, [*steps, debugger.run(), debugger.continue_()])
    stop = result.outputs[3]
    assert caught(stop) == "24B" and re.search(r"= 7\b", stop), result.text
    assert "is the block of 24B" in stop and "delete record;" in stop
    assert result.exit_statuses == [3]


def test_commands_can_let_the_program_go_on(debugger, start, program):
    lines = [debugger.evaluate(variable(debugger, "size")), "continue"]
    steps = [start, "tmpalloc catch --min-size 100", *with_commands(debugger, lines)]
    result = debugger.session(program, [*steps, debugger.run()])
    found = re.findall(r"\$\w+ = (\d+)", result.text)
    assert found == ["100", "200", "300", "5000", "6000"], result.text
    assert result.exit_statuses == [3]


def test_silent_commands_say_nothing_of_the_stop(gdb, start, program):
    steps = [start, "tmpalloc catch --at make -t 0", *with_commands(gdb, ["silent", "print length"])]
    stop = gdb.session(program, [*steps, gdb.run()]).outputs[3]
    assert "= 7" in stop and "tmpalloc: catch" not in stop and "delete record" not in stop


@pytest.mark.parametrize("at_terminal", [False, True], ids=["batch", "terminal"])
def test_lldb_names_the_catch_as_the_reason_of_the_stop(lldb, start, program, at_terminal):
    reason = "stop reason = tmpalloc catch 1: temporary of 300B\n"
    if at_terminal:
        terminal = lldb.terminal(program)
        terminal.command(start)
        terminal.command("tmpalloc catch --min-size 300 --once")
        stop = terminal.command("run", "stop reason = ")
        assert reason in stop and "free(text);" in stop
        assert "status = 3" in terminal.command("continue", "exited with")
        return
    steps = [start, "tmpalloc catch --min-size 300 --once", lldb.run(), "thread list"]
    result = lldb.session(program, [*steps, lldb.continue_()])
    assert reason in result.outputs[2] and reason in result.outputs[3], result.text
    assert result.exit_statuses == [3]


def test_finish_and_up_go_on_from_a_catch_as_from_any_breakpoint(debugger, start, program):
    steps = [start, "tmpalloc catch --at make -t 0", debugger.run(), "up", debugger.finish()]
    result = debugger.session(program, [*steps, debugger.continue_()])
    assert re.search(r"release_records ?\(", result.outputs[3]), result.text
    assert re.search(r"(release_records|main) ?\(", result.outputs[4]), result.text
    assert result.exit_statuses == [3]


#: LLDB's step of a line; GDB's is a step of the line of the innermost frame where that has one.
STEPS = [("gdb", "agent", "next"), ("gdb", "agent", "step")]
STEPS += [("lldb", engine, step) for engine in ("agent", "breakpoint") for step in ("next", "step")]


@pytest.mark.parametrize("name, engine, step", STEPS)
def test_a_step_goes_to_the_next_line_of_the_frame_that_is_shown(
    request, program, name, engine, step
):
    debugger = request.getfixturevalue(name)
    steps = [f"tmpalloc start --engine {engine}", "tmpalloc catch --at make -t 0", debugger.run()]
    steps += [step, step, "up", step, debugger.continue_()]
    result = debugger.session(program, steps)
    lines = ["if (length == 0)", "}", "Record *second = make"]
    found = [line in result.outputs[i] for i, line in zip((3, 4, 6), lines)]
    assert found == [True] * 3 and result.exit_statuses == [3], result.text
    assert name == "gdb" or "stop reason = step" in result.outputs[3]


def test_a_catch_stops_a_step_of_the_user_and_finish(debugger, start, program):
    steps = [debugger.break_at("main"), debugger.run(), start]
    steps += ["tmpalloc catch --at make -t 0 --once", "next", "tmpalloc catch --min-size 300"]
    steps += [debugger.finish(), debugger.finish(), "tmpalloc catch --delete", debugger.continue_()]
    result = debugger.session(program, steps)
    assert caught(result.outputs[4]) == "24B", result.text
    assert re.search(r"delete record;", result.outputs[4])
    assert result.exit_statuses == [3]


#: A vector that grows in optimized code, where LLDB's own call stacks may end too early.
GROWING = """
#include <vector>
__attribute__((noinline)) int work(int n) {
    std::vector<int> values;
    for (int i = 0; i < n; i++)
        values.push_back(i);
    return values.back();
}
int main() { return work(9); }
"""


def test_a_catch_stops_where_the_debugger_does_not_find_its_frame(debugger, compile, start):
    program = compile(GROWING, "-O2", language="cpp")
    steps = [start, "tmpalloc catch --at work --min-size 16", debugger.run(), "tmpalloc catch"]
    result = debugger.session(program, [*steps, debugger.continue_(), debugger.kill()])
    assert caught(result.outputs[2]) == "16B", result.text
    assert "failed to" not in result.text, result.text
    assert debugger.name == "gdb" or "tmpalloc catch 1: temporary of 16B\n" in result.outputs[2]


def test_instructions_are_stepped_where_the_user_asks_for_them(lldb, program):
    terminal = lldb.terminal(program)
    terminal.command("tmpalloc start")
    terminal.command("tmpalloc catch --at make -t 0")
    terminal.command("run", "stop reason = ")
    assert "instruction step over" in terminal.command("ni", "stop reason = ")


def test_lldb_lists_how_often_a_catch_was_hit_and_ignores_count(lldb, start, program):
    steps = [start, "tmpalloc catch --min-size 100", say(lldb, "ignore", 1), lldb.run()]
    result = lldb.session(program, [*steps, "breakpoint list", say(lldb, "delete"), lldb.continue_()])
    assert caught(result.outputs[3]) == "200B", result.text
    assert "tmpalloc catch 1, hit count = 2," in result.outputs[4]
    assert result.exit_statuses == [3]


def test_a_breakpoint_for_one_thread_is_so_for_a_catch(lldb, start, program):
    steps = [start, "tmpalloc catch --min-size 200", "breakpoint modify -x 2 2", lldb.run()]
    result = lldb.session(program, [*steps, say(lldb, "delete"), lldb.continue_()])
    assert caught(result.outputs[3]) == "4.883KB" and result.exit_statuses == [3], result.text


def test_a_catch_is_deleted_after_the_one_stop_it_was_for(debugger, start, program):
    once = {"gdb": "enable delete 1", "lldb": "breakpoint modify -o true 2"}[debugger.name]
    steps = [start, "tmpalloc catch --min-size 200", once, debugger.run(), "tmpalloc catch"]
    result = debugger.session(program, [*steps, debugger.continue_()])
    assert caught(result.outputs[3]) == "200B" and "no catches" in result.outputs[4], result.text
    assert caught(result.outputs[5]) is None and result.exit_statuses == [3]


@pytest.mark.parametrize("count, sizes", [("once", ["200B"]), ("count 2", ["200B", "300B"])])
def test_gdb_enables_a_catch_for_so_many_stops(gdb, start, program, count, sizes):
    steps = [start, "tmpalloc catch --min-size 200", f"enable {count} 1", gdb.run()]
    steps += [*[gdb.continue_()] * (len(sizes) - 1), "info breakpoints", gdb.continue_()]
    result = gdb.session(program, steps)
    assert list(map(caught, result.outputs[3 : 3 + len(sizes)])) == sizes, result.text
    assert re.search(r"(?m)^1 +catchpoint +dis +n ", result.outputs[-2])
    assert result.exit_statuses == [3]


#: A script that lets the program go on.
SCRIPT = """
def pass_by(frame, location, _):
    print("passes", frame.GetFunctionName(), location.IsValid())
    return False
"""


def test_a_script_of_its_breakpoint_is_called_with_the_frame_that_is_charged(lldb, start, program):
    file = lldb.directory / "stops.py"
    file.write_text(SCRIPT)
    steps = [lldb.source(file), start, "tmpalloc catch --min-size 300"]
    steps += ["breakpoint command add -F stops.pass_by 2", lldb.break_at("run_threads"), lldb.run()]
    steps += ["breakpoint command add -s python -o 'print(1); unknown' 2", lldb.continue_()]
    result = lldb.session(program, [*steps, say(lldb, "delete"), lldb.continue_()])
    assert re.search(r"passes .*grow\(?\)? False", result.outputs[5]), result.text
    assert "run_threads" in result.outputs[5]
    assert "name 'unknown' is not defined" in result.outputs[7]
    assert caught(result.outputs[7]) == "4.883KB"
    assert result.exit_statuses == [3]
