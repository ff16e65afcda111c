"""Results that outlive their process: saved, loaded, compared, and judged for CI."""

import json
import os
import re
import shutil
import subprocess

import pytest
from library.support import ROOT

EXAMPLES = ROOT / "examples"

#: Makes as many temporaries as its second argument says; its first is how it ends.
ENDS = r"""
#include <signal.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    for (int i = atoi(argv[2]); i > 0; i--) {
        volatile char *block = malloc(10);
        block[0] = 1;
        free((void *)block);
    }
    raise(atoi(argv[1]));
    return 0;
}
"""

#: Results of a program without allocations.
NOTHING = {
    "schema": "tmpalloc/1",
    "engine": "agent",
    "threshold": 1,
    "max_threshold": 16,
    "process": {"pid": 1},
    "totals": dict.fromkeys(
        "allocations allocated_bytes deallocations cross_thread_frees dropped".split(), 0
    ),
    "sites": [],
}


def steps_of(workflow):
    return re.findall(r"(?m)^ *- run: (.+)$", workflow.read_text())


def test_a_ci_job_fails_on_a_regression_and_passes_without_it(debugger, library, tmp_path):
    workflow = EXAMPLES / "ci" / "workflow.yml"
    git, build, *steps = steps_of(workflow)
    assert "install git" in git and build == "tmpalloc/setup.sh build"
    text = workflow.read_text()
    assert text.index(git) < text.index("submodules: true")  # which needs it in the container
    (tmp_path / "tmpalloc").symlink_to(ROOT)
    environment = dict(os.environ, DEBUGGER=debugger.name, LLDB=debugger.executable)

    script = EXAMPLES / "ci" / "check.sh"
    for words in [], [debugger.name], ["dbx", "./program"]:
        refused = subprocess.run([script, *words], capture_output=True, text=True)
        assert refused.returncode == 2 and refused.stderr.startswith("usage: check.sh gdb|lldb")

    def job(source, *commands):
        shutil.copy(EXAMPLES / source, tmp_path / "program.c")
        line = " && ".join(commands)
        return subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    record = f"tmpalloc/examples/ci/check.sh {debugger.name} --record ./program"
    recorded = job("growing_buffer_after.c", steps[0], record)
    assert recorded.returncode == 0, recorded
    good = job("growing_buffer_after.c", *steps)
    assert good.returncode == 0 and "tmpalloc: check passed" in good.stdout, good
    bad = job("growing_buffer_before.c", *steps)
    assert bad.returncode == 1, bad
    assert "tmpalloc: check failed" in bad.stdout and "append_line at" in bad.stdout
    assert "append_line" in (tmp_path / "tmpalloc.sarif").read_text()


def variable(debugger):
    return debugger.evaluate("$_tmpalloc_failed" if debugger.name == "gdb" else "$tmpalloc_failed")


def test_a_verdict_is_a_variable_and_the_end_of_a_batch(debugger, compile, library):
    program = compile(ENDS)
    check = "tmpalloc check --exit never --max-count"
    steps = [
        "tmpalloc start",
        variable(debugger),
        debugger.run(),  # to the signal
        f"{check} 49",
        variable(debugger),
        f"{check} 50",
        variable(debugger),
        debugger.continue_(),  # to its end
        f"{check} 50",
        variable(debugger),
        "tmpalloc save saved.json",
        "tmpalloc load saved.json",
        "tmpalloc check --max-count 50",
        debugger.script("print('never reached')"),
    ]
    result = debugger.session(program, steps, [11, 50])
    values = [int(re.search(r"= (\d+)$", result.outputs[i], re.M)[1]) for i in (1, 4, 6, 9)]
    assert values == [2, 1, 2, 2]
    assert "check failed at threshold 1: 50 temporaries of 500B" in result.outputs[3]
    assert re.search(r"#1 +main at .*program\.c:6", result.outputs[3])
    assert len(result.outputs[3].splitlines()) <= 10
    assert re.search(r"nothing to check: process \d+ was stopped by SIGSEGV", result.outputs[5])
    assert re.search(r"nothing to check: process \d+ ended by SIGSEGV", result.outputs[8])
    assert re.search(r"nothing to check: process \d+ ended by SIGSEGV", result.outputs[12])
    assert result.status == 2 and "never reached" not in result.text


