#include "debugger/host.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "debugger/process_linux.h"

static int host_lacks(struct error *error, const char *what) {
    return error_set(error, TMPALLOC_E_UNSUPPORTED, "the debugger can't %s", what);
}

void host_append_reason(struct host *host, struct error *error) {
    char reason[ERROR_TEXT_BYTES] = "";
    int status = TMPALLOC_E_HOST;
    size_t length = error ? strlen(error->text) : 0;
    if (!error || !host->primitives.reason)
        return;
    host->primitives.reason(host->primitives.arg, reason, sizeof reason, &status);
    reason[sizeof reason - 1] = '\0';
    if (status == TMPALLOC_OK && reason[0])
        snprintf(error->text + length, sizeof error->text - length, ": %s", reason);
}

static int host_failed(struct host *host, struct error *error) {
    host_append_reason(host, error);
    return TMPALLOC_E_HOST;
}

/* A status that is none of ours comes from a primitive that went wrong. */
static int host_answer(struct host *host, int status, struct error *error, const char *what) {
    if (status == TMPALLOC_OK)
        return TMPALLOC_OK;
    if (status == TMPALLOC_E_UNSUPPORTED)
        return host_lacks(error, what);
    if (status == TMPALLOC_E_NOMEM)
        return error_no_memory(error);
    error_set(error, TMPALLOC_E_HOST, "the debugger failed to %s", what);
    return host_failed(host, error);
}

/* The status of a primitive that gets these arguments; `what` is what the debugger can't do without
 * it. */
#define CALL(host, primitive, what, error, ...)                                                    \
    __extension__({                                                                                \
        int called = TMPALLOC_E_HOST;                                                              \
        bool there = (host)->primitives.primitive != NULL;                                         \
        if (there)                                                                                 \
            (host)->primitives.primitive((host)->primitives.arg, __VA_ARGS__, &called);            \
        there ? host_answer(host, called, error, what) : host_lacks(error, what);                  \
    })

bool host_is_batch(const struct host *host) {
    return host->primitives.batch;
}

bool host_tells_breakpoints(const struct host *host) {
    return host->primitives.tells_breakpoints;
}

bool host_has_watchpoints(const struct host *host) {
    return host->primitives.insert_watchpoint != NULL;
}

int host_process(struct host *host, struct tmpalloc_process *ret, struct error *error) {
    struct tmpalloc_process process = {0};
    int status = CALL(host, process, "tell the process", error, &process);
    if (status != TMPALLOC_OK)
        return status;
    process.architecture[sizeof process.architecture - 1] = '\0';
    process.executable[sizeof process.executable - 1] = '\0';
    process.core_file[sizeof process.core_file - 1] = '\0';
    process.refusal[sizeof process.refusal - 1] = '\0';
    *ret = process;
    return TMPALLOC_OK;
}

int host_modules(struct host *host, tmpalloc_emit_module emit, void *arg, struct error *error) {
    return CALL(host, modules, "list the loaded files", error, emit, arg);
}

int host_ask_memory(struct host *host, uint64_t address, void *buffer, size_t size,
                    struct error *error) {
    if (!host->primitives.read_memory)
        return host_lacks(error, "read memory");
    int status = TMPALLOC_E_HOST;
    host->primitives.read_memory(host->primitives.arg, address, buffer, size, &status);
    if (status == TMPALLOC_E_HOST) {
        error_set(error, status, "no memory to read at 0x%" PRIx64, address);
        return host_failed(host, error);
    }
    return host_answer(host, status, error, "read memory");
}

int host_ask_registers(struct host *host, const char *const *names, uint32_t count,
                       uint64_t *values, struct error *error) {
    return CALL(host, read_registers, "read registers", error, names, count, values);
}

int host_current_thread(struct host *host, struct tmpalloc_thread *ret, struct error *error) {
    struct tmpalloc_thread thread = {0};
    int status = CALL(host, current_thread, "tell the thread", error, &thread);
    if (status != TMPALLOC_OK)
        return status;
    *ret = thread;
    return TMPALLOC_OK;
}

bool host_thread_alive(struct host *host, uint64_t key) {
    if (!host->primitives.thread_alive)
        return true;
    int status = TMPALLOC_E_HOST;
    int32_t alive = 1;
    host->primitives.thread_alive(host->primitives.arg, key, &alive, &status);
    return status != TMPALLOC_OK || alive != 0;
}

int host_insert_breakpoint(struct host *host, uint64_t id, uint64_t address,
                           enum tmpalloc_breakpoint_kind kind, struct error *error) {
    const char *what = kind == TMPALLOC_HARDWARE ? "set a hardware breakpoint" : "set a breakpoint";
    return CALL(host, insert_breakpoint, what, error, id, address, kind);
}

int host_enable_breakpoint(struct host *host, uint64_t id, bool enabled, struct error *error) {
    return CALL(host, enable_breakpoint, "switch a breakpoint on or off", error, id, enabled);
}

int host_remove_breakpoint(struct host *host, uint64_t id, struct error *error) {
    return CALL(host, remove_breakpoint, "delete a breakpoint", error, id);
}

int host_preload(struct host *host, const char *library, const char *variable,
                 struct error *error) {
    return CALL(host, preload, "preload a library", error, library, variable);
}

int host_environment(struct host *host, const char *name, char *ret, size_t size,
                     struct error *error) {
    ret[0] = '\0';
    return CALL(host, environment, "tell the program's environment", error, name, ret, size);
}

