/* Reads registers of a traced child that has put a number of its own into each.
 *
 *     host_registers kernel      by registers_linux.h, "NAME VALUE" a line
 *     host_registers hit         by host.h in the handling of a hit: where the thread is stopped,
 *                                elsewhere, of a thread that isn't traced, and after the hit;
 *                                "kernel" or "debugger" a line
 *     host_registers debug       by debug_registers.h: "fire", "ignored" or "unknown" */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "debugger/host.h"

static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
                                    "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const uint64_t debuggers_value = 42;

/* Stops with 1 in the first of those registers, 2 in the second ... */
__attribute__((noreturn)) static void stop_with_numbers(void) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    __asm__ volatile("mov $1, %rax; mov $2, %rbx; mov $3, %rcx; mov $4, %rdx; mov $5, %rsi;"
                     "mov $6, %rdi; mov $7, %rbp; mov $8, %r8; mov $9, %r9; mov $10, %r10;"
                     "mov $11, %r11; mov $12, %r12; mov $13, %r13; mov $14, %r14; mov $15, %r15;"
                     "int3");
    _exit(1);
}

static pid_t start_child(void) {
    pid_t child = fork();
    if (child == 0)
        stop_with_numbers();
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status) ? child : -1;
}

static void print_kernels(const struct registers_linux *registers) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t value;
        if (registers_linux_get(registers, names[i], &value))
            printf("%s %llu\n", names[i], (unsigned long long)value);
    }
}

static void tell_debuggers(void *arg, const char *const *asked, uint32_t count, uint64_t *values,
                           int *status) {
    (void)arg;
    (void)asked;
    for (uint32_t i = 0; i < count; i++)
        values[i] = debuggers_value;
    *status = TMPALLOC_OK;
}

static void print_source(struct host *host) {
    const char *const asked[] = {"rdi", "rsi"};
    uint64_t values[2] = {0, 0};
    if (host_read_registers(host, asked, 2, values, NULL) != TMPALLOC_OK)
        puts("nothing");
    else if (values[0] == 6 && values[1] == 5)
        puts("kernel");
    else if (values[0] == debuggers_value && values[1] == debuggers_value)
        puts("debugger");
    else
        puts("confused");
}

static void print_source_of_hit(struct host *host, pid_t tid, uint64_t address) {
    const struct tmpalloc_thread thread = {.key = 1, .tid = tid, .pid = tid};
    host_begin_hit(host, &thread, address);
    print_source(host);
    host_end_hit(host);
}

static void print_sources(pid_t child, uint64_t pc) {
    const struct tmpalloc_host primitives = {.version = TMPALLOC_HOST_VERSION,
                                             .read_registers = tell_debuggers};
    const struct tmpalloc_process process = {.pid = child, .stopped = 1, .local = 1};
    struct host host;
    host_init(&host, &primitives);
    host_set_process(&host, &process);
    print_source_of_hit(&host, child, pc);
    print_source_of_hit(&host, child, pc + 1);
    print_source(&host);
    print_source_of_hit(&host, getppid(), pc);
    host_deinit(&host);
}

static int print_debug(void) {
    static const char *const answers[] = {"unknown", "fire", "ignored"};
    puts(answers[debug_registers_try()]);
    return waitpid(-1, NULL, 0) == -1 && errno == ECHILD ? 0 : 4; /* it leaves no child */
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "debug") == 0)
        return print_debug();
    pid_t child = start_child();
    struct registers_linux registers;
    uint64_t pc;
    if (argc != 2 || child < 0)
        return 2;
    int status = 3;
    if (registers_linux_read(child, &registers) && registers_linux_get(&registers, "pc", &pc)) {
        status = 0;
        if (strcmp(argv[1], "kernel") == 0)
            print_kernels(&registers);
        else
            print_sources(child, pc);
    }
    ptrace(PTRACE_KILL, child, NULL, NULL);
    return status;
}
