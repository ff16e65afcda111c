"""CPython's object allocator, counted as an allocator of its own."""

import subprocess

import pytest
from library.cpython import PYTHON, clean_environment, needs_python, sizes_of_growing_list
from library.results import read_results
from library.support import PROGRAMS, number

pytestmark = [pytest.mark.usefixtures("library"), needs_python]

PROGRAM = """
import ctypes, sys

class Object:
    __slots__ = ()

def make(count):
    for _ in range(count):
        Object()

def grow(count):
    grown = []
    for _ in range(count):
        grown.append(None)

def mix(count):
    table = {str(i): [i, i * 0.5, (i, i)] for i in range(count)}
    text = ",".join(sorted(table, reverse=True)).split(",")
    data = bytearray()
    for _ in range(count):
        data += b"x" * 100
    try:
        raise ValueError(list(x for x in text))
    except ValueError:
        pass

def work(count):
    make(count)
    grow(count)
    mix(count)

count = int(sys.argv[1])
work(count)
if len(sys.argv) > 2:
    library = ctypes.CDLL(sys.argv[2])
    library.begin()
    work(count)
    library.end()
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "objects.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def objects(compile):
    """The library that counts by itself."""
    return compile(PROGRAMS / "python_objects.c", "-shared", "-fPIC", name="objects.so")


@pytest.fixture
def stripped(tmp_path):
    """A python3 that nobody finds debug information of, which would slow LLDB down at each stop."""
    path = tmp_path / "python3"
    command = ["objcopy", "--strip-all", "--remove-section=.note.gnu.build-id"]
    subprocess.run([*command, "--remove-section=.gnu_debuglink", PYTHON, path], check=True)
    return path


def count_independently(python, arguments, environment):
    """Allocations and bytes of all domains, as the library saw them."""
    environment = environment | {"COUNT_OBJECTS": "1"}
    # At the addresses that debuggers give: CPython 3.13 frees one object more or less by them.
    command = [str(word) for word in ["setarch", "-R", python, *arguments]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.splitlines()[1].split()]


def test_each_call_is_counted_once_and_stop_undoes_it(
    debugger, tmp_path, start, program, objects, stripped
):
    length = 100 if "agent" in start else 3
    arguments = ["-S", program, length, objects]
    environment = clean_environment(tmp_path, PYTHONHOME="/usr")
    allocations, size_bytes, frees = count_independently(stripped, arguments, environment)
    report = tmp_path / "report.json"
    steps = [
        *debugger.environment(environment),
        *(["set breakpoint pending on"] if debugger.name == "gdb" else []),
        debugger.break_at("case_begins"),
        debugger.break_at("case_ends"),
        debugger.run(),
        f"{start} --allocator python",
        debugger.continue_(),
        f"tmpalloc report json {report}",
        "tmpalloc stop",
        debugger.continue_(),
    ]
    result = debugger.session(stripped, steps, arguments)
    assert result.exit_statuses == [0], result.text
    assert "CPython's object allocator and" in result.outputs[-5]
    document = read_results(report)
    assert document["totals"]["allocations"] == allocations
    assert document["totals"]["allocated_bytes"] == size_bytes
    assert document["totals"]["deallocations"] == frees
    assert document["totals"]["dropped"] == document["totals"]["cross_thread_frees"] == 0
    # The tables are as they were before.
    assert result.stdout == b"the tables are as at first\n"


@pytest.mark.parametrize("setting", ["pymalloc", "debug"])
def test_small_objects_are_seen_from_the_program_s_start(
    debugger, tmp_path, program, stripped, setting
):
    environment = clean_environment(tmp_path, PYTHONHOME="/usr", PYTHONMALLOC=setting)
    steps = [
        *debugger.environment(environment),
        "tmpalloc start --allocator python",
        debugger.run(),
        f"tmpalloc report json {tmp_path / 'report.json'}",
    ]
    result = debugger.session(stripped, steps, ["-S", program, 200])
    assert result.exit_statuses == [0], result.text
    found = {}
    for site in read_results(tmp_path / "report.json")["sites"]:
        location = site["location"]
        key = location["function"], location["line"]
        found.setdefault(key, []).append(site)
    lines = PROGRAM.splitlines()
    made = found["make", lines.index("        Object()") + 1]
    assert [(site["count"], site["pattern"]) for site in made] == [(200, "repeats")]
    grown = found["grow", lines.index("        grown.append(None)") + 1]
    sizes = sizes_of_growing_list(200, 0)
    assert sum(site["count"] for site in grown) == len(sizes)
    assert sum(site["bytes"] for site in grown) == sum(sizes)


def test_without_cpython_breakpoints_wait_for_it_and_one_line_says_so(gdb, compile):
    program = compile("int main(void) { return 0; }")
    steps = ["tmpalloc start --allocator python", gdb.run(), "tmpalloc status"]
    result = gdb.session(program, steps)
    assert "breakpoint engine (auto: there is no CPython in the process)" in result.outputs[1]
    assert result.exit_statuses == [0] and number(result.outputs[2], "dropped events") == 0
    steps = [gdb.break_at("main"), gdb.run(), "tmpalloc start --engine hardware --allocator python"]
    steps += ["tmpalloc start --engine agent --allocator python", "tmpalloc start --allocator python"]
    outputs = gdb.session(program, steps).outputs
    assert "--allocator python needs more breakpoints than there are debug registers" in outputs[2]
    assert "the agent can't be used: there is no CPython in the process" in outputs[3]
    assert all(output.count("\n") == 1 for output in outputs[2:])
    assert outputs[4].count("there is no CPython in the process") == 2  # why, and what is missing
