"""Commands that the user gave a breakpoint run once, at its stop, and tracking goes on."""

import re
import shutil

import pytest
from library.support import C_FLAGS, PROGRAMS, ROOT, allocations

pytestmark = pytest.mark.usefixtures("library")


def commands(debugger, function, *lines):
    """Steps that set a breakpoint on a function and give it commands."""
    if debugger.name == "gdb":
        text = "\\n".join(lines)
        return [f"break {function}", f'python gdb.breakpoints()[-1].commands = "{text}"']
    text = "\n".join(["breakpoint command add", *lines, "DONE"])
    return [f"breakpoint set -n {function}", text]


@pytest.fixture
def program(compile):
    return compile(PROGRAMS / "commanded.c", *C_FLAGS)


def test_a_breakpoint_whose_commands_continue_changes_nothing(debugger, program, start):
    plain = debugger.session(program, [start, debugger.run(), "tmpalloc status"])
    steps = [*commands(debugger, "main", "continue"), start, debugger.run(), "tmpalloc status"]
    stopped = debugger.session(program, steps)
    assert stopped.exit_statuses == plain.exit_statuses == [5]
    assert allocations(stopped.outputs[4]) == allocations(plain.outputs[2])


def test_commands_of_tmpalloc_work_within_those_of_a_breakpoint(debugger, program, start):
    steps = [
        *commands(debugger, "first", start, "tmpalloc mark begun", "continue"),
        *commands(debugger, "second", "tmpalloc mark second", "tmpalloc stop", "continue"),
        *commands(debugger, "third", start, "tmpalloc status", "continue"),
        debugger.run(),
        "tmpalloc summary --filter allocate --since begun",
        "tmpalloc summary --filter allocate --since second",
    ]
    result = debugger.session(program, steps)
    assert result.exit_statuses == [5], result.text
    assert " 50 " in result.outputs[-2]
    assert " 40 " in result.outputs[-1]


#: Says when a handler of ours executes a command, which would also execute those of the stop, unless
#: that is known to have none.
GUARD = """
import gdb, sys
real = gdb.execute
def guarded(*words, **options):
    frame = sys._getframe(1)
    names, told = [], False
    while frame:
        if "tmpalloc_gdb" in frame.f_code.co_filename:
            names.append(frame.f_code.co_name)
            if names[-1] == "event":
                told = frame.f_locals["self"]._may_execute
        frame = frame.f_back
    found = set(names) & set({handlers!r})
    if found and not told and "when_possible" not in names:
        print("EXECUTED", words[0], "in", *found)
    return real(*words, **options)
gdb.execute = guarded
"""


def handlers():
    """Names of the functions of the adapter that GDB calls when something happens."""
    commands = (ROOT / "gdb" / "tmpalloc_gdb_commands.py").read_text()
    found = re.findall(r"gdb\.events\.\w+\.connect\(host\.(\w+)\)", commands)
    assert len(found) > 5
    return {*found, "stop"}


def test_no_handler_of_an_event_or_a_hit_executes_a_command(gdb, program, start):
    guard = gdb.directory / "guard.py"
    guard.write_text(GUARD.format(handlers=sorted(handlers())))
    steps = [
        gdb.source(guard),
        *commands(gdb, "main", "echo in main\\\\n", "continue"),
        *commands(gdb, "first", "tmpalloc catch --min-size 105 --count 3", "continue"),
        *commands(gdb, "second", "echo in second\\\\n", "break third", "continue"),
        start,
        gdb.run(),
        "tmpalloc watch 1",
        gdb.continue_(),
        gdb.continue_(),
        "delete",
        "tmpalloc catch --delete",
        gdb.continue_(),
        "tmpalloc status",
        "tmpalloc stop",
        "show exec-wrapper",
    ]
    result = gdb.session(program, steps)
    assert "EXECUTED" not in result.text, result.text
    assert result.exit_statuses == [5], result.text
    assert result.text.count("in main\n") == result.text.count("in second\n") == 1, result.text
    assert allocations(result.outputs[-3]) > 70
    assert '""' in result.outputs[-1]


def test_a_catch_at_a_stop_with_commands_is_shown_after_them(gdb, program, breakpoints):
    steps = [
        *commands(gdb, "*free", "silent", "echo freed\\n"),
        breakpoints,
        "break first",
        gdb.run(),
        "tmpalloc catch --min-size 109 --count 1",
        *[gdb.continue_()] * 10,
        "frame",
        "delete",
        gdb.continue_(),
    ]
    result = gdb.session(program, steps)
    assert "is about to be freed" in result.outputs[-4]
    assert "freed\n" in result.outputs[-4]
    assert result.exit_statuses == [5], result.text


