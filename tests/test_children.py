"""Programs that make processes in the ways that are hard on whoever is in them."""

import pytest
from support import C_FLAGS, allocations

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