@pytest.mark.parametrize("case", ["crash", "kill", "no allocation"])
def test_a_ci_script_ends_with_the_verdict_however_the_program_ends(
    debugger, compile, library, tmp_path, case
):
    program = compile(ENDS)
    arguments, status = {"crash": ("6 3", 1), "kill": ("9 3", 2), "no allocation": ("0 0", 2)}[case]
    (tmp_path / "baseline.json").write_text(json.dumps(NOTHING))
    done = subprocess.run(
        [EXAMPLES / "ci" / "check.sh", debugger.name, program, *arguments.split()],
        cwd=tmp_path,
        env=dict(os.environ, LLDB=debugger.executable),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done


#: Allocates, fails to execute another program, allocates, and ends in the way that it is told.
FAILS_TO_EXECUTE = r"""
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((noinline)) static void work(int count) {
    for (int i = 0; i < count; i++) {
        void *volatile block = malloc(10);
        free(block);
    }
}
int main(int argc, char **argv) {
    char *const arguments[] = {"nothing", NULL};
    work(100);
    execv("/nonexistent/nothing", arguments);
    work(200);
    if (strcmp(argv[1], "raw exit") == 0)
        __asm__ volatile("syscall" ::"a"(SYS_exit_group), "D"(0));
    if (strcmp(argv[1], "SIGKILL") == 0)
        raise(SIGKILL);
    return 0;
}
"""


@pytest.mark.parametrize(
    ("way", "most", "verdict", "reason"),
    [
        ("return", 300, 0, "check passed at threshold 1: 300 temporaries"),
        ("return", 299, 1, "check failed at threshold 1: 300 temporaries"),
        ("raw exit", 300, 2, "nothing to check: process"),
        ("SIGKILL", 300, 2, "nothing to check: process"),
        ("SIGKILL", 99, 1, "check failed at threshold 1: 100 temporaries"),
    ],
)
def test_results_from_before_a_failed_exec_prove_no_limit(
    debugger, compile, library, way, most, verdict, reason
):
    program = compile(FAILS_TO_EXECUTE, "-fno-builtin", "-D_GNU_SOURCE")
    steps = ["tmpalloc start --engine agent", debugger.run(), "tmpalloc status"]
    result = debugger.session(program, [*steps, f"tmpalloc check --max-count {most}"], [way])
    assert result.status == verdict and reason in result.outputs[3], result.text
    age = "as of its exit" if way == "return" else "as of the last stop"
    assert f"results {age}" in result.outputs[2]


def test_what_a_shell_allocates_before_its_exec_is_not_judged(debugger, compile, library, start):
    program = compile(ENDS)
    script = debugger.directory / "wrapper.sh"
    script.write_text(f'for i in 1 2 3; do : "$(echo $i)"; done\nexec {program} 0 5\n')
    steps = [start, debugger.run(), debugger.continue_(), "tmpalloc check --max-count 1000000"]
    result = debugger.session("/bin/sh", steps, [script])
    assert result.status == 2 and "replaced its program by exec" in result.outputs[3], result.text


def test_a_core_file_of_a_crash_proves_no_limit(gdb, compile, library):
    program = compile(ENDS)
    steps = ["tmpalloc start --engine agent", gdb.run(), "generate-core-file core"]
    steps += [gdb.kill(), "core-file core", "tmpalloc check --max-count 50"]
    result = gdb.session(program, steps, [11, 50])
    assert result.status == 2, result.text
    assert re.search(r"nothing to check: process \d+ was stopped by SIGSEGV", result.outputs[5])


STATEMENTS = (
    "create table numbers (n integer, name text);"
    "insert into numbers values (1, 'one'), (2, 'two'), (3, 'three');"
    "select name, n * n from numbers where n > 1 order by name;"
)
FORMATS = "json csv folded speedscope pprof sarif html".split()
REPORTS = [
    "summary",
    "summary -t 0 --by stack -r 0",
    "summary -t 16 --inclusive --same-scope",
    "tree -t 3 -r 0",
    "site 1",
    "site 7 -t 9",
    *(f"report {format} @{format} -t 5 --force" for format in FORMATS),
]


def read_reports(folder):
    return {file.name: file.read_bytes() for file in folder.glob("@*")}


def test_saved_results_of_sqlite3_give_the_same_reports(debugger, library, tmp_path):
    program = shutil.which("sqlite3")
    steps = ["tmpalloc start", debugger.run(), "tmpalloc save saved.json"]
    reports = [f"tmpalloc {report}" for report in REPORTS]
    live = debugger.session(program, [*steps, *reports], [":memory:", STATEMENTS])
    assert "saved" in live.outputs[2], live.text
    files = read_reports(tmp_path)
    assert len(files) == len(FORMATS)
    text = (tmp_path / "saved.json").read_text()
    hostile = text.replace('"agent"', r'"ag\u001b[0m"').replace("/sqlite3", r"/\u001b[31m\n")
    (tmp_path / "hostile.json").write_text(hostile)
    steps = ["tmpalloc load saved.json", *reports, "tmpalloc status"]
    steps += ["tmpalloc load hostile.json", "tmpalloc status"]
    loaded = debugger.session(None, steps)
    assert loaded.outputs[1:-3] == live.outputs[3:]
    assert read_reports(tmp_path) == files
    assert "results of agent engine from saved.json" in loaded.outputs[-3]
    assert "results of ag [0m engine from hostile.json" in loaded.outputs[-1]
    assert " [31m \n" in loaded.outputs[-1] and "\x1b" not in loaded.outputs[-1]


def test_saved_results_of_python_have_both_views_of_a_stack(gdb, library, tmp_path):
    python = os.path.realpath("/usr/bin/python3")
    reports = [f"tmpalloc {r}{n}" for r in REPORTS[:5] for n in ("", " --native-frames")]
    steps = ["tmpalloc start", gdb.run(), "tmpalloc save saved.json", *reports]
    steps += ["tmpalloc load saved.json", *reports]
    result = gdb.session(python, steps, ["-S", "-c", "x = []\nfor i in range(9000): x.append(i)"])
    live, loaded = result.outputs[3 : 3 + len(reports)], result.outputs[-len(reports) :]
    assert "<module> at <string>:2" in live[0], result.text
    assert "list_resize" in live[1]
    assert loaded == live


def test_results_are_loaded_by_a_pattern(debugger, library):
    for name in ("a [1].json", "b.json", "other.txt"):
        (debugger.directory / name).write_text(json.dumps(NOTHING))
    steps = ["tmpalloc load *.json", "tmpalloc load none-*.json", "tmpalloc load 'a [1].json' ?.json"]
    both, none, named = debugger.session(None, steps).outputs
    assert "from 2 files (a [1].json, b.json)" in both
    assert "none-*.json: No such file or directory" in none
    assert "from 2 files (a [1].json, b.json)" in named
