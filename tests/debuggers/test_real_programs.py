"""Programs that none of us wrote: they run as ever, and every call of theirs is counted.

The count that ours must equal is programs/counter.c's, preloaded into a plain run or into the tracked one.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import pytest
from library.cpython import MAIN
from library.support import TESTS

COUNTER = TESTS / "programs" / "counter.c"
TOTALS = ("allocations", "allocated_bytes", "deallocations")
STATEMENTS = (
    "create table numbers (n integer, name text);"
    "insert into numbers values (1, 'one'), (2, 'two'), (3, 'three');"
    "select name, n * n from numbers where n > 1 order by name;"
)

Plain = namedtuple("Plain", "status stdout stderr")

#: Arguments of each program, and the exit status that they lead to, tracked with breakpoints.
PROGRAMS = {
    "python3": (["-S", "-c", "import sys; print(sorted({'b': 1, 'a': 2})); sys.exit(3)"], 3),
    "jq": (["-e", ".a | map(. == null) | all", "input.json"], 1),
    "sqlite3": ([":memory:", STATEMENTS], 0),
    "git": (["hash-object", "input.json"], 0),
    "perl": (["-e", "print join(',', map { $_ x 3 } 1 .. 9), qq(\\n); warn 'end'; exit 4"], 4),
    "xmllint": (["--format", "input.xml"], 0),
}
#: The same for the agent, which takes more.  Some of them start others, whose calls don't count.
AGENT_PROGRAMS = {
    "awk": (["{ words[$1]++ } END { for (w in words) n++; print n; exit 5 }", "lines.txt"], 5),
    "bash": (["-c", 'for i in 1 2 3; do x=$(echo $i); a[$i]=$x; done; echo "${a[@]}"; exit 6'], 6),
    "curl": (["--version"], 0),
    "find": (["repository", "-name", "p*", "-newer", "input.json"], 0),
    "gcc": (["-O1", "-c", "input.c", "-o", "input.o"], 0),
    "git": (["-C", "repository", "log", "--stat", "-p"], 0),
    "grep": (["-E", "(line|word) [0-9]*7$", "lines.txt"], 0),
    "gzip": (["-9", "-c", "-n", "-r", "folder"], 0),
    "jq": PROGRAMS["jq"],
    "less": (["lines.txt"], 0),
    "make": (["-s", "-C", "folder"], 0),
    "openssl": (["dgst", "-sha256", "lines.txt"], 0),
    "perl": PROGRAMS["perl"],
    "python3": (["-c", "import json, sys; json.dump([{}] * 99, sys.stdout); sys.exit(3)"], 3),
    "sort": (["-k", "2n", "lines.txt"], 0),
    "sqlite3": PROGRAMS["sqlite3"],
    "tar": (["--create", "--sort=name", "--mtime=@0", "repository/plain"], 0),
    "vim": ([*"-u NONE -i NONE -N -n -es -c".split(), "%s/line/row/|w! out|qa!", "lines.txt"], 0),
    "xmllint": (["--format", "input.xml"], 0),
}
#: Functions from which on a part of the run is tracked.
STRETCHES = {
    "python3": MAIN,
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
def more_inputs(inputs, tmp_path, environment):
    lines = [f"{kind} {i * 7919 % 1000}" for i in range(500) for kind in ("line", "word")]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "input.c").write_text('#include <stdio.h>\nint main(void) { puts("x"); }\n')
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "Makefile").write_text("all: a b\na:\n\techo a\nb: a\n\techo b; true\n")
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "plain").write_text("plain\n")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", "-C", "repository"]
    for words in ["init"], ["add", "plain"], ["commit", "-m", "one"]:
        done = subprocess.run([*git, *words], cwd=tmp_path, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr


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
    path = shutil.which(name, path="/usr/bin:/bin:/usr/sbin")
    if path is None:
        pytest.skip(f"there is no {name} here")
    return os.path.realpath(path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def preload(environment, counter, counts):
    return environment | {"LD_PRELOAD": str(counter), "COUNTER_FILE": str(counts)}


def disarmed(preloaded):
    """An environment of the same size without effect: programs copy it to the heap."""
    renamed = {"LD_PRELOAD": "NO_PRELOAD", "COUNTER_FILE": "COUNTER_NONE"}
    return {renamed.get(name, name): value for name, value in preloaded.items()}


def run_plainly(program, args, environment, directory):
    """Runs it as GDB does: with its output in files, and by a shell, which exports variables.

    Its parent is as new as a debugger is: bash copies the digits of that process' number.
    """
    files = [directory / "plain.stdout", directory / "plain.stderr"]
    line = "exec " + shlex.join([program, *args]) + f" > {files[0]} 2> {files[1]}"
    variables = [f"{name}={value}" for name, value in environment.items()]
    inner = shlex.join(["/usr/bin/env", "-i", *variables, "/bin/sh", "-c", line])
    command = ["/bin/sh", "-c", f"{inner}; exit $?"]
    done = subprocess.run(command, env={}, cwd=directory, stdin=subprocess.DEVNULL)
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


def compare_whole_run(debugger, counter, environment, tmp_path, name, start, programs):
    """Requires output, status and totals of a plain run; returns the report's totals."""
    program, (args, status) = find(name), programs[name]
    counts = tmp_path / "counts.json"
    preloaded = preload(environment, counter, counts)
    plain = run_plainly(program, args, disarmed(preloaded), tmp_path)
    run_plainly(program, args, preloaded, tmp_path)  # its files are there, as in the tracked run
    steps = [*debugger.environment(disarmed(preloaded)), start, debugger.run()]
    steps.append("tmpalloc report json report.json")
    result = debugger.session(program, steps, args, env={"SHELL": "/bin/sh"})
    assert_as_plain(result, plain, status)
    totals = json.loads((tmp_path / "report.json").read_text())["totals"]
    assert totals_of(totals) == totals_of(json.loads(counts.read_text())), result.text
    assert totals["allocations"] > 0 and totals["dropped"] == 0
    return totals


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_whole_run_counts_what_the_counter_counts_in_a_plain_run(
    debugger, library, counter, environment, inputs, tmp_path, name, breakpoints
):
    if debugger.name == "lldb" and name in SLOW:
        pytest.skip(f"takes too long: {SLOW[name]}")
    totals = compare_whole_run(
        debugger, counter, environment, tmp_path, name, breakpoints, PROGRAMS
    )
    assert totals["temporary"]["count"] > 0


