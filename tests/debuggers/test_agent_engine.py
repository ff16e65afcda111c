"""The agent engine: chosen, brought in, read at any time, and gone without a trace."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from library.support import C_FLAGS, PROGRAMS, allocations, number

pytestmark = pytest.mark.usefixtures("library")

#: Allocates 7 blocks, reaches checkpoint(), and goes on in the way that it is told.
PROGRAM = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((noinline)) static void allocate(int count) {
    for (int i = 0; i < count; i++) {
        void *volatile block = malloc(10);
        free(block);
    }
}
__attribute__((noinline)) void checkpoint(void) { __asm__ volatile("" ::: "memory"); }
int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "";
    allocate(7);
    checkpoint();
    allocate(5);
    if (strcmp(way, "exec") == 0)
        execl(arguments[2], arguments[2], "argument", (char *)NULL);
    if (strcmp(way, "raw exit") == 0)
        __asm__ volatile("syscall" ::"a"(SYS_exit_group), "D"(4));
    if (strcmp(way, "SIGKILL") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(way, "abort") == 0)
        abort();
    if (strcmp(way, "quick exit") == 0)
        quick_exit(4);
    return 4;
}
"""


@pytest.fixture
def program(compile):
    return compile(PROGRAM, *C_FLAGS)


def summary_of(text):
    """The table, without what differs from run to run."""
    return [line for line in text.splitlines() if " at " in line]


# --- choosing ----------------------------------------------------------------------------------------


def test_auto_takes_the_agent_and_says_so(debugger, program):
    outputs = debugger.session(program, ["tmpalloc start", debugger.run(), "tmpalloc status"]).outputs
    assert outputs[0] == "tmpalloc: agent engine, tracking begins when the program starts\n"
    assert "tracking process" in outputs[1] and "malloc, free" in outputs[1]
    assert (allocations(outputs[2]), number(outputs[2], "dropped events")) == (12, 0)


WITHOUT_AGENT = {
    "static": (["-static"], "the program is a static executable"),
    "32 bits": (["-m32"], "the program is for another architecture"),
    "a sanitizer": (["-fsanitize=address"], "the program has a sanitizer's allocator"),
}


@pytest.mark.parametrize("case", WITHOUT_AGENT)
def test_where_the_agent_cannot_go_auto_says_why_and_agent_is_refused(debugger, compile, case):
    flags, reason = WITHOUT_AGENT[case]
    try:
        program = compile(PROGRAM, *C_FLAGS, *flags)
    except AssertionError:
        pytest.skip(f"gcc can't build with {flags[0]} here")
    steps = ["tmpalloc start --engine agent", "tmpalloc start", "tmpalloc status"]
    refused, started, status = debugger.session(program, steps).outputs
    assert f"the agent can't be used: {reason}" in refused and refused.count("\n") == 1
    assert f"breakpoint engine (auto: {reason})" in started and started.count("\n") == 1
    assert f"breakpoint engine (auto: {reason})" in status


def test_a_program_with_another_users_rights_gets_breakpoints(debugger, program):
    os.chmod(program, 0o4755)
    try:
        os.chown(program, 65534, 65534)
    except PermissionError:
        pytest.skip("only root can make such a program")
    os.chmod(program, 0o4755)
    output = debugger.session(program, ["tmpalloc start"]).outputs[0]
    assert "breakpoint engine (auto: the program is set-user-id or set-group-id)" in output


def test_a_missing_agent_is_told_and_breakpoints_count(debugger, library, program, tmp_path):
    shutil.copy(library, tmp_path / "libtmpalloc.so")
    steps = ["tmpalloc start", debugger.run(), "tmpalloc status"]
    environment = {"TMPALLOC_LIBRARY": str(tmp_path / "libtmpalloc.so")}
    outputs = debugger.session(program, steps, env=environment).outputs
    assert "breakpoint engine (auto: libtmpalloc-agent.so is missing)" in outputs[0]
    assert allocations(outputs[2]) == 12


