"""Starting the agent wherever a process is stopped, whatever breakpoints the user has."""

import os
import re
import time

import pytest
from library.support import C_FLAGS, allocations, start_process, wait_for

#: How often a program is stopped somewhere.
STOPS = int(os.environ.get("TMPALLOC_ATTACH_STOPS", "8"))

pytestmark = pytest.mark.usefixtures("library")


# --- breakpoints of the user ---------------------------------------------------------------------------


#: Calls f() every now and then, which allocates through all kinds of pointers.
CALLER = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) void checkpoint(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((noinline)) static void allocate(int count) {
    for (int i = 0; i < count; i++) {
        void *volatile block = malloc(10);
        block = realloc(block, 20);
        free(block);
    }
}
int main(void) {
    allocate(1);
    checkpoint();
    allocate(7);
    checkpoint();
    allocate(7);
    checkpoint();
    return 5;
}
"""

#: Offsets of instructions within the first five bytes of these functions of glibc 2.36.
INSIDE = {"malloc": (2, 4), "free": (3,), "realloc": (4,)}


@pytest.fixture
def caller(compile):
    return compile(CALLER, *C_FLAGS, name="caller")


def break_inside(debugger, function, offset):
    if debugger.name == "lldb":
        return f"breakpoint set -n {function} -s libc.so.6 -R {offset}"
    return debugger.break_on_address(f"(long){function} + {offset}")


def hits(debugger, listed):
    """Of a listed breakpoint."""
    if debugger.name == "gdb":
        return int((re.search(r"already hit (\d+) time", listed) or [0, 0])[1])
    return int(re.search(r"hit count = (\d+)", listed)[1])


def list_breakpoint(debugger, number):
    return f"info breakpoints {number}" if debugger.name == "gdb" else f"breakpoint list {number}"


def go_on_silently(debugger, number):
    """A step that makes a breakpoint not stop."""
    if debugger.name == "gdb":
        return f"ignore {number} 10000"
    return f"breakpoint modify -i 10000 {number}"


FIRST_BYTES = [("malloc", 0), *((name, offset) for name in INSIDE for offset in INSIDE[name])]


@pytest.mark.parametrize("function, offset", FIRST_BYTES)
def test_a_breakpoint_in_a_functions_first_bytes_set_before_start_is_hit_and_calls_count(
    debugger, caller, function, offset
):
    steps = [debugger.break_at("checkpoint"), debugger.run()]
    steps += [break_inside(debugger, function, offset), go_on_silently(debugger, 2)]
    steps += ["tmpalloc start --engine agent", debugger.continue_(), "tmpalloc status"]
    steps += [list_breakpoint(debugger, 2), "tmpalloc stop", debugger.continue_()]
    steps += [list_breakpoint(debugger, 2), debugger.continue_()]
    result = debugger.session(caller, steps)
    assert allocations(result.outputs[6]) == 14, result.text
    assert hits(debugger, result.outputs[7]) == 7
    assert hits(debugger, result.outputs[10]) == 14
    assert result.exit_statuses == [5], result.text


@pytest.mark.parametrize("function, offset", FIRST_BYTES)
def test_a_breakpoint_in_a_functions_first_bytes_set_after_start_never_does_harm(
    debugger, caller, function, offset
):
    steps = [debugger.break_at("checkpoint"), debugger.run(), "tmpalloc start --engine agent"]
    steps += [break_inside(debugger, function, offset)]
    result = debugger.session(caller, [*steps, debugger.kill()])
    number = int(re.search(r"Breakpoint (\d+)", result.outputs[3])[1])
    steps += [go_on_silently(debugger, number), debugger.continue_(), "tmpalloc status"]
    steps += [list_breakpoint(debugger, number), "tmpalloc stop", debugger.continue_()]
    steps += [list_breakpoint(debugger, number), debugger.continue_()]
    result = debugger.session(caller, steps)
    assert allocations(result.outputs[6]) == 14, result.text
    assert result.exit_statuses == [5], result.text
    seen = hits(debugger, result.outputs[7])
    assert hits(debugger, result.outputs[10]) == seen + 7, result.text
    assert seen == 7 or (debugger.name, offset > 0) == ("lldb", True), result.text


# --- where a process can be stopped --------------------------------------------------------------------


def is_asleep(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def current_address(debugger):
    return "print/x $pc" if debugger.name == "gdb" else "register read --format x pc"


def address_in(text):
    return int(re.search(r"0x([0-9a-f]+)", text)[1], 16)


USER = """
#include <dlfcn.h>
#include <stdlib.h>
int watched;
__attribute__((noinline)) void checkpoint(void) { __asm__ volatile("" ::: "memory"); }
int main(void) {
    checkpoint();
    for (int i = 0; i < 5; i++) {
        void *volatile block = malloc(10);
        block = realloc(block, 20);
        free(block);
    }
    dlopen("no such file", RTLD_NOW);
    for (int i = 0; i < 5; i++)
        free(malloc(10));
    return 5;
}
"""


@pytest.mark.parametrize("function", ["malloc", "free", "realloc", "dlopen"])
def test_tracking_starts_at_the_users_own_breakpoint_and_the_user_stays_there(
    debugger, compile, function
):
    program = compile(USER, *C_FLAGS)
    place = current_address(debugger)
    at = f"break -q {function} if 1" if debugger.name == "gdb" else debugger.break_at(function)
    steps = [debugger.break_at("checkpoint"), debugger.run(), at, debugger.continue_(), place]
    steps += [list_breakpoint(debugger, 2), "tmpalloc start --engine agent", place]
    steps += [list_breakpoint(debugger, 2), debugger.delete_breakpoints(), debugger.continue_()]
    result = debugger.session(program, [*steps, "tmpalloc status"])
    assert "agent engine" in result.outputs[6], result.text
    assert address_in(result.outputs[4]) == address_in(result.outputs[7])
    assert hits(debugger, result.outputs[5]) == hits(debugger, result.outputs[8]) == 1
    assert result.exit_statuses == [5], result.text
    before = {"malloc": 0, "realloc": 1, "free": 2, "dlopen": 10}[function]
    assert allocations(result.outputs[11]) >= 15 - before, result.text


#: Threads, as many as the first argument says beside the main one, that do nothing but allocate.
ALLOCATING = """
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *allocate(void *arg) {
    for (unsigned i = 0;; i++) {
        void *volatile block = malloc(i % 3000);
        block = realloc(block, i % 5000 + 1);
        free(block);
    }
    return arg;
}
int main(int count, char **arguments) {
    for (int i = count > 1 ? atoi(arguments[1]) : 0; i > 0; i--) {
        pthread_t thread;
        pthread_create(&thread, NULL, allocate, NULL);
    }
    write(1, "begun\\n", 6);
    allocate(NULL);
}
"""

#: A thread that loads and unloads a file, while main allocates, once the first argument exists.
LOADING = """
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *load(void *arg) {
    for (;;) {
        void *handle = dlopen("libm.so.6", RTLD_NOW);
        if (!handle || !dlsym(handle, "sin")) abort();
        dlclose(handle);
    }
    return arg;
}
int main(int count, char **arguments) {
    pthread_t thread;
    write(1, "begun\\n", 6);
    while (access(arguments[1], F_OK)) /* LLDB that attaches amid loading finds no file at all */
        usleep(1000);
    if (count > 2) load(arguments);
    pthread_create(&thread, NULL, load, NULL);
    for (;;)
        free(malloc(100));
}
"""

BUSY = {
    "one thread": (ALLOCATING, []),
    "four threads": (ALLOCATING, [3]),
    "a thread that loads files": (LOADING, ["go"]),
    "nothing but loading files": (LOADING, ["go", 1]),
}


@pytest.mark.parametrize("case", BUSY)
def test_tracking_starts_and_ends_wherever_the_program_is_interrupted(
    debugger, compile, tmp_path, case
):
    source, args = BUSY[case]
    program = compile(source, *C_FLAGS)
    process = start_process(program, *args, cwd=tmp_path)
    go = debugger.script(f"open('{tmp_path}/go', 'w').close()")
    try:
        steps, one = [debugger.attach(process.pid), go], []
        one += [debugger.interrupt_later(process.pid, 0.05), debugger.continue_(), "tmpalloc start"]
        one += [debugger.interrupt_later(process.pid, 0.05), debugger.continue_(), "tmpalloc status"]
        one += ["tmpalloc stop"]
        result = debugger.session(steps=[*steps, *one * STOPS, debugger.detach()])
        rounds = [result.outputs[2 + i * len(one) :] for i in range(STOPS)]
        for outputs in rounds:
            assert "tracking process" in outputs[2] and outputs[2].count("\n") <= 2, result.text
            assert allocations(outputs[5]) > 0, result.text
            assert "stopped" in outputs[6], result.text
        agents = sum("agent engine" in outputs[2] for outputs in rounds)
        assert agents >= STOPS * 3 / 4, result.text
        time.sleep(0.2)
        assert process.poll() is None, result.text
    finally:
        process.kill()
        process.wait()


#: An allocator that waits in a system call, in the way that it is told.
WAITING = """
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
extern void *__libc_malloc(size_t);
volatile int waits, begun;
__attribute__((noinline)) void checkpoint(void) { __asm__ volatile("" ::: "memory"); }
void *malloc(size_t size) {
    if (waits && size == 4242) begun = write(1, "begun\\n", 6);
    while (waits && size == 4242) usleep(10000);
    return __libc_malloc(size);
}
static void *wait_in_malloc(void *arg) { return malloc(4242); }
static const char *way;
static void *load(void *file) { return dlopen(file, RTLD_NOW); }
int main(int count, char **arguments) {
    pthread_t thread;
    waits = 1;
    if (count > 1) {
        pthread_create(&thread, NULL, count > 2 ? load : wait_in_malloc, arguments[count - 1]);
        while (!begun) usleep(1000);
    }
    checkpoint();
    for (int i = 0; i < 7; i++)
        free(malloc(10));
    checkpoint();
    if (count == 1) wait_in_malloc(NULL);
    waits = 0;
    return 5;
}
"""


def test_a_thread_that_waits_beneath_malloc_is_let_be(debugger, compile):
    program = compile(WAITING, *C_FLAGS, "-rdynamic")
    steps = [debugger.break_at("checkpoint"), debugger.run(), "tmpalloc start --engine agent"]
    steps += [debugger.continue_(), "tmpalloc status", "tmpalloc stop", debugger.continue_()]
    result = debugger.session(program, steps, ["thread"])
    assert allocations(result.outputs[4]) == 7, result.text
    assert result.exit_statuses == [5], result.text


def test_where_the_only_thread_waits_beneath_malloc_breakpoints_are_used(debugger, compile):
    program = compile(WAITING, *C_FLAGS, "-rdynamic")
    process = start_process(program)
    try:
        steps = [debugger.attach(process.pid), "tmpalloc start", "tmpalloc status", "tmpalloc stop"]
        result = debugger.session(steps=[*steps, debugger.detach()])
        reason = "(auto: a thread is in the allocator and does not leave it)"
        assert f"breakpoint engine {reason}" in result.outputs[1], result.text
        assert reason in " ".join(result.outputs[2].split()) and "stopped" in result.outputs[3]
        time.sleep(0.2)
        assert process.poll() is None
    finally:
        process.kill()


#: Waits in a function of the C library that lies close to one of its allocator's in memory.
WAITING_ELSEWHERE = """
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
int main(int count, char **arguments) {
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    write(1, "begun\\n", 6);
    if (strcmp(arguments[1], "poll") == 0) poll(NULL, 0, -1);
    if (strcmp(arguments[1], "select") == 0) select(0, NULL, NULL, NULL, NULL);
    if (strcmp(arguments[1], "sem_wait") == 0) sem_wait(&semaphore);
    return 5;
}
"""


@pytest.mark.parametrize("function", ["poll", "select", "sem_wait"])
def test_a_process_that_waits_for_something_else_gets_the_agent(debugger, compile, function):
    program = compile(WAITING_ELSEWHERE, *C_FLAGS)
    process = start_process(program, function)
    try:
        wait_for(lambda: is_asleep(process.pid))
        steps = [debugger.attach(process.pid), "tmpalloc start", "tmpalloc stop"]
        result = debugger.session(steps=[*steps, debugger.detach()])
        assert "agent engine" in result.outputs[1], result.text
        assert "auto" not in result.outputs[1], result.text
        assert process.poll() is None, result.text
    finally:
        process.kill()


#: A file whose loading ends when the program is about to.
SLOW_TO_LOAD = """
#include <unistd.h>
extern volatile int waits, begun;
__attribute__((constructor)) static void wait(void) {
    for (begun = 1; waits;) usleep(10000);
}
"""


def test_where_the_process_does_not_finish_loading_breakpoints_are_used(debugger, compile):
    program = compile(WAITING, *C_FLAGS, "-rdynamic")
    slow = compile(SLOW_TO_LOAD, *C_FLAGS, "-shared", "-fPIC", name="slow.so")
    steps = [debugger.break_at("checkpoint"), debugger.run(), "backtrace", "tmpalloc start"]
    steps += ["backtrace", debugger.continue_(), "tmpalloc status", "tmpalloc stop"]
    steps = ["bt" if step == "backtrace" else step for step in steps]
    result = debugger.session(program, [*steps, debugger.continue_()], ["load", slow])
    reason = "breakpoint engine (auto: dlopen() in the process failed or took more than 5 s"
    said = result.outputs[3].partition("tmpalloc: ")  # GDB itself tells the interruption first
    assert reason in said[2] and said[2].count("\n") == 1, result.text
    assert result.outputs[2] == result.outputs[4]
    assert allocations(result.outputs[6]) == 7, result.text
    assert result.exit_statuses == [5], result.text


def test_a_breakpoint_that_cannot_be_avoided_is_told_and_does_no_harm(debugger, compile):
    program = compile(WAITING, *C_FLAGS, "-rdynamic")
    steps = [debugger.break_at("checkpoint"), debugger.run(), "tmpalloc start --engine agent"]
    steps += [debugger.continue_(), debugger.break_at("usleep"), debugger.continue_()]
    steps += [break_inside(debugger, "free", 3), "tmpalloc status", "tmpalloc stop"]
    steps += [debugger.evaluate("waits = 0"), debugger.continue_()]
    result = debugger.session(program, steps)
    told = "".join(result.outputs[6:8])
    assert re.search(r"the breakpoint at 0x[0-9a-f]+ won't be hit until 'tmpalloc stop'", told), told
    assert "a thread is in the allocator" in told
    assert allocations(result.outputs[7]) == 7, result.text
    assert "stopped" in result.outputs[8]
    assert result.exit_statuses == [5], result.text


def test_the_users_frame_watchpoint_and_catchpoints_stay_as_they_were(gdb, compile):
    program = compile(USER, *C_FLAGS, "-O0")
    shown = ["frame", "info breakpoints", "show scheduler-locking", "show language"]
    shown += ["show stop-on-solib-events", "show unwindonsignal"]
    steps = [gdb.break_at("checkpoint"), gdb.run(), "up", "watch watched", "catch load", "catch syscall"]
    # By its address: GDB finds functions of the same name in the agent, too.
    steps += ["break *(long)malloc if 0", "disable 5", *shown, "tmpalloc start --engine agent", *shown]
    outputs = gdb.session(program, steps).outputs
    assert "agent engine" in outputs[8 + len(shown)]
    assert outputs[8 : 8 + len(shown)] == outputs[9 + len(shown) : 9 + 2 * len(shown)]
    assert "main ()" in outputs[8]


def test_a_process_that_is_killed_while_stopped_is_told_by_every_command(debugger, caller):
    steps = [debugger.break_at("checkpoint"), debugger.run(), "tmpalloc start", debugger.continue_()]
    steps += ["tmpalloc status", debugger.script("import os; os.system('pkill -9 -x caller')")]
    commands = ["tmpalloc summary", "tmpalloc stop", "tmpalloc start", "tmpalloc status"]
    result = debugger.session(caller, [*steps, *commands, debugger.continue_(), "tmpalloc status"])
    assert allocations(result.outputs[4]) == 14
    for output in result.outputs[6:]:
        assert output.strip() and "Traceback" not in output, result.text
    again = debugger.session(caller, [*steps[:5], debugger.continue_(), debugger.continue_()])
    assert again.exit_statuses == [5], again.text
