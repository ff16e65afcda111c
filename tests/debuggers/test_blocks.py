"""What can still become temporary: `tmpalloc live` and `tmpalloc explain`."""

import re

import pytest
from library.cpython import PYTHON, needs_python
from library.support import PROGRAMS, output_as_argument

SOURCE = PROGRAMS / "windows.cpp"
ROW = re.compile(r"(?m)^(\S.*?) +0x([0-9a-f]+) +(\d+)B +(\d+) +(\d+) +(\d+)$")


@pytest.fixture
def program(compile):
    return compile(SOURCE, "-O1", "-pthread", "-fno-builtin")


def rows(output):
    """(address, size, age, thread) of each row, in their order."""
    found = [[int(row[2], 16), *map(int, row.group(3, 4, 5))] for row in ROW.finditer(output)]
    return [tuple(row) for row in found]


def logged(text):
    """The same from what the program says, in the order that is promised."""
    lines = [line.split() for line in text.decode().splitlines()]
    found = [(int(address, 16), *map(int, numbers)) for address, *numbers in lines]
    return sorted(found, key=lambda row: (row[2], row[3]))


def second_thread(debugger):
    return {"gdb": "thread 2", "lldb": "thread select 2"}[debugger.name]


def in_no_block(output):
    assert output.count("\n") == 1, output
    return bool(re.match(r"0x[0-9a-f]+ is in no block that can still become temporary: ", output))


def test_blocks_are_those_that_the_program_says_it_keeps(debugger, start, program, tmp_path):
    core = tmp_path / "saved.core"
    save = {"gdb": f"gcore {core}", "lldb": f"process save-core --style full {core}"}
    steps = [start, debugger.break_at("stage"), debugger.run(), "tmpalloc live -r 0"]
    line = next(i for i, line in enumerate(SOURCE.read_text().splitlines(), 1) if "char[500]" in line)
    steps += ["tmpalloc live", "tmpalloc live -t 3 -r 0", f"tmpalloc live -r 4 --filter :{line}$"]
    steps += ["tmpalloc live --filter nothing", "tmpalloc explain held + 5"]
    steps += ["tmpalloc explain old", "tmpalloc explain freed", "tmpalloc explain &text"]
    steps += ["tmpalloc explain text", second_thread(debugger), "tmpalloc explain held"]
    steps += ["tmpalloc live --tid 999999999", save[debugger.name], debugger.continue_()]
    result = debugger.session(program, [*steps, "tmpalloc live -r 0"])
    everything, first, young, ours, none, inside, *unknown = result.outputs[3:13]
    expected = logged(result.stdout)
    assert len(expected) == 32 and rows(everything) == expected, result.text
    assert rows(first) == expected[:10]
    assert re.search(r"(?m)^22 more blocks +14\.\d{3}KB$", first), first
    assert rows(young) == [row for row in expected if row[2] <= 3]
    (block,) = [row for row in expected if row[1] == 500]
    assert rows(ours) == [block] and re.search(r"(?m)^main at windows.cpp:\d+ ", ours)
    assert "31 more blocks" in ours
    assert none == "No block that matches; 32 others can still become temporary.\n"
    (held,) = [row for row in expected if row[1] == 628]
    title = f"{held[0] + 5:#x} is 5 bytes into the block of 628B at {held[0]:#x} (tmpalloc site "
    assert inside.startswith(title)
    assert f"  Age          2 other allocations of thread {held[3]} since\n" in inside
    assert "by this thread: temporary at threshold 2 and above; by another thread: never" in inside
    assert re.search(r"#1 +make at .*/windows.cpp:31\n", inside)
    assert "->     31      note(log, malloc(size), size);" in inside
    assert all(map(in_no_block, unknown)), unknown
    other = result.outputs[14]
    (worker,) = {row[3] for row in expected} - {held[3]}
    assert f"{held[0]:#x} is the block of 628B (tmpalloc site " in other
    assert f"by thread {held[3]}: temporary at threshold 2 and above; by this thread, {worker}" in other
    assert "32 others" in result.outputs[15]
    # The other thread has ended, and its window with it.
    assert rows(result.outputs[18]) == [row for row in expected if row[3] == held[3]]
    if "agent" in start:
        same_in_core(debugger, program, core, expected)


