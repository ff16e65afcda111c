/* Debugs a program with ptrace and captures its stack wherever it executes `int3` with an array of
 * return addresses in rdi and their number in rsi, which is what backtrace() found there.
 *
 * unwind [-d DEPTH] PROGRAM ARGUMENT...
 *
 * Prints JSON: how many stops there were, how many stacks were found by comparing (hits) and how
 * many by unwinding, and what differs from backtrace() or from an unwinder without a memory. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "names/elf_file.h"
#include "support/memory.h"
#include "unwind/unwinder.h"

#define MODULE_LIMIT  64
#define ADDRESS_LIMIT 2048

struct debuggee {
    pid_t pid;
    pid_t tid; /* the stopped thread */
    struct user_regs_struct registers;
    char maps[65536]; /* as last seen */

    struct host host;
    struct modules *modules;
    struct stacks *stacks;
    struct unwinder *unwinder;
    uint32_t depth;

    uint32_t stops;
    uint32_t truncated;
    uint32_t longest;
    uint32_t register_reads;
    json_t *differences;
};

static void check(int status) {
    if (status == TMPALLOC_OK)
        return;
    fprintf(stderr, "status %d\n", status);
    exit(1);
}

static void get_process(void *arg, struct tmpalloc_process *ret, int *status) {
    struct debuggee *debuggee = arg;
    ret->pid = debuggee->pid;
    ret->stopped = ret->local = 1;
    snprintf(ret->architecture, sizeof ret->architecture, "x86_64");
    *status = TMPALLOC_OK;
}

static void read_memory(void *arg, uint64_t address, void *buffer, uint64_t size, int *status) {
    struct debuggee *debuggee = arg;
    struct iovec local = {.iov_base = buffer, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    if (process_vm_readv(debuggee->pid, &local, 1, &remote, 1, 0) == (ssize_t)size)
        *status = TMPALLOC_OK;
}

static void read_registers(void *arg, const char *const *names, uint32_t count, uint64_t *values,
                           int *status) {
    struct debuggee *debuggee = arg;
    const struct user_regs_struct *r = &debuggee->registers;
    const struct {
        const char *name;
        uint64_t value;
    } known[] = {{"rax", r->rax}, {"rdx", r->rdx}, {"rcx", r->rcx}, {"rbx", r->rbx},
                 {"rsi", r->rsi}, {"rdi", r->rdi}, {"rbp", r->rbp}, {"r8", r->r8},
                 {"r9", r->r9},   {"r10", r->r10}, {"r11", r->r11}, {"r12", r->r12},
                 {"r13", r->r13}, {"r14", r->r14}, {"r15", r->r15}};
    debuggee->register_reads += count;
    for (uint32_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof known / sizeof *known; j++) {
            if (strcmp(names[i], known[j].name) != 0)
                continue;
            values[i] = known[j].value;
            *status = TMPALLOC_OK;
        }
    }
}

/* Reads /proc/PID/maps; false: nothing changed since the last time. */
static bool read_maps(struct debuggee *debuggee) {
    char path[64];
    static char fresh[sizeof debuggee->maps];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)debuggee->pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t size = fread(fresh, 1, sizeof fresh - 1, file);
    fclose(file);
    fresh[size] = '\0';
    if (strcmp(fresh, debuggee->maps) == 0)
        return false;
    strcpy(debuggee->maps, fresh);
    return true;
}

/* A mapping of a file's beginning tells where the file is. */
static bool parse_map(const char *line, char *path, struct loaded_file *ret) {
    uint64_t start;
    uint64_t offset;
    struct elf_facts facts;
    if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %255[^\n]", &start, &offset, path) !=
            3 ||
        offset != 0 || path[0] != '/')
        return false;
    int fd = elf_file_open(path);
    bool valid = fd >= 0 && elf_file_facts(fd, &facts);
    if (fd >= 0)
        close(fd);
    if (!valid)
        return false;
    *ret = (struct loaded_file){
        .path = path, .text_address = facts.text_address + start - (facts.start & ~4095ull)};
    return true;
}