def test_the_debugger_ends_as_always_after_a_program_that_could_not_begin(debugger, compile, start):
    """Before the first constructor: the dynamic linker misses a library."""
    library = compile("int missing(void) { return 0; }", "-shared", "-fPIC", name="libmissing.so")
    folder = library.parent
    program = compile(
        "int missing(void); int main(void) { return missing(); }",
        f"-L{folder}",
        "-lmissing",
        name="nothing",
    )
    library.unlink()
    result = debugger.session(program, [start, debugger.run()])
    assert result.exit_statuses == [127], result.text
    assert result.status == 0, result.text
    assert "Fatal signal" not in result.text


def test_the_debugger_ends_as_always_after_a_stop_before_the_program_begins(gdb, program):
    """At the last event of the dynamic linker, after which GDB waits for nothing any more."""
    stop = "set stop-on-solib-events 1"
    ask = ["tmpalloc status", "tmpalloc summary"]
    start = "tmpalloc start --engine agent"
    result = gdb.session(program, [stop, start, gdb.run(), gdb.continue_(), *ask, "kill"])
    reason = "no results yet: the program's own code has not begun"
    assert f"agent engine\ntmpalloc: {reason}\n" in result.outputs[4], result.text
    assert result.outputs[5].strip() == reason
    assert "Fatal signal" not in result.text
    assert result.status == 0, result.text


#: Says whether what the user runs at a stop runs at GDB's prompt, or within a handler of ours.
WHERE = """
import sys
def where():
    frame, place = sys._getframe(), "PROMPT"
    while frame:
        place = "NESTED" if "tmpalloc_gdb" in frame.f_code.co_filename else place
        frame = frame.f_back
    print(place)
"""

#: Stops of a user where a catch may stop, too; the last one has commands.
STOPS = {
    "break": ["break *free"],
    "tbreak": ["tbreak *free"],
    "condition": ["break *free if $rdi != 1"],
    "two": ["break *free", "break *free"],
}


def catch_at_stops(gdb, start, *steps):
    """Steps to some stops of a catch, and the sources of where()."""
    where = gdb.directory / "where.py"
    where.write_text(WHERE)
    catch = "tmpalloc catch --min-size 100 --count 1"
    return [gdb.source(where), start, "break first", gdb.run(), *steps, catch]


@pytest.mark.parametrize("stop", STOPS)
def test_what_shows_a_catch_runs_no_commands_of_the_user(gdb, program, breakpoints, stop):
    commanded = 'python gdb.breakpoints()[-1].commands = "python where()"'
    steps = catch_at_stops(gdb, breakpoints, *STOPS[stop], commanded)
    steps += [*[gdb.continue_()] * 10, "frame", "delete", gdb.continue_()]
    result = gdb.session(program, steps)
    assert "is about to be freed" in result.text, result.text
    assert "NESTED" not in result.text, result.text
    assert result.text.count("PROMPT") == (1 if stop == "tbreak" else 10), result.text
    assert result.exit_statuses == [5], result.text


def test_a_hook_of_the_user_runs_once_at_each_stop(gdb, program, start):
    hook = gdb.directory / "hook.gdb"
    hook.write_text("define hook-stop\npython where()\nend\n")
    steps = [*catch_at_stops(gdb, start, gdb.source(hook)), gdb.continue_(), "delete"]
    steps += ["tmpalloc catch --delete", gdb.continue_()]
    result = gdb.session(program, steps)
    assert "is about to be freed" in result.outputs[-4], result.text
    assert result.outputs[-4].count("PROMPT") == 1, result.text
    assert "in allocate (count=" in result.outputs[-4], result.text
    assert "NESTED" not in result.text, result.text
    assert result.exit_statuses == [5], result.text


def test_a_catch_in_a_remote_process_runs_no_commands_of_the_user(gdb, program, breakpoints):
    if shutil.which("gdbserver") is None:
        pytest.skip("there is no gdbserver here")
    where = gdb.directory / "where.py"
    where.write_text(WHERE)
    steps = [
        gdb.source(where),
        f"target remote | gdbserver --once - {program}",
        "break first",
        gdb.continue_(),
        breakpoints,
        "break *free",
        'python gdb.breakpoints()[-1].commands = "python where()"',
        "tmpalloc catch --min-size 100 --count 1",
        *[gdb.continue_()] * 10,
        "delete",
        gdb.continue_(),
    ]
    result = gdb.session(program, steps)
    assert "is about to be freed" in result.text, result.text
    assert "NESTED" not in result.text, result.text
    assert result.text.count("PROMPT") == 10, result.text
    assert result.exit_statuses == [5], result.text
