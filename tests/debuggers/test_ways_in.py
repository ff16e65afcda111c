"""How the agent gets into a program, and what comes instead where it would be in the way."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from library.support import allocations, number, wait_for

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


def test_what_a_dynamic_linker_runs_that_was_called_by_name_is_tracked(debugger, program):
    """Neither debugger knows the program then."""
    steps = ["tmpalloc start", debugger.run(), "tmpalloc summary"]
    result = debugger.session(LINKER, steps, [program])
    reason = "(auto: the program is a dynamic linker that was called by name)"
    assert reason in result.outputs[0] and result.outputs[0].count("\n") == 1
    assert rows(result.outputs[2]) == {"main": 49, "work": 300}, result.text
    assert result.exit_statuses == [4] and result.stdout == b"done\n"


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


# --- calls that are bound to the C library itself ----------------------------------------------------

PLUGIN = """
#include <stdlib.h>
void *exchange(void *block) { free(block); return malloc(64); }
void plugin_work(int n) {
    for (int i = 0; i < n; i++) {
        char *volatile block = malloc(100 + i);
        free(block);
    }
}
"""
USER_OF_PLUGIN = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <stdlib.h>
__attribute__((noinline)) static void *keep(void) { void *volatile p = malloc(64); return p; }
__attribute__((noinline)) static void direct(int n) {
    void *library = dlopen(LIBC_SO, RTLD_NOW | RTLD_NOLOAD);
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(library, "malloc");
    void (*release)(void *) = (void (*)(void *))dlsym(library, "free");
    for (int i = 0; i < n; i++)
        release(allocate(10));
}
__attribute__((noinline)) void checkpoint(void) { __asm__ volatile(""); }
int main(void) {
    void *plugin = dlopen("./plugin.so", RTLD_NOW | RTLD_DEEPBIND);
    void (*work)(int) = (void (*)(int))dlsym(plugin, "plugin_work");
    void *(*exchange)(void *) = (void *(*)(void *))dlsym(plugin, "exchange");
    checkpoint();
    work(500);
    for (int i = 0; i < 300; i++)
        free(exchange(keep()));
    direct(200);
    return 3;
}
"""
#: Temporaries of each function.
BOUND = {"plugin_work": 500, "exchange": 300, "keep": 300, "direct": 200}


@pytest.fixture
def user_of_plugin(compile):
    compile(PLUGIN, "-fno-builtin", "-fPIC", "-shared", name="plugin.so")
    return compile(USER_OF_PLUGIN, "-fno-builtin")


@pytest.mark.parametrize("engine", ["agent", "breakpoint"])
def test_calls_bound_to_the_c_library_count(debugger, user_of_plugin, engine):
    steps = [f"tmpalloc start --engine {engine}", debugger.run(), "tmpalloc summary"]
    result = debugger.session(user_of_plugin, [*steps, "tmpalloc site 1", "tmpalloc status"])
    assert rows(result.outputs[2]).items() >= BOUND.items(), result.text
    assert number(result.outputs[4], "dropped events") == 0
    assert result.exit_statuses == [3]


def test_a_preloaded_agent_goes_and_comes_again(debugger, user_of_plugin):
    steps = ["tmpalloc start", debugger.break_at("checkpoint"), debugger.run()]
    steps += ["tmpalloc stop", "tmpalloc start", debugger.continue_(), "tmpalloc summary"]
    result = debugger.session(user_of_plugin, steps)
    assert rows(result.outputs[-1]).items() >= BOUND.items(), result.text
    assert result.exit_statuses == [3]


def test_stop_takes_the_hooks_of_a_preloaded_agent_out(debugger, user_of_plugin):
    steps = ["tmpalloc start", debugger.break_at("checkpoint"), debugger.run()]
    steps += ["tmpalloc stop", debugger.continue_(), "tmpalloc summary"]
    result = debugger.session(user_of_plugin, steps)
    assert not rows(result.outputs[-1]).keys() & BOUND.keys(), result.text
    assert result.exit_statuses == [3]


def test_a_breakpoint_in_the_first_bytes_is_hit_in_a_preloaded_run(gdb, user_of_plugin):
    """The jump gives way, and calls still count by the dynamic linker's binding."""
    find = "next(l.address for l in gdb.Breakpoint('malloc').locations if 'libc' in gdb.solib_name(l.address))"
    code = f"place = {find}; gdb.execute('delete 2'); gdb.Breakpoint(f'*{{place + 3}}')"
    steps = ["tmpalloc start", gdb.break_at("checkpoint"), gdb.run(), gdb.script(code)]
    steps += [gdb.continue_(), "delete", gdb.continue_(), "tmpalloc summary"]
    result = gdb.session(user_of_plugin, steps)
    assert "Breakpoint 3" in result.outputs[4], result.text
    assert rows(result.outputs[-1])["keep"] == 300, result.text