def same_in_core(debugger, program, core, expected):
    load = {
        "gdb": [f"file {program}", f"core-file {core}"],
        "lldb": [f"target create {program} --core {core}"],
    }
    steps = [*load[debugger.name], "tmpalloc live -r 0", "tmpalloc explain held"]
    outputs = debugger.session(None, steps).outputs
    assert rows(outputs[-2]) == expected
    assert "is the block of 628B (tmpalloc site " in outputs[-1]


def test_what_is_no_address_and_no_time_for_blocks_is_one_line(debugger, start, program):
    saved = debugger.directory / "saved.json"
    accepted = "a number or an expression of this stop that gives one, without a call"
    addresses = ["nonsense", "12x", "stage()", "logs[0]", "0x10000000000000000", "held +"]
    steps = ["tmpalloc live", start, "tmpalloc explain 4", debugger.break_at("stage")]
    steps += [debugger.run(), *(f"tmpalloc explain {address}" for address in addresses)]
    steps += ["tmpalloc explain", "tmpalloc live -t x", "tmpalloc live --filter 'a('"]
    steps += ["tmpalloc stop", "tmpalloc live", start, "tmpalloc live", "tmpalloc explain held"]
    steps += ["tmpalloc stop", f"tmpalloc save {saved}", f"tmpalloc load {saved}", "tmpalloc live"]
    steps += [debugger.continue_(), debugger.continue_(), "tmpalloc live", "tmpalloc explain held"]
    result = debugger.session(program, steps)
    outputs = [output.removeprefix("error: ") for output in result.outputs]
    assert result.exit_statuses == [0]
    assert outputs[0].startswith("nothing recorded yet: 'tmpalloc start' begins")
    assert outputs[2] == "no blocks are known yet: tracking begins when the program starts\n"
    for address, output in zip(addresses, outputs[5:]):
        assert output == f"no address '{address}': {accepted}, is accepted\n"
    missing, number, regex, _, stopped, _, empty, unknown = outputs[11:19]
    assert "ADDRESS" in missing and "bad value 'x' for --threshold" in number
    assert "bad regular expression 'a('" in regex
    assert stopped == "blocks are known while tracking only: 'tmpalloc start' goes on\n"
    assert empty == "No block that can still become temporary.\n" and in_no_block(unknown)
    for output in outputs[22], *outputs[-2:]:
        assert output.startswith(f"the results are from {saved}, not of a process"), output


PYTHON_PROGRAM = """import os
def keep():
    kept = bytes(5000)
    os.write(1, b"%d" % id(kept))
    os.getppid()
def main():
    os.getppid()
    keep()
main()
"""


@needs_python
def test_a_python_object_is_explained_by_python_functions(debugger, start, tmp_path):
    if debugger.name == "lldb" and "breakpoint" in start:
        pytest.skip("GDB shows it; LLDB takes seconds for a stop in Python")
    file = tmp_path / "keep.py"
    file.write_text(PYTHON_PROGRAM)
    environment = {"PYTHONMALLOC": "malloc", "PATH": "/usr/bin:/bin"}
    steps = [*debugger.environment(environment), debugger.break_at("getppid"), debugger.run(), start]
    steps += [debugger.continue_(), output_as_argument(debugger, "tmpalloc explain {}")]
    result = debugger.session(PYTHON, steps, args=[file])
    assert f"{int(result.stdout):#x} is the block of " in result.outputs[-1], result.text
    frames = re.findall(r"#\d+ +(\w+|<module>) at \S*/keep.py:(\d+)\n", result.outputs[-1])
    assert frames == [("keep", "3"), ("main", "8"), ("<module>", "9")]
