"""Programs that make processes in the ways that are hard on whoever is in them."""

import json
import os
import re

import pytest
from library.support import C_FLAGS, FOLLOW_CHILD, PROGRAMS, allocations

#: A signal handler forks while malloc, or fork itself, is under way.
FORKS_IN_HANDLER = r"""
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int forks, failures;
static void come_again(void) {
    struct itimerval once = {{0, 0}, {0, 100 + forks % 97 * 7}};
    setitimer(ITIMER_REAL, &once, NULL);
}
static void on_alarm(int number) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) _exit(5);
    failures += waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5;
    if (++forks < 15) come_again();
}
static void *volatile kept;
__attribute__((noinline)) static void allocate(int depth) {
    if (depth > 0)
        allocate(depth - 1);
    else
        free(kept = malloc(20));
    __asm__ volatile("" ::: "memory");
}
int main(int count, char **arguments) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    come_again();
    for (int i = 0; forks < 15; i++) {
        pid_t child = strcmp(arguments[1], "fork") == 0 ? fork() : 1;
        if (child == 0) _exit(0);
        while (child > 1 && waitpid(child, NULL, 0) < 0) continue;
        allocate(i % 50);
    }
    return failures ? 1 : 3;
}
"""


@pytest.mark.parametrize("interrupted", ["malloc", "fork"])
def test_a_handler_that_interrupts_malloc_or_fork_may_fork(debugger, compile, start, interrupted):
    program = compile(FORKS_IN_HANDLER, *C_FLAGS)
    result = debugger.session(program, [start, debugger.run(), "tmpalloc status"], [interrupted])
    assert result.exit_statuses == [3], result.text
    assert allocations(result.outputs[2]) > 0

#: Makes children as its argument says, 20 of each, which allocate in the memory that they share, and
#: allocates itself 200 times.
SHARES_MEMORY = r"""
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static void *volatile kept;
__attribute__((noinline)) static void allocate(int count) {
    for (int i = 0; i < count; i++)
        free(kept = malloc(10 + i));
}
static int in_child(void *unused) {
    allocate(5);
    _exit(5);
}
static pid_t make(const char *way) {
    static char stack[65536];
    static char *shell[] = {"sh", "-c", "exit 5", NULL};
    pid_t child = -1;
    if (strcmp(way, "vfork") == 0) {
        child = vfork();
        if (child == 0) {
            allocate(3);
            _exit(5);
        }
    } else if (strcmp(way, "vfork exec") == 0) {
        child = vfork();
        if (child == 0) {
            allocate(3);
            execv("/bin/sh", shell);
        }
    } else if (strcmp(way, "vfork nested") == 0) {
        child = vfork();
        if (child == 0) {
            pid_t another = vfork();
            if (another == 0) _exit(5);
            allocate(3);
            _exit(another > 0 ? 5 : 6);
        }
    } else if (strcmp(way, "clone waiting") == 0) {
        child = clone(in_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    } else if (strcmp(way, "clone fork") == 0) {
        child = clone(in_child, stack + sizeof stack, SIGCHLD, NULL);
    } else {
        posix_spawn(&child, "/bin/sh", NULL, NULL, shell, environ);
    }
    return child;
}
int main(int count, char **arguments) {
    for (int i = 0; i < 20; i++) {
        int status = 0;
        pid_t child = make(arguments[1]);
        if (child <= 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5) return 1;
        allocate(10);
    }
    return 3;
}
"""
SHARING = ["vfork", "vfork exec", "vfork nested", "clone waiting", "posix_spawn", "clone fork"]


@pytest.mark.parametrize("way", SHARING)
def test_what_children_allocate_in_shared_memory_is_not_counted(debugger, compile, start, way):
    program = compile(SHARES_MEMORY, *C_FLAGS)
    result = debugger.session(program, [start, debugger.run(), "tmpalloc status"], [way])
    assert result.exit_statuses == [3], result.text
    assert allocations(result.outputs[2]) == 200


@pytest.mark.parametrize("way", ["vfork", "clone waiting"])
def test_they_are_not_counted_where_tracking_began_at_a_stop(debugger, compile, way):
    program = compile(SHARES_MEMORY, *C_FLAGS)
    steps = [debugger.break_at("main"), debugger.run(), "tmpalloc start --engine agent"]
    result = debugger.session(program, [*steps, debugger.continue_(), "tmpalloc status"], [way])
    assert result.exit_statuses == [3], result.text
    assert allocations(result.outputs[-1]) == 200