USER_OF_A_NAMESPACE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
__attribute__((noinline)) static void main_work(int n) {
    for (int i = 0; i < n; i++) {
        char *volatile block = malloc(2000 + i);
        free(block);
    }
}
int main(void) {
    void *plugin = dlmopen(LM_ID_NEWLM, "./plugin.so", RTLD_NOW);
    ((void (*)(int))dlsym(plugin, "plugin_work"))(500);
    main_work(500);
    return 3;
}
"""


@pytest.mark.parametrize(
    "engine, counted",
    [("agent", {"main_work": 500}), ("breakpoint", {"main_work": 500, "plugin_work": 500})],
)
def test_a_second_c_library_counts_too_or_is_told(debugger, compile, engine, counted):
    compile(PLUGIN, "-fno-builtin", "-fPIC", "-shared", name="plugin.so")
    program = compile(USER_OF_A_NAMESPACE, "-fno-builtin")
    steps = [f"tmpalloc start --engine {engine}", debugger.run(), "tmpalloc summary"]
    result = debugger.session(program, [*steps, "tmpalloc status"])
    found = rows(result.outputs[2])
    assert {name: found[name] for name in found if name.endswith("_work")} == counted, result.text
    told = "dlmopen() loaded a C library again, whose calls are not counted"
    assert (told in result.outputs[1], told in result.outputs[3]) == (engine == "agent",) * 2
    assert result.exit_statuses == [3]


# --- traces -----------------------------------------------------------------------------------------

WALKER = r"""
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
int main(int count, char **arguments, char **environment) {
    static char text[1 << 20];
    char **from_arguments = arguments + count + 1;
    free(malloc(10));
    printf("%d\n", from_arguments == environment);
    while (*environment)
        puts(*environment++);
    for (uint64_t *pair = (uint64_t *)(environment + 1); *pair != AT_NULL; pair += 2) {
        if (*pair != AT_IGNORE)
            printf("%lu %d\n", pair[0], pair[1] == getauxval(pair[0]));
    }
    FILE *file = fopen("/proc/self/environ", "r");
    size_t size = fread(text, 1, sizeof text, file);
    for (char *string = text; string < text + size; string += strlen(string) + 1) {
        if (*string)
            puts(string);
    }
    return 0;
}
"""


def test_the_initial_stack_is_as_without_the_agent(debugger, compile):
    program = compile(WALKER)
    outputs = []
    for start in "tmpalloc status", "tmpalloc start":
        steps = [*debugger.environment({"A": "1", "B": "2"}), start, debugger.run()]
        result = debugger.session(program, [*steps, "tmpalloc status"])
        outputs.append(result.stdout)
    assert allocations(result.outputs[-1]) > 0
    assert b"A=1" in outputs[0] and b"\n6 1\n" in outputs[0]
    assert outputs[1] == outputs[0]


# --- a process that is stopped already ---------------------------------------------------------------

ENDLESS = """
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    write(1, "x", 1);
    for (;;) {
        char *volatile block = calloc(1, SIZE);
        free(block);
        usleep(PAUSE);
    }
}
"""
#: Where the process is nearly always: asleep, or in the allocator, which clears a large block.
STOPPED_IN = {"sleep": ["-DSIZE=10", "-DPAUSE=1000"], "allocator": ["-DSIZE=20000000", "-DPAUSE=0"]}


@pytest.mark.parametrize("place", STOPPED_IN)
def test_a_process_that_was_stopped_by_a_signal_gets_the_agent(debugger, compile, place):
    program = compile(ENDLESS, "-fno-builtin", *STOPPED_IN[place])
    env = dict(os.environ, MALLOC_MMAP_THRESHOLD_="30000000", MALLOC_TRIM_THRESHOLD_="90000000")
    process = subprocess.Popen([program], stdout=subprocess.PIPE, env=env)
    try:
        assert process.stdout.read(1) == b"x"
        process.send_signal(signal.SIGSTOP)
        state = Path(f"/proc/{process.pid}/stat")
        wait_for(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")
        steps = [debugger.attach(process.pid), "tmpalloc start", "tmpalloc stop", debugger.detach()]
        outputs = debugger.session(steps=steps).outputs
        assert "agent engine" in outputs[1] and "auto:" not in outputs[1], "".join(outputs)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
