"""Programs that enter a sandbox, in which a system call of the agent would be their end."""

import pytest
from library.support import C_FLAGS, PROGRAMS, allocations, number

#: Ways into the sandbox: how it is entered, and what it is.
WAYS = ["prctl strict", "syscall strict", "prctl filter", "syscall filter", "seccomp filter"]
FLAGS = (*C_FLAGS, "-fno-optimize-sibling-calls")
SANDBOX_LINE = "sandbox             entered by the process: the agent makes no system calls"


@pytest.fixture
def sandboxed(compile):
    return compile(PROGRAMS / "sandboxed.c", *FLAGS, name="sandboxed")


@pytest.mark.parametrize("way", WAYS)
def test_a_sandboxed_program_runs_to_its_end(debugger, sandboxed, start, way):
    arguments = [*way.split(), "main", 3, 0]
    result = debugger.session(sandboxed, [start, debugger.run(), "tmpalloc status"], arguments)
    assert result.stdout == b"sandboxed work done\n", result.text
    assert result.exit_statuses == [6], result.text
    if "filter" in way:
        assert allocations(result.outputs[2]) == number(result.outputs[2], "deallocations") == 271
        assert (SANDBOX_LINE in result.outputs[2]) == ("agent" in start)


@pytest.mark.parametrize("way", ["syscall strict", "syscall filter", "seccomp filter"])
def test_a_program_that_enters_by_its_own_instruction_runs_to_its_end(debugger, compile, start, way):
    program = compile(PROGRAMS / "sandboxed.c", *FLAGS, "-DRAW", name="sandboxed")
    steps = [start, debugger.run(), "tmpalloc status"]
    result = debugger.session(program, steps, [*way.split(), "main", 3, 0])
    assert result.stdout == b"sandboxed work done\n", result.text
    assert result.exit_statuses == [6], result.text
    if "filter" in way:
        assert allocations(result.outputs[2]) == 271
        said = "possible by the program's own code: the agent makes no system calls"
        assert (said in result.outputs[2]) == ("agent" in start)


def test_what_only_might_enter_a_sandbox_is_hooked_and_left_as_any_program(gdb, compile):
    program = compile(PROGRAMS / "sandboxed.c", *FLAGS, "-DRAW", name="sandboxed")
    code, start = "x/2gx (char *)malloc", "tmpalloc start --engine agent"
    steps = [gdb.break_at("main"), gdb.run(), code, start, code, "tmpalloc stop", code]
    steps += [start, gdb.continue_(), "tmpalloc status"]
    result = gdb.session(program, steps, ["seccomp", "filter", "main", 3, 0])
    before, hooked, after = (result.outputs[i] for i in (2, 4, 6))
    assert before == after != hooked, result.text
    assert result.exit_statuses == [6], result.text
    assert allocations(result.outputs[9]) == 271


def test_bytes_that_look_like_a_system_call_by_chance_are_none(debugger, compile):
    program = compile(
        """int main(void) {
            int number;
            __asm__ volatile("movl $317, %0; jmp 1f; movl $0x050f050f, %0; 1:" : "=r"(number));
            return number == 317 ? 4 : 5;
        }"""
    )
    result = debugger.session(
        program, ["tmpalloc start --engine agent", debugger.run(), "tmpalloc status"]
    )
    assert result.exit_statuses == [4], result.text
    assert "sandbox" not in result.outputs[2]


def test_sandboxes_entered_by_an_own_instruction_leave_room_for_all_call_stacks(debugger, compile):
    program = compile(PROGRAMS / "sandboxed.c", *FLAGS, "-DRAW", name="sandboxed")
    steps = ["tmpalloc start --engine agent", debugger.run(), "tmpalloc status"]
    result = debugger.session(program, steps, ["seccomp", "filter", "main", 60, 300000])
    assert result.exit_statuses == [6], result.text
    assert allocations(result.outputs[2]) == 305401
    assert number(result.outputs[2], "call stacks") > 10800


@pytest.mark.parametrize("who", ["main", "child", "thread"])
def test_whoever_enters_the_sandbox_the_agent_needs_no_system_call(debugger, sandboxed, who):
    steps = ["tmpalloc start --engine agent", debugger.run(), "tmpalloc status"]
    result = debugger.session(sandboxed, steps, ["seccomp", "filter", who, 60, 300000])
    assert result.stdout == b"sandboxed work done\n", result.text
    assert result.exit_statuses == [6], result.text
    if who != "child":
        # A thread takes a few of its own.
        assert 305401 <= allocations(result.outputs[2]) <= 305401 + 2 * (who == "thread")
        assert number(result.outputs[2], "dropped events") == 0
        assert SANDBOX_LINE in result.outputs[2]


def test_the_call_stacks_of_a_sandboxed_program_are_whole(debugger, sandboxed):
    steps = ["tmpalloc start --engine agent", debugger.run(), "tmpalloc tree -r 1000"]
    result = debugger.session(sandboxed, steps, ["prctl", "filter", "main", 3, 0])
    assert "main at sandboxed.c" in result.outputs[2], result.text
    assert "descend at sandboxed.c" in result.outputs[2], result.text


def test_a_call_that_only_asks_for_sandboxes_enters_none(debugger, sandboxed):
    steps = ["tmpalloc start --engine agent", debugger.run(), "tmpalloc status"]
    result = debugger.session(sandboxed, steps, ["prctl", "ask", "main", 3, 0])
    assert result.exit_statuses == [6], result.text
    assert "sandbox   " not in result.outputs[2]


def test_tracking_stops_and_starts_in_a_sandboxed_program(debugger, sandboxed):
    steps = [debugger.break_at("enter"), debugger.break_at("half_way"), debugger.run()]
    steps += ["tmpalloc start --engine agent", debugger.continue_(), "tmpalloc stop"]
    steps += ["tmpalloc start --engine agent", debugger.delete_breakpoints()]
    steps += [debugger.continue_(), "tmpalloc status"]
    result = debugger.session(sandboxed, steps, ["prctl", "filter", "main", 3, 0])
    assert "hooks stay and count nothing" in result.outputs[5], result.text
    assert result.exit_statuses == [6], result.text
    assert allocations(result.outputs[9]) == 270


@pytest.mark.parametrize("way", ["seccomp filter", "prctl strict"])
def test_a_temporary_of_a_sandboxed_program_is_caught(debugger, sandboxed, way):
    """LLDB's variables are in the memory of the process: it would map some there."""
    steps = [debugger.break_at("half_way"), "tmpalloc start --engine agent", debugger.run()]
    steps += ["tmpalloc catch --once", debugger.continue_(), "tmpalloc check --max-count 100000"]
    steps += ["tmpalloc explain depth", *[debugger.continue_()] * 2]
    result = debugger.session(sandboxed, steps, [*way.split(), "main", 2, 0])
    assert "is about to be freed" in result.outputs[4], result.text
    untouched = "in a seccomp sandbox the debugger can't name numbers"
    assert (untouched in result.outputs[4]) == (debugger.name == "lldb"), result.text
    assert ("seccomp sandbox" in result.outputs[6]) == (debugger.name == "lldb"), result.text
    assert result.stdout == b"sandboxed work done\n", result.text
    if "filter" in way:
        assert result.exit_statuses == [6], result.text