def test_a_program_that_does_not_load_the_agent_gets_breakpoints(gdb, program):
    steps = ["tmpalloc start", "unset exec-wrapper", gdb.run(), "tmpalloc status"]
    outputs = gdb.session(program, steps).outputs
    assert "breakpoint engine (auto: the program did not load the agent)" in outputs[2]
    assert allocations(outputs[3]) == 12


def test_an_allocator_that_cannot_be_hooked_gets_breakpoints(debugger, compile):
    program = compile(PROGRAMS / "interrupted_malloc.c", *C_FLAGS, "-fno-align-functions")
    reason = "the allocator's functions can't be hooked"
    steps = [debugger.break_at("case_begins"), debugger.run(), "tmpalloc start --engine agent"]
    steps += ["tmpalloc start", debugger.continue_(), "tmpalloc status"]
    outputs = debugger.session(program, steps).outputs
    assert f"the agent can't be used: {reason} (--engine breakpoint can)" in outputs[2]
    # The C library's others, of which memalign and aligned_alloc may be one.
    assert re.search(r" \d+ entry points \(malloc, free, realloc, calloc in program, ", outputs[3])
    assert f"breakpoint engine (auto: {reason})" in outputs[3]
    assert "libtmpalloc-agent" not in outputs[3]
    assert allocations(outputs[5]) == 5


def test_settings_that_leave_no_room_are_told_and_stay(gdb, program):
    steps = ["set exec-wrapper env A=1", "tmpalloc start", gdb.run(), "show exec-wrapper"]
    outputs = gdb.session(program, [*steps, "tmpalloc status"]).outputs
    assert "(auto: the debugger's settings leave no room for preloading)" in outputs[1]
    assert '"env A=1"' in outputs[3]
    assert allocations(outputs[4]) == 12


# --- leaving no trace --------------------------------------------------------------------------------


SHOW_ENVIRONMENT = """
import os, subprocess
print(sorted(os.environ.items()))
print(open('/proc/self/environ').read().count('TMPALLOC_OTHER'))
subprocess.run(['/usr/bin/env'])
subprocess.run(['/bin/sh', '-c', 'grep -c tmpalloc-agent /proc/self/maps'])
"""


def test_the_program_and_its_children_see_nothing_of_it(debugger, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SHOW_ENVIRONMENT)
    program, args = os.path.realpath("/usr/bin/python3"), ["-S", script]
    variables = {"PATH": "/usr/bin:/bin", "HOME": "/", "SHELL": "/bin/sh"}
    outputs = []
    for start in [], ["tmpalloc start --engine agent"]:
        steps = [*debugger.environment(variables), *start, debugger.run()]
        result = debugger.session(program, steps, args, env={"SHELL": "/bin/sh"})
        assert result.exit_statuses == [0], result.text
        outputs.append(result.stdout)
    assert outputs[0] == outputs[1] and b"HOME" in outputs[0]


def test_a_library_that_the_user_preloads_stays_the_users(debugger, compile, program):
    mine = compile("int my_function(void) { return 1; }", "-fPIC", "-shared", name="mine.so")
    python = os.path.realpath("/usr/bin/python3")
    code = "import os; print(os.environ['LD_PRELOAD'], 'mine.so' in open('/proc/self/maps').read())"
    steps = [*debugger.environment({"LD_PRELOAD": str(mine)}), "tmpalloc start --engine agent"]
    result = debugger.session(python, [*steps, debugger.run(), "tmpalloc status"], ["-S", "-c", code])
    assert result.stdout.decode() == f"{mine} True\n", result.text
    assert allocations(result.outputs[-1]) > 100


def shown_settings(debugger):
    return {
        "gdb": ["show exec-wrapper", "show environment LD_PRELOAD"],
        "lldb": ["settings show target.env-vars", "target stop-hook list"],
    }[debugger.name]