static void update_modules(struct debuggee *debuggee) {
    static char paths[MODULE_LIMIT][256];
    struct loaded_file loaded[MODULE_LIMIT];
    size_t count = 0;
    if (!read_maps(debuggee))
        return;
    for (const char *line = debuggee->maps; line && *line && count < MODULE_LIMIT;) {
        if (parse_map(line, paths[count], &loaded[count]))
            count++;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    check(modules_update(debuggee->modules, loaded, count, NULL, NULL));
}

static void differ(struct debuggee *debuggee, const char *what, uint64_t expected,
                   uint64_t actual) {
    char text[256];
    snprintf(text, sizeof text, "stop %" PRIu32 ": %s 0x%" PRIx64 ", not 0x%" PRIx64,
             debuggee->stops, what, actual, expected);
    json_array_append_new(debuggee->differences, json_string(text));
}

static void compare_backtrace(struct debuggee *debuggee, const struct capture *capture) {
    uint64_t expected[ADDRESS_LIMIT];
    int status = TMPALLOC_E_HOST;
    uint64_t count = debuggee->registers.rsi;
    if (count > ADDRESS_LIMIT)
        count = ADDRESS_LIMIT;
    read_memory(debuggee, debuggee->registers.rdi, expected, count * sizeof *expected, &status);
    check(status);
    if (count > debuggee->depth)
        count = debuggee->depth;
    if (capture->count != count)
        differ(debuggee, "number of frames", count, capture->count);
    for (uint32_t i = 1; i < count && i < capture->count; i++) {
        if (capture->pcs[i] != expected[i])
            differ(debuggee, "return address", expected[i], capture->pcs[i]);
    }
}

static void compare_fresh(struct debuggee *debuggee, const struct capture *capture) {
    struct unwinder *fresh;
    const struct capture *other;
    check(unwinder_create(&debuggee->host, debuggee->modules, debuggee->stacks, &fresh));
    unwinder_set_depth(fresh, debuggee->depth);
    check(unwinder_capture(fresh, debuggee->registers.rip, debuggee->registers.rsp, NULL, &other));
    if (other->stack != capture->stack)
        differ(debuggee, "stack number", other->stack, capture->stack);
    for (uint32_t i = 0; i < other->count && i < capture->count; i++) {
        if (other->cfa_offsets[i] != capture->cfa_offsets[i])
            differ(debuggee, "CFA offset", (uint64_t)other->cfa_offsets[i],
                   (uint64_t)capture->cfa_offsets[i]);
    }
    unwinder_destroy(fresh);
}

/* Every single allocation of a capture fails once; then it must work as before. */
static void compare_failing(struct debuggee *debuggee, const struct capture *capture) {
    struct unwinder *fresh;
    const struct capture *other;
    int status = TMPALLOC_E_NOMEM;
    check(unwinder_create(&debuggee->host, debuggee->modules, debuggee->stacks, &fresh));
    unwinder_set_depth(fresh, debuggee->depth);
    for (uint64_t i = 1; status != TMPALLOC_OK; i++) {
        memory_fail_after(i);
        status =
            unwinder_capture(fresh, debuggee->registers.rip, debuggee->registers.rsp, NULL, &other);
        memory_fail_after(0);
        if (status != TMPALLOC_OK && status != TMPALLOC_E_NOMEM)
            differ(debuggee, "status", 0, (uint64_t)-status);
    }
    if (other->stack != capture->stack)
        differ(debuggee, "stack number after failures", other->stack, capture->stack);
    unwinder_destroy(fresh);
}

static void handle_stop(struct debuggee *debuggee) {
    const struct capture *capture;
    const struct capture *again;
    uint64_t pc = debuggee->registers.rip;
    uint64_t stack_pointer = debuggee->registers.rsp;
    update_modules(debuggee);
    debuggee->stops++;
    debuggee->register_reads = 0;
    check(unwinder_capture(debuggee->unwinder, pc, stack_pointer, NULL, &capture));
    check(unwinder_capture(debuggee->unwinder, pc, stack_pointer, NULL, &again));
    if (again != capture)
        differ(debuggee, "second capture", (uintptr_t)capture, (uintptr_t)again);
    debuggee->truncated += stacks_get(debuggee->stacks, capture->stack)->truncated;
    if (capture->count > debuggee->longest)
        debuggee->longest = capture->count;
    compare_backtrace(debuggee, capture);
    compare_fresh(debuggee, capture);
    if (debuggee->stops == 1)
        compare_failing(debuggee, capture);
}

/* Runs the program until it exits; its exit status. */
static int debug(struct debuggee *debuggee) {
    for (;;) {
        int status;
        debuggee->tid = waitpid(-1, &status, __WALL);
        if (debuggee->tid < 0)
            return errno == ECHILD ? 0 : 1;
        if (debuggee->tid == debuggee->pid && WIFEXITED(status))
            return WEXITSTATUS(status);
        if (debuggee->tid == debuggee->pid && WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        if (!WIFSTOPPED(status))
            continue;
        int signal = WSTOPSIG(status);
        ptrace(PTRACE_GETREGS, debuggee->tid, NULL, &debuggee->registers);
        if (status >> 16 == 0 && signal == SIGTRAP)
            handle_stop(debuggee);
        if (signal == SIGTRAP || signal == SIGSTOP)
            signal = 0;
        ptrace(PTRACE_CONT, debuggee->tid, NULL, (void *)(intptr_t)signal);
    }
}

static pid_t start(char **command) {
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(command[0], command);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status))
        exit(1);
    ptrace(PTRACE_SETOPTIONS, pid, NULL,
           (void *)(PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL));
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    return pid;
}

