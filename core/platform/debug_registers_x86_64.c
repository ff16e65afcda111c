#include "platform/debug_registers.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Register 0 fires where its address is executed: Intel SDM, volume 3, "Debug Control Register". */
#define CONTROL_EXECUTE_0 1

__attribute__((noinline)) static void debug_registers_probed(void) {
    __asm__ volatile("");
}

/* A copy of the debugger, with one thread: nothing but system calls is safe. */
static _Noreturn void run_child(void) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
        kill(getpid(), SIGSTOP);
        debug_registers_probed();
    }
    _exit(0);
}

/* Whether the child stopped with this signal, rather than ended; *status_ret tells which. */
static bool waits_with(pid_t child, int signal, int *status_ret) {
    pid_t got;
    do
        got = waitpid(child, status_ret, 0);
    while (got < 0 && errno == EINTR);
    return got == child && WIFSTOPPED(*status_ret) && WSTOPSIG(*status_ret) == signal;
}

static bool debug_registers_set(pid_t child, size_t number, uint64_t value) {
    size_t place = offsetof(struct user, u_debugreg) + number * sizeof(uint64_t);
    return ptrace(PTRACE_POKEUSER, child, place, value) == 0;
}

static enum debug_registers let_one_fire(pid_t child, int *status_ret) {
    if (!waits_with(child, SIGSTOP, status_ret) ||
        !debug_registers_set(child, 0, (uintptr_t)debug_registers_probed) ||
        !debug_registers_set(child, 7, CONTROL_EXECUTE_0) ||
        ptrace(PTRACE_CONT, child, NULL, NULL) != 0)
        return DEBUG_REGISTERS_UNKNOWN;
    return waits_with(child, SIGTRAP, status_ret) ? DEBUG_REGISTERS_FIRE
                                                  : DEBUG_REGISTERS_ARE_IGNORED;
}

enum debug_registers debug_registers_try(void) {
    int status = 0;
    pid_t child = _Fork(); /* without the debugger's own handlers of fork() */
    if (child == 0)
        run_child();
    if (child < 0)
        return DEBUG_REGISTERS_UNKNOWN;
    enum debug_registers result = let_one_fire(child, &status);
    if (WIFSTOPPED(status)) {
        kill(child, SIGKILL);
        waits_with(child, 0, &status);
    }
    return result;
}
