"""TMPALLOC_LOG: what happens in a session, for whoever looks for a fault."""

import re

import pytest
from library.support import C_FLAGS, PROGRAMS

pytestmark = pytest.mark.usefixtures("library")

LINES = re.compile(r"^tmpalloc: (session|module|stop|allocation): (.*)$", re.MULTILINE)


@pytest.fixture
def run(debugger, compile):
    """Runs a program under an engine to its end; gives what was logged, as (level, line), and all
    that was printed."""
    program = compile(PROGRAMS / "commanded.c", *C_FLAGS)

    def run_logged(level, engine):
        steps = [debugger.break_at("third"), f"tmpalloc start --engine {engine}", debugger.run()]
        steps += ["tmpalloc stop", debugger.continue_()]
        text = debugger.session(program, steps, env={"TMPALLOC_LOG": level}).text
        return LINES.findall(text), text

    return run_logged


def test_the_log_of_allocations_tells_what_the_breakpoint_engine_makes_of_each(run):
    lines, _ = run("allocation", "breakpoint")
    told = {level: "\n".join(line for of, line in lines if of == level) for level, _ in lines}
    assert "waiting, was idle" in told["session"] and "tracking, was waiting" in told["session"]
    assert "stopped, was tracking" in told["session"]
    assert re.search(r"libc\.so\.6 is loaded, bias 0x", told["module"])
    assert re.search(r"^entry point malloc at 0x\w+ in \S+libc", told["module"], re.MULTILINE)
    assert re.search(r"^thread \d+ at 0x\w+: entry of malloc$", told["stop"], re.MULTILINE)
    assert "event modules" in told["stop"]
    assert re.search(r"thread \d+ has \d+ bytes at 0x\w+, stack \d+", told["allocation"])
    assert re.search(r"thread \d+ frees 0x\w+: a temporary$", told["allocation"], re.MULTILINE)


def test_the_log_of_sessions_tells_what_the_agent_is_chosen_for_and_nothing_else(run):
    lines, _ = run("session", "auto")
    assert {level for level, _ in lines} == {"session"}
    assert ("session", "agent engine is chosen") in lines
    assert ("session", "stopped, was tracking") in lines


def test_the_log_of_stops_tells_what_the_agent_says(run):
    lines, _ = run("stop", "agent")
    assert not [line for level, line in lines if level == "allocation"]
    assert [line for level, line in lines if level == "stop"]
    assert [line for level, line in lines if level == "module"]


def test_nothing_is_logged_unless_it_is_asked_for(run):
    assert run("", "breakpoint")[0] == []


def test_a_word_that_is_no_level_is_told_once_with_those_that_are(run):
    lines, text = run("everything", "auto")
    assert lines == []
    known = "tmpalloc: TMPALLOC_LOG is 'everything': it can be session, module, stop or allocation"
    assert text.count(known) == 1