static void print(struct debuggee *debuggee, int exit_status) {
    struct unwinder_statistics statistics = unwinder_statistics(debuggee->unwinder);
    json_t *answer =
        json_pack("{s:i, s:i, s:I, s:I, s:i, s:i, s:i, s:i, s:b, s:o}", "exit_status", exit_status,
                  "stops", (int)debuggee->stops, "hits", (json_int_t)statistics.hits, "unwinds",
                  (json_int_t)statistics.unwinds, "stacks", (int)stacks_count(debuggee->stacks),
                  "truncated", (int)debuggee->truncated, "longest", (int)debuggee->longest,
                  "register_reads", (int)debuggee->register_reads, "proc",
                  debuggee->host.proc_mem >= 0, "differences", debuggee->differences);
    json_dumpf(answer, stdout, JSON_INDENT(1));
    json_decref(answer);
}

int main(int argc, char **argv) {
    static struct debuggee debuggee = {.depth = UNWINDER_DEPTH_LIMIT};
    char **command = argv + 1;
    if (argc > 3 && strcmp(command[0], "-d") == 0) {
        debuggee.depth = (uint32_t)atoi(command[1]);
        command += 2;
    }
    if (!command[0])
        return 2;
    struct tmpalloc_host primitives = {.version = TMPALLOC_HOST_VERSION,
                                       .arg = &debuggee,
                                       .process = get_process,
                                       .read_memory = read_memory,
                                       .read_registers = read_registers};
    debuggee.differences = json_array();
    debuggee.pid = start(command);
    struct tmpalloc_process process;
    host_init(&debuggee.host, &primitives);
    check(host_process(&debuggee.host, &process, NULL));
    host_set_process(&debuggee.host, &process);
    check(modules_create(&debuggee.modules));
    check(stacks_create(&debuggee.stacks));
    check(unwinder_create(&debuggee.host, debuggee.modules, debuggee.stacks, &debuggee.unwinder));
    unwinder_set_depth(debuggee.unwinder, debuggee.depth);
    int exit_status = debug(&debuggee);
    print(&debuggee, exit_status);
    unwinder_destroy(debuggee.unwinder);
    stacks_destroy(debuggee.stacks);
    modules_destroy(debuggee.modules);
    host_deinit(&debuggee.host);
    return memory_in_use() == 0 ? 0 : 1;
}