@pytest.mark.parametrize("end", ["run", "stop"])
def test_the_debuggers_settings_are_as_before_once_the_program_runs(debugger, program, end):
    show = shown_settings(debugger)
    last = [debugger.run(), "tmpalloc stop"] if end == "run" else ["tmpalloc stop"]
    outputs = debugger.session(program, [*show, "tmpalloc start", *last, *show]).outputs
    assert outputs[:2] == outputs[-2:]


# --- reading out -------------------------------------------------------------------------------------


LEFT = {
    "": ("results as of its exit", 12),
    "quick exit": ("results as of its exit", 12),
    "raw exit": ("results as of the last stop", 7),
    "SIGKILL": ("results as of the last stop", 7),
}


@pytest.mark.parametrize("way", LEFT, ids=lambda way: way or "return")
def test_results_stay_when_the_process_is_gone_with_how_old_they_are(debugger, program, way):
    steps = [debugger.break_at("checkpoint"), "tmpalloc start", debugger.run()]
    steps += [debugger.continue_(), "tmpalloc status", "tmpalloc summary"]
    result = debugger.session(program, steps, [way] if way else [])
    age, count = LEFT[way]
    assert age in result.outputs[4], result.text
    assert allocations(result.outputs[4]) == count
    assert len(summary_of(result.outputs[5])) >= 1
    assert way == "SIGKILL" or result.exit_statuses == [4]


#: Ends, or executes another program, while a thread allocates from many places and frees at once.
ALLOCATING = """
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int rounds;
static __attribute__((noinline)) void descend(int depth) {
    void *volatile block = malloc(10);
    free(block);
    if (depth > 0) descend(depth - 1);
    __asm__ volatile("" ::: "memory");
}
static void *allocate(void *arg) {
    for (;; rounds++) descend(40);
    return arg;
}
int main(int count, char **arguments) {
    pthread_t thread;
    pthread_create(&thread, NULL, allocate, NULL);
    while (rounds < 3) usleep(1000);
    if (count > 1) execv("/bin/true", arguments);
    return 5;
}
"""


@pytest.mark.parametrize("end", ["returns", "executes"])
def test_results_of_an_end_are_of_one_moment_while_other_threads_run(debugger, compile, end):
    program = compile(ALLOCATING, *C_FLAGS, "-pthread")
    report = debugger.directory / "report.json"
    steps = ["tmpalloc start --engine agent", debugger.run(), f"tmpalloc report json {report}"]
    result = debugger.session(program, steps, ["exec"] if end == "executes" else [])
    document = json.loads(report.read_text())
    allocations_of_sites = sum(site["allocations"] for site in document["sites"])
    totals = document["totals"]
    assert totals["temporary"]["count"] <= totals["allocations"], result.text
    assert abs(totals["allocations"] - allocations_of_sites) <= 1, result.text
    assert totals["allocations"] > 3 * 41, result.text


def test_a_process_that_never_stopped_before_it_was_killed_is_told(debugger, program):
    steps = ["tmpalloc start", debugger.run(), "tmpalloc summary", "tmpalloc status"]
    outputs = debugger.session(program, steps, ["SIGKILL"]).outputs
    assert outputs[2].count("\n") == 1 and "no results" in outputs[2]
    assert "no results were read before" in outputs[3]


def test_results_from_before_exec_stay_and_the_new_program_has_no_agent(debugger, program, compile):
    other = compile(
        """#include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        int main(int count, char **arguments) {
            char line[1000];
            FILE *maps = fopen("/proc/self/maps", "r");
            while (fgets(line, sizeof line, maps))
                if (strstr(line, "tmpalloc-agent")) return 1;
            return getenv("TMPALLOC_AGENT") || getenv("LD_PRELOAD") || count != 2 ? 2 : 6;
        }""",
        name="other",
    )
    steps = ["tmpalloc start", debugger.run(), "tmpalloc status", "tmpalloc summary"]
    if debugger.name == "lldb":  # stops at exec
        steps.insert(2, debugger.continue_())
    result = debugger.session(program, steps, ["exec", other])
    assert "results as of its exec" in result.outputs[-2], result.text
    assert allocations(result.outputs[-2]) == 12
    assert "allocate at program.c" in result.outputs[-1]
    assert result.exit_statuses == [6]


