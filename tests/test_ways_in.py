"""How the agent gets into a program, and what comes instead where it would be in the way."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support import allocations, number

pytestmark = pytest.mark.usefixtures("library")

#: 49 temporaries of main that grow, 300 of work.
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((noinline)) static void work(int n) {
    for (int i = 0; i < n; i++) {
        char *volatile block = malloc(10 + i);
        free(block);
    }
}
int main(void) {
    char *volatile block = NULL;
    for (int i = 1; i < 50; i++)
        block = realloc(block, i * 100);
    free(block);
    work(300);
    puts("done");
    return 4;
}
"""
LINKER = "/lib64/ld-linux-x86-64.so.2"


def rows(summary):
    """Temporaries by function."""
    found = re.finditer(r"(?m)^(\w+) at \S+:\d+ .*%  +([\d,]+)  +[\d.]+%", summary)
    return {row[1]: int(row[2]) for row in found}


def check_breakpoints(debugger, program, reason, before=()):
    """Auto takes breakpoints for this reason, the agent is refused, the program is as ever."""
    steps = [*before, "tmpalloc start --engine agent", "tmpalloc start", debugger.run()]
    result = debugger.session(program, [*steps, "tmpalloc summary", "tmpalloc status"])
    refused, started, _, summary, status = result.outputs[len(before) :]
    assert f"the agent can't be used: {reason} (--engine" in refused and refused.count("\n") == 1
    assert f"breakpoint engine (auto: {reason})" in started and started.count("\n") == 1
    assert rows(summary) == {"main": 49, "work": 300}, result.text
    assert number(status, "dropped events") == 0
    assert result.exit_statuses == [4] and result.stdout == b"done\n", result.text
    return result


@pytest.fixture
def program(compile):
    return compile(PROGRAM, "-fno-builtin")


@pytest.mark.parametrize(
    "option, reason",
    [
        ("-pie", "the program's C library is not glibc"),
        ("-static", "the program is a static executable"),
    ],
)
def test_a_program_of_musl_gets_breakpoints_and_its_callers_are_known(
    debugger, tmp_path, option, reason
):
    if not shutil.which("musl-gcc"):
        pytest.skip("there is no musl-gcc")
    (tmp_path / "program.c").write_text(PROGRAM)
    command = ["musl-gcc", "-g", "-O1", "-fno-builtin", option, "-o", "program", "program.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    check_breakpoints(debugger, tmp_path / "program", reason)


def test_a_program_of_an_older_glibc_gets_breakpoints(debugger, compile, tmp_path):
    linker, image = tmp_path / "ld.so", Path(LINKER).read_bytes()
    linker.write_bytes(re.sub(rb" release version 2\.\d\d", b" release version 2.31", image))
    linker.chmod(0o755)
    program = compile(PROGRAM, "-fno-builtin", f"-Wl,--dynamic-linker={linker}")
    check_breakpoints(debugger, program, "the program's C library is older than glibc 2.35")


def test_a_program_with_a_copy_of_this_machines_linker_gets_the_agent(debugger, compile, tmp_path):
    shutil.copy(LINKER, tmp_path / "ld.so")
    program = compile(PROGRAM, "-fno-builtin", f"-Wl,--dynamic-linker={tmp_path}/ld.so")
    steps = ["tmpalloc start", debugger.run(), "tmpalloc summary"]
    outputs = debugger.session(program, steps).outputs
    assert outputs[0].startswith("tmpalloc: agent engine"), outputs
    assert rows(outputs[2]) == {"main": 49, "work": 300}


def test_a_dynamic_linker_called_by_name_is_no_static_executable(debugger, program):
    output = debugger.session(LINKER, ["tmpalloc start"], [program]).outputs[0]
    assert "(auto: the program is a dynamic linker that was called by name)" in output


AUDITOR = """
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
unsigned la_version(unsigned version) { return version; }
unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie) {
    (void)space;
    (void)cookie;
    fprintf(stderr, "%s;", map->l_name);
    return 0;
}
"""


@pytest.fixture
def auditor(compile):
    return compile(AUDITOR, "-shared", "-fPIC", name="auditor.so")


def test_libraries_that_audit_see_no_agent(debugger, program, auditor):
    before = debugger.environment({"LD_AUDIT": auditor})
    reason = "LD_AUDIT in the environment would show the agent"
    result = check_breakpoints(debugger, program, reason, before)
    assert b"libc.so.6;" in result.stderr and b"tmpalloc" not in result.stderr


def test_a_program_that_names_its_own_auditor_gets_breakpoints(debugger, compile, auditor):
    program = compile(PROGRAM, "-fno-builtin", f"-Wl,--audit={auditor}")
    reason = "the program has libraries that would see the agent"
    result = check_breakpoints(debugger, program, reason)
    assert b"libc.so.6;" in result.stderr and b"tmpalloc" not in result.stderr


def test_what_the_dynamic_linker_tells_does_not_name_the_agent(debugger, program):
    before = debugger.environment({"LD_DEBUG": "files"})
    reason = "LD_DEBUG in the environment would show the agent"
    told = check_breakpoints(debugger, program, reason, before).stderr
    assert b"libc.so.6" in told and b"tmpalloc" not in told


def test_traces_of_malloc_name_the_programs_lines(debugger, compile, tmp_path):
    tracing = PROGRAM.replace("int main(void) {", "void mtrace(void);\nint main(void) {\nmtrace();")
    program = compile(tracing, "-fno-builtin")
    trace = tmp_path / "trace"
    variables = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_TRACE": trace}
    steps = [*debugger.environment(variables), "tmpalloc start", debugger.run()]
    result = debugger.session(program, [*steps, "tmpalloc summary"])
    assert "(auto: MALLOC_TRACE in the environment would show the agent)" in result.text
    assert rows(result.outputs[-1])["work"] == 300, result.text
    lines = trace.read_text().splitlines()
    assert sum(line.startswith(f"@ {program}:") for line in lines) > 600
    assert not any("tmpalloc" in line for line in lines)


def test_a_process_that_is_looked_on_gets_breakpoints_at_a_stop_too(debugger, program, auditor):
    steps = [*debugger.environment({"LD_AUDIT": auditor}), debugger.break_at("work")]
    steps += [debugger.run(), "tmpalloc start", debugger.continue_(), "tmpalloc status"]
    result = debugger.session(program, steps)
    assert "(auto: LD_AUDIT in the environment would show the agent)" in result.outputs[-3]
    assert allocations(result.outputs[-1]) == 301  # with the buffer of stdout
    assert b"tmpalloc" not in result.stderr
