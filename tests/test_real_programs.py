"""Programs that none of us wrote: they run as ever, and every call of theirs is counted.

The count that ours must equal is tests/counter, preloaded into a plain run or into the tracked one.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

COUNTER = Path(__file__).resolve().parent / "counter" / "counter.c"
TOTALS = ("allocations", "allocated_bytes", "deallocations")
STATEMENTS = (
    "create table numbers (n integer, name text);"
    "insert into numbers values (1, 'one'), (2, 'two'), (3, 'three');"
    "select name, n * n from numbers where n > 1 order by name;"
)

Plain = namedtuple("Plain", "status stdout stderr")

#: Arguments of each program, and the exit status that they lead to.
PROGRAMS = {
    "python3": (["-S", "-c", "import sys; print(sorted({'b': 1, 'a': 2})); sys.exit(3)"], 3),
    "jq": (["-e", ".a | map(. == null) | all", "input.json"], 1),
    "sqlite3": ([":memory:", STATEMENTS], 0),
    "git": (["hash-object", "input.json"], 0),
    "perl": (["-e", "print join(',', map { $_ x 3 } 1 .. 9), qq(\\n); warn 'end'; exit 4"], 4),
    "xmllint": (["--format", "input.xml"], 0),
}
#: Functions from which on a part of the run is tracked.
STRETCHES = {
    "python3": "PyRun_SimpleStringFlags",
    "jq": "jq_start",
    "sqlite3": "sqlite3_exec",
    "perl": "perl_run",
}
#: Whole runs that take LLDB minutes.
SLOW = {
    "jq": "24,000 stops at 2 ms",
    "python3": "to LLDB a function with a cold part is all the code in between, which it disassembles",
}


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "input.json").write_text('{"a": [1, 2, {"b": null}]}\n')
    (tmp_path / "input.xml").write_text('<a><b c="1">text</b></a>\n')


@pytest.fixture
def counter(compile):
    return compile(COUNTER, "-D_GNU_SOURCE", "-fPIC", "-shared", name="counter.so")


@pytest.fixture
def environment(tmp_path):
    """Nothing of the user's: plain and tracked runs have the same."""
    return {
        "HOME": str(tmp_path),
        "LC_ALL": "C",
        "PATH": "/usr/bin:/bin",
        "PERL_HASH_SEED": "0",
        "PWD": str(tmp_path),
        "PYTHONHASHSEED": "0",
    }


def find(name):
    """Path of the program, as debuggers start it: with links resolved."""
    path = shutil.which(name, path="/usr/bin:/bin")
    if path is None:
        pytest.skip(f"there is no {name} here")
    return os.path.realpath(path)


def preload(environment, counter, counts):
    return environment | {"LD_PRELOAD": str(counter), "COUNTER_FILE": str(counts)}


def disarmed(preloaded):
    """An environment of the same size without effect: programs copy it to the heap."""
    renamed = {"LD_PRELOAD": "NO_PRELOAD", "COUNTER_FILE": "COUNTER_NONE"}
    return {renamed.get(name, name): value for name, value in preloaded.items()}


def run_plainly(program, args, environment, directory):
    """Runs it as GDB does: with its output in files, and by a shell, which exports variables."""
    files = [directory / "plain.stdout", directory / "plain.stderr"]
    line = "exec " + shlex.join([program, *args]) + f" > {files[0]} 2> {files[1]}"
    command = ["/bin/sh", "-c", line]
    done = subprocess.run(command, env=environment, cwd=directory, stdin=subprocess.DEVNULL)
    return Plain(done.returncode, *(file.read_bytes() for file in files))


def totals_of(document):
    return {name: document[name] for name in TOTALS}


def difference(after, before):
    return {name: after[name] - before[name] for name in TOTALS}


def assert_as_plain(result, plain, status):
    assert plain.status == status
    assert result.exit_statuses == [status], result.text
    assert result.stdout == plain.stdout
    assert result.stderr == plain.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_whole_run_counts_what_the_counter_counts_in_a_plain_run(
    debugger, library, counter, environment, inputs, tmp_path, name
):
    if debugger.name == "lldb" and name in SLOW:
        pytest.skip(f"takes too long: {SLOW[name]}")
    program, (args, status) = find(name), PROGRAMS[name]
    counts = tmp_path / "counts.json"
    preloaded = preload(environment, counter, counts)
    run_plainly(program, args, preloaded, tmp_path)
    plain = run_plainly(program, args, disarmed(preloaded), tmp_path)
    steps = [
        *debugger.environment(disarmed(preloaded)),
        "tmpalloc start --engine breakpoint",
        debugger.run(),
        "tmpalloc report json report.json",
    ]
    result = debugger.session(program, steps, args, env={"SHELL": "/bin/sh"})
    assert_as_plain(result, plain, status)
    totals = json.loads((tmp_path / "report.json").read_text())["totals"]
    assert totals_of(totals) == totals_of(json.loads(counts.read_text()))
    assert totals["allocations"] > 0 and totals["temporary"]["count"] > 0
    assert totals["dropped"] == 0


@pytest.mark.parametrize("name", STRETCHES)
def test_a_stretch_counts_what_the_counter_counts_meanwhile_in_the_same_run(
    debugger, library, counter, environment, inputs, tmp_path, name
):
    program, (args, status) = find(name), PROGRAMS[name]
    counts, before = tmp_path / "counts.json", tmp_path / "before.json"
    plain = run_plainly(program, args, environment, tmp_path)
    steps = [
        *debugger.environment(preload(environment, counter, counts)),
        debugger.break_at(STRETCHES[name]),
        debugger.run(),
        debugger.delete_breakpoints(),
        debugger.script(f"import shutil; shutil.copy('{counts}', '{before}')"),
        "tmpalloc start --engine breakpoint",
        debugger.continue_(),
        "tmpalloc report json report.json",
    ]
    result = debugger.session(program, steps, args, env={"SHELL": "/bin/sh"})
    assert_as_plain(result, plain, status)
    assert "in counter.so" in result.outputs[-3], result.text
    totals = json.loads((tmp_path / "report.json").read_text())["totals"]
    counted = [json.loads(file.read_text()) for file in (counts, before)]
    assert totals_of(totals) == difference(*counted)
    assert 0 < totals["allocations"] < counted[0]["allocations"]
    assert totals["temporary"]["count"] > 0 and totals["dropped"] == 0
