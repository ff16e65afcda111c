"""Python stacks inside the debuggee: memoised ones against those walked anew and CPython's own."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from library.cpython import dump_variables
from library.stopped import PYTHONS
from library.support import CORE_FLAGS, PROGRAMS, core_sources

HERE = Path(__file__).resolve().parent
KINDS = PROGRAMS / "python_programs.py"
NAMES = re.findall(r"^def (\w+)\(\):", KINDS.read_text(), re.MULTILINE)
SOURCES = core_sources(
    "python_*.c", "c_library.c", "capture_pages.c", "loaded_file.c", "loaded_symbols.c", "own_stack.c",
    "own_stack_switch.S", "kernel_memory.c", "sandbox_state.c", "arena.c", "map.c", "memory.c",
    "memory_libc.c", "memo.c", "check_trap.c",
)  # fmt: skip
# Functions of the file that are no programs of their own.
HELPERS = {"compress"}


@pytest.fixture(scope="session")
def checker(tmp_path_factory):
    """The checking library."""
    library = tmp_path_factory.mktemp("checker") / "python_check.so"
    options = [*CORE_FLAGS, "-fvisibility=hidden", "-fPIC", "-shared", "-Wl,--no-undefined"]
    options += ["-I", PROGRAMS]
    subprocess.run(["gcc", *options, HERE / "python_check.c", *SOURCES, "-o", library], check=True)
    return library


@pytest.fixture
def check(checker, tmp_path):
    """Runs a program with it; gives the counts of all processes, summed."""

    def run(python, *arguments, **variables):
        output = tmp_path / "counts"
        output.unlink(missing_ok=True)
        environment = os.environ | {"LD_PRELOAD": str(checker), "PYTHON_CHECK": str(output)}
        environment |= {"PYTHONMALLOC": "malloc", "PYTHONDONTWRITEBYTECODE": "1"} | variables
        command = [python, *map(str, arguments)]
        subprocess.run(command, env=environment, check=True, timeout=300, capture_output=True)
        counts = {}
        for name, count in re.findall(r"(\w+) (\d+)(?= |$)", output.read_text(), re.MULTILINE):
            counts[name] = counts.get(name, 0) + int(count)
        assert counts["differences"] == 0, output.read_text()
        return counts

    return run


@pytest.mark.parametrize("program", [name for name in NAMES if name not in HELPERS])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_stack_is_the_one_that_a_walk_finds(check, python, program):
    counts = check(python, KINDS, program)
    assert counts["captures"] > 10_000 and counts["deepest"] > 5
    assert counts["walks"] < counts["captures"] / 2
    assert (counts["truncated"] > 0) == (program == "recursion")


def test_stacks_are_found_again(check):
    text = "import json\nfor i in range(3000): json.loads(json.dumps({'a': [i, str(i)]}))"
    few = check("/usr/bin/python3", "-c", text.replace("3000", "1"))
    many = check("/usr/bin/python3", "-c", text, **dump_variables())
    assert many["captures"] > few["captures"] + 50_000
    assert many["walks"] < few["walks"] + 500
    assert many["dumps"] > 100


def test_code_that_died_is_noticed_with_the_object_allocator(check):
    # No allocator call tells of its death then.
    counts = check("/usr/bin/python3", KINDS, "dying_code", PYTHONMALLOC="pymalloc")
    assert counts["deaths"] > 100 and counts["captures"] > 1000