int host_write_data(struct host *host, uint64_t address, const void *buffer, size_t size,
                    struct error *error) {
    return CALL(host, write_memory, "write memory", error, address, buffer, size);
}

int host_threads(struct host *host, tmpalloc_emit_thread emit, void *arg, struct error *error) {
    return CALL(host, threads, "list the threads", error, emit, arg);
}

int host_select_thread(struct host *host, uint64_t key, struct error *error) {
    return CALL(host, select_thread, "select a thread", error, key);
}

int host_call_function(struct host *host, const struct host_call *call, uint64_t *ret,
                       struct error *error) {
    uint64_t result = 0;
    int status = CALL(host, call_function, "call a function of the program", error, call->address,
                      call->arguments, call->count, call->alone, call->timeout_ms, &result);
    if (status != TMPALLOC_OK)
        return status;
    *ret = result;
    return TMPALLOC_OK;
}

int host_run_to(struct host *host, uint64_t address, uint32_t timeout_ms, struct error *error) {
    return CALL(host, run_to, "run to an address", error, address, timeout_ms);
}

int host_breakpoints(struct host *host, tmpalloc_emit_address emit, void *arg,
                     struct error *error) {
    return CALL(host, breakpoints, "list the breakpoints", error, emit, arg);
}

int host_skips(struct host *host, tmpalloc_emit_skip emit, void *arg, struct error *error) {
    return CALL(host, skips, "list what it steps over", error, emit, arg);
}

static int host_check_sandbox(const struct host *host, struct error *error, const char *what) {
    if (!host->primitives.expressions_map || !process_is_sandboxed(host->local_pid))
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_STATE,
                     "the debugger can't %s without memory of the process, which is in a seccomp "
                     "sandbox",
                     what);
}

int host_set_variable(struct host *host, const char *name, uint64_t number, struct error *error) {
    const char *what = "set a variable";
    int status = host_check_sandbox(host, error, what);
    if (status != TMPALLOC_OK)
        return status;
    return CALL(host, set_variable, what, error, name, number);
}

int host_evaluate(struct host *host, const char *expression, uint64_t *ret, struct error *error) {
    const char *what = "evaluate an expression";
    int status = host_check_sandbox(host, error, what);
    if (status != TMPALLOC_OK)
        return status;
    uint64_t result = 0;
    status = CALL(host, evaluate, what, error, expression, &result);
    if (status != TMPALLOC_OK)
        return status;
    *ret = result;
    return TMPALLOC_OK;
}

int host_pointers(struct host *host, const char *expression, uint32_t depth,
                  tmpalloc_emit_pointer emit, void *emit_arg, struct error *error) {
    const char *what = "look into a struct";
    int status = host_check_sandbox(host, error, what);
    if (status != TMPALLOC_OK)
        return status;
    return CALL(host, pointers, what, error, expression, depth, emit, emit_arg);
}

int host_quit(struct host *host, int32_t exit_status, struct error *error) {
    return CALL(host, quit, "quit", error, exit_status);
}

int host_select_frame(struct host *host, uint64_t key, uint64_t pc, uint32_t inlined,
                      struct error *error) {
    return CALL(host, select_frame, "select a frame", error, key, pc, inlined);
}

int host_insert_watchpoint(struct host *host, uint64_t address, uint32_t bytes,
                           struct error *error) {
    return CALL(host, insert_watchpoint, "set a watchpoint", error, address, bytes);
}

int host_end_watchpoint(struct host *host, uint64_t *hits_ret, struct error *error) {
    uint64_t hits = 0;
    int status = CALL(host, end_watchpoint, "end a watchpoint", error, &hits);
    if (status != TMPALLOC_OK)
        return status;
    *hits_ret = hits;
    return TMPALLOC_OK;
}

int host_insert_catch(struct host *host, uint32_t id, struct error *error) {
    return CALL(host, insert_catch, "set a breakpoint for a catch", error, id);
}

int host_catch_number(struct host *host, uint32_t id, uint32_t *ret, struct error *error) {
    uint32_t number = 0;
    int status = CALL(host, catch_number, "tell a breakpoint's number", error, id, &number);
    if (status != TMPALLOC_OK)
        return status;
    *ret = number;
    return TMPALLOC_OK;
}

int host_ask_catch(struct host *host, uint32_t id, uint64_t pc, uint32_t inlined,
                   const char *reason, enum tmpalloc_catch_answer *ret, struct error *error) {
    uint32_t answer = 0;
    int status = CALL(host, ask_catch, "ask a breakpoint", error, id, pc, inlined, reason, &answer);
    if (status != TMPALLOC_OK)
        return status;
    *ret = (enum tmpalloc_catch_answer)answer;
    return TMPALLOC_OK;
}

int host_remove_catch(struct host *host, uint32_t id, struct error *error) {
    return CALL(host, remove_catch, "delete a breakpoint", error, id);
}

bool host_progress(struct host *host, const char *text) {
    int status = TMPALLOC_E_HOST;
    if (!host->primitives.progress)
        return true;
    host->primitives.progress(host->primitives.arg, text, &status);
    return status == TMPALLOC_OK;
}

void host_show(struct host *host, const char *text) {
    int status = TMPALLOC_E_HOST;
    if (host->primitives.message)
        host->primitives.message(host->primitives.arg, text, &status);
}

void host_message(struct host *host, const char *format, ...) {
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    host_show(host, text);
}