@pytest.mark.parametrize("name", AGENT_PROGRAMS)
def test_the_agent_counts_what_the_counter_counts_in_a_plain_run(
    debugger, library, counter, environment, more_inputs, tmp_path, name
):
    start = "tmpalloc start --engine agent"
    compare_whole_run(debugger, counter, environment, tmp_path, name, start, AGENT_PROGRAMS)


SERVER = """
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {}
http {
    access_log off;
    client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u;
    scgi_temp_path s;
    server { listen 127.0.0.1:PORT; root PLACE; }
}
"""
LET_QUIT = {
    "gdb": "handle SIGQUIT nostop noprint pass",
    "lldb": "process handle SIGQUIT -s false -n false -p true",
}


def ask(place, port):
    """Gets a file from the server a few times, and lets it quit when that is done."""
    for _ in range(600):
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/lines.txt", timeout=60)
        except OSError:
            time.sleep(0.1)
            continue
        assert answer.read() == (place / "lines.txt").read_bytes()
        break
    for _ in range(20):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/input.json", timeout=60).read()
    os.kill(int((place / "nginx.pid").read_text()), signal.SIGQUIT)


def test_the_agent_counts_in_a_server_with_a_client(
    debugger, library, counter, environment, more_inputs, tmp_path
):
    program, port = find("nginx"), free_port()
    (tmp_path / "nginx.conf").write_text(
        SERVER.replace("PORT", str(port)).replace("PLACE", str(tmp_path))
    )
    args = ["-p", str(tmp_path), "-c", "nginx.conf", "-e", "error.log"]
    preloaded = preload(environment, counter, tmp_path / "counts.json")
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, tmp_path, port)
        plain = run_plainly(program, args, preloaded, tmp_path)
        asked.result()
        asked = pool.submit(ask, tmp_path, port)
        steps = [*debugger.environment(disarmed(preloaded)), LET_QUIT[debugger.name]]
        steps += ["tmpalloc start --engine agent", debugger.run()]
        steps.append("tmpalloc report json report.json")
        result = debugger.session(program, steps, args, env={"SHELL": "/bin/sh"})
        asked.result()
    assert_as_plain(result, plain, 0)
    totals = json.loads((tmp_path / "report.json").read_text())["totals"]
    counted = json.loads((tmp_path / "counts.json").read_text())
    # How many of the client's segments come at once, and so how often nginx reads, is chance.
    for name in TOTALS:
        assert totals[name] == pytest.approx(counted[name], rel=0.02), name
    assert totals["allocations"] > 200 and totals["dropped"] == 0


@pytest.mark.parametrize("name", STRETCHES)
def test_a_stretch_counts_what_the_counter_counts_meanwhile_in_the_same_run(
    debugger, library, counter, environment, inputs, tmp_path, name, start
):
    program, (args, status) = find(name), PROGRAMS[name]
    counts, before = tmp_path / "counts.json", tmp_path / "before.json"
    plain = run_plainly(program, args, environment, tmp_path)
    steps = [
        *debugger.environment(preload(environment, counter, counts)),
        debugger.break_at_entry(STRETCHES[name]),
        debugger.run(),
        debugger.delete_breakpoints(),
        start,
        debugger.script(f"import shutil; shutil.copy('{counts}', '{before}')"),
        debugger.continue_(),
        "tmpalloc report json report.json",
    ]
    result = debugger.session(program, steps, args, env={"SHELL": "/bin/sh"})
    assert_as_plain(result, plain, status)
    assert "in counter.so" in result.outputs[-4], result.text
    totals = json.loads((tmp_path / "report.json").read_text())["totals"]
    counted = [json.loads(file.read_text()) for file in (counts, before)]
    assert totals_of(totals) == difference(*counted)
    assert 0 < totals["allocations"] < counted[0]["allocations"]
    assert totals["temporary"]["count"] > 0 and totals["dropped"] == 0