#: Its child, made without the C library, allocates and ends as the argument says.
CLONES = r"""
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **arguments) {
    long pid = 0;
    (void)count;
    free(malloc(20));
    __asm__ volatile("xorl %%edx, %%edx; xorl %%r10d, %%r10d; xorl %%r8d, %%r8d; syscall"
                     : "=a"(pid) : "a"(SYS_clone), "D"(SIGCHLD), "S"(0)
                     : "rcx", "rdx", "r8", "r10", "r11", "memory");
    if (pid == 0) {
        free(malloc(30));
        if (arguments[1][0] == 'e')
            execl("/bin/true", "true", NULL);
        _exit(3);
    }
    waitpid((pid_t)pid, NULL, 0);
    return 0;
}
"""


@pytest.mark.parametrize("end", ["exit", "exec"])
def test_a_child_in_which_the_agent_cannot_begin_is_told(debugger, compile, end):
    program = compile(CLONES, *C_FLAGS)
    steps = [FOLLOW_CHILD[debugger.name], "tmpalloc start --engine agent", debugger.run()]
    result = debugger.session(program, steps, [end])
    told = "tmpalloc: the process is a child that was not made by fork(), so the agent counted nothing"
    assert result.text.count(told) == 1, result.text
    assert "an event was lost" not in result.text


# --- how many went uncounted --------------------------------------------------------------------

EVERY_WAY = ["fork", "fork", "vfork", "spawn", "spawnp", "system", "clone", "failing"]


@pytest.fixture
def making(compile):
    return compile(PROGRAMS / "making.c", *C_FLAGS, "-D_GNU_SOURCE", name="making")


def assert_children(status, summary, count):
    line = f"{count} child processes were not counted.\n"
    assert re.search(rf"^uncounted children  {count}$", status, re.M), status
    assert summary.endswith(line if count > 1 else "1 child process was not counted.\n"), summary


def test_children_that_went_uncounted_are_told(debugger, making, start):
    steps = [start, debugger.run(), "tmpalloc status", "tmpalloc summary"]
    steps += ["tmpalloc save runs.json", "tmpalloc load runs.json runs.json"]
    result = debugger.session(making, [*steps, "tmpalloc summary"], EVERY_WAY)
    assert result.exit_statuses == [4] and allocations(result.outputs[2]) == 3, result.text
    assert_children(*result.outputs[2:4], 7)
    process = json.loads((debugger.directory / "runs.json").read_text())["process"]
    assert process["uncounted_children"] == 7
    assert "\n14 child processes were not counted." in result.outputs[-1]


def test_the_parent_of_a_daemon_has_an_uncounted_child(debugger, making, start):
    steps = [start, debugger.run(), "tmpalloc status", "tmpalloc summary"]
    result = debugger.session(making, steps, ["daemon"])
    assert_children(*result.outputs[2:], 1)


def test_children_of_what_was_tracked_from_a_stop_on_are_told(debugger, making, start):
    steps = [debugger.break_at("by_vfork"), debugger.run(), start, debugger.continue_()]
    steps += ["tmpalloc status", "tmpalloc summary --inclusive"]
    result = debugger.session(making, steps, EVERY_WAY)
    assert result.exit_statuses == [4], result.text
    assert_children(*result.outputs[4:], 5)


def test_children_are_zeroed_and_compared_as_other_counters_are(debugger, making, start):
    steps = [start, debugger.break_at("by_vfork"), debugger.run(), "tmpalloc mark before"]
    steps += [debugger.break_at("by_system"), debugger.continue_()]
    steps += ["tmpalloc summary --since before", "tmpalloc reset", "tmpalloc status"]
    result = debugger.session(making, steps, EVERY_WAY)
    assert result.outputs[6].endswith("3 child processes were not counted.\n"), result.text
    assert "uncounted" not in result.outputs[8]


def test_a_program_without_allocations_is_named_with_what_it_did(debugger, compile, start):
    program = compile(
        """#include <unistd.h>
        int main(int count, char **words) {
            char *const arguments[] = {"true", NULL};
            if (count > 1)
                execv(words[1], arguments);
            return 3;
        }""",
        *C_FLAGS,
    )
    steps = [start, debugger.run(), "tmpalloc summary"]
    seen = f"No allocations were seen in {program}"
    assert debugger.session(program, steps).outputs[2] == f"{seen}.\n"
    output = debugger.session(program, steps, ["/bin/true"]).outputs[2]
    assert f"{seen}, which went on as {os.path.realpath('/bin/true')}: that isn't tracked.\n" in output


def test_a_program_without_an_allocator_is_named(debugger, compile):
    program = compile("int main(void) { return 3; }", "-static", "-s")
    result = debugger.session(program, ["tmpalloc start", debugger.run(), "tmpalloc summary"])
    assert f"No allocations were seen in {program}: no allocator was found" in result.outputs[2]