def kernel_core(program, directory, agent):
    """Runs the program until it dies, with the agent but no debugger; gives its core file."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        pytest.skip(f"the kernel writes core files elsewhere: {pattern}")
    # The shell is not to load it: it would take both variables for its own.
    preload = f"env LD_PRELOAD={agent} TMPALLOC_AGENT=start"
    script = f"ulimit -c unlimited; exec {preload} {program} abort"
    subprocess.run(["/bin/bash", "-c", script], cwd=directory)
    cores = list(directory.glob("core*"))
    assert cores, "the kernel wrote no core file"
    return cores[0]


SAVE_CORE = {"gdb": "gcore {}", "lldb": "process save-core --style full {}"}


def load_core(debugger, program, core):
    if debugger.name == "gdb":
        return [f"file {program}", f"core-file {core}"]
    return [f"target create {program} --core {core}"]


@pytest.mark.parametrize("saved_by", ["the debugger", "the kernel"])
def test_a_core_file_gives_the_summary_of_the_live_process(
    debugger, library, program, tmp_path, saved_by
):
    core = tmp_path / "saved.core"
    steps = ["tmpalloc start", debugger.run(), "tmpalloc summary", SAVE_CORE[debugger.name].format(core)]
    live = debugger.session(program, [*steps, debugger.kill()], ["abort"]).outputs[2]
    assert len(summary_of(live)) >= 1
    if saved_by == "the kernel":
        core = kernel_core(program, tmp_path, library.parent / "libtmpalloc-agent.so")
    loading = load_core(debugger, program, core)
    report = tmp_path / "core.json"
    steps = [*loading, "tmpalloc summary", "tmpalloc status", f"tmpalloc report json {report}"]
    outputs = debugger.session(steps=[*steps, "tmpalloc start"]).outputs[len(loading) :]
    assert outputs[0] == live
    assert allocations(outputs[1]) == 12 and "core file" in outputs[1]
    assert json.loads(report.read_text())["totals"]["temporary"]["count"] == 12
    assert "a core file can't be tracked" in outputs[3]


def test_a_core_file_without_results_is_told_in_one_line(debugger, program, tmp_path):
    core = tmp_path / "saved.core"
    steps = [debugger.run(), SAVE_CORE[debugger.name].format(core), debugger.kill()]
    debugger.session(program, steps, ["abort"])
    assert core.exists()
    loading = load_core(debugger, program, core)
    output = debugger.session(steps=[*loading, "tmpalloc summary"]).outputs[-1]
    assert output.count("\n") == 1 and "nothing recorded yet: core file" in output


# --- options -----------------------------------------------------------------------------------------


def test_the_memory_limit_is_kept_and_counts_stay_exact(debugger, program):
    steps = ["tmpalloc start --memory-limit 2MB", debugger.run(), "tmpalloc status"]
    status = debugger.session(program, steps).outputs[2]
    assert allocations(status) == 12
    memory = re.search(r"agent memory +([\d.]+)MB", status)
    assert float(memory[1]) <= 2


#: Its call stacks, each of another shape, are more than a small agent has memory for.
MANY_STACKS = """
#include <stdlib.h>
static void descend(unsigned path, int depth);
__attribute__((noinline)) static void left(unsigned path, int depth) {
    descend(path, depth);
    __asm__ volatile("# left");
}
__attribute__((noinline)) static void right(unsigned path, int depth) {
    descend(path, depth);
    __asm__ volatile("# right");
}
__attribute__((noinline)) static void descend(unsigned path, int depth) {
    if (depth == 0)
        free(malloc(24));
    else if (path & 1)
        right(path >> 1, depth - 1);
    else
        left(path >> 1, depth - 1);
    __asm__ volatile("# descend");
}
int main(void) {
    for (unsigned path = 0; path < 1u << 14; path++)
        descend(path, 14);
    return 0;
}
"""


@pytest.mark.parametrize(("size", "lines"), [("2MB", 1), ("64MB", 0)])
def test_call_stacks_that_the_memory_limit_cut_are_told_in_one_line(
    debugger, compile, size, lines
):
    start = f"tmpalloc start --engine agent --memory-limit {size}"
    reports = ["tmpalloc status", "tmpalloc summary"]
    result = debugger.session(compile(MANY_STACKS, *C_FLAGS), [start, debugger.run(), *reports])
    words = "cut after the allocator's caller when the agent's memory was used up: start --memory-l"
    assert allocations(result.outputs[2]) == 1 << 14
    assert [output.count(words) for output in result.outputs[2:4]] == [lines] * 2, result.text


@pytest.mark.parametrize("size", ["0", "1MB", "64", "64QB", "-1", "99999GB"])
def test_a_bad_memory_limit_is_refused_in_one_line(debugger, program, size):
    output = debugger.session(program, [f"tmpalloc start --memory-limit={size}"]).outputs[0]
    assert output.count("\n") == 1
    assert f"bad value '{size}' for --memory-limit: accepted is a size such as 64MB" in output


def test_stop_keeps_the_results_and_start_goes_on_with_them(debugger, program):
    stop, status = debugger.break_at("checkpoint"), "tmpalloc status"
    steps = [stop, "tmpalloc start", debugger.run(), "tmpalloc stop", status, "tmpalloc start"]
    outputs = debugger.session(program, [*steps, debugger.continue_(), status]).outputs
    assert [allocations(outputs[i]) for i in (4, 7)] == [7, 12]
    assert "agent engine" in outputs[5]


def test_reset_zeroes_what_the_agent_counted(debugger, program):
    steps = [debugger.break_at("checkpoint"), "tmpalloc start", debugger.run(), "tmpalloc reset"]
    steps += ["tmpalloc status", debugger.continue_(), "tmpalloc status"]
    outputs = debugger.session(program, steps).outputs
    assert [allocations(outputs[i]) for i in (4, 6)] == [0, 5]


def test_a_breakpoint_on_an_entry_point_stops_once_for_each_call(debugger, compile):
    program = compile(
        """#include <malloc.h>
        #include <stdlib.h>
        __attribute__((noinline)) void begin(void) { __asm__ volatile("" ::: "memory"); }
        int main(void) {
            begin();
            for (int i = 0; i < 3; i++) free(valloc(10));
            return 5;
        }""",
        *C_FLAGS,
    )
    steps = ["tmpalloc start", debugger.break_at("begin"), debugger.run(), debugger.break_at("valloc")]
    result = debugger.session(program, [*steps, "tmpalloc status", *[debugger.continue_()] * 4])
    assert "valloc" in result.outputs[7] and "exited" not in result.outputs[7]
    assert result.exit_statuses == [5], result.text
    assert "exited" in result.outputs[8]


def test_an_agent_that_is_there_keeps_its_limits_and_says_so(debugger, program):
    steps = [debugger.break_at("checkpoint"), "tmpalloc start", debugger.run(), "tmpalloc stop"]
    steps += ["tmpalloc start --stack-depth 7", "tmpalloc start", "tmpalloc status"]
    outputs = debugger.session(program, steps).outputs
    assert "keeps 256 frames of a stack: start with --stack-depth 256" in outputs[4]
    assert outputs[4].count("\n") == 1
    assert "agent engine" in outputs[5] and allocations(outputs[6]) == 7
