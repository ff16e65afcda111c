#include "debugger/host.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "debugger/process_linux.h"

static int missing(struct error *error, const char *what) {
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

static int failed(struct host *host, struct error *error) {
    host_append_reason(host, error);
    return TMPALLOC_E_HOST;
}

/* A status that is none of ours comes from a primitive that went wrong. */
static int answer(struct host *host, int status, struct error *error, const char *what) {
    if (status == TMPALLOC_OK)
        return TMPALLOC_OK;
    if (status == TMPALLOC_E_UNSUPPORTED)
        return missing(error, what);
    if (status == TMPALLOC_E_NOMEM)
        return error_no_memory(error);
    error_set(error, TMPALLOC_E_HOST, "the debugger failed to %s", what);
    return failed(host, error);
}

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
    const char *what = "tell the process";
    if (!host->primitives.process)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    struct tmpalloc_process process = {0};
    host->primitives.process(host->primitives.arg, &process, &status);
    if (status == TMPALLOC_OK) {
        process.architecture[sizeof process.architecture - 1] = '\0';
        process.executable[sizeof process.executable - 1] = '\0';
        process.core_file[sizeof process.core_file - 1] = '\0';
        *ret = process;
    }
    return answer(host, status, error, what);
}

int host_modules(struct host *host, tmpalloc_emit_module emit, void *arg, struct error *error) {
    const char *what = "list the loaded files";
    if (!host->primitives.modules)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.modules(host->primitives.arg, emit, arg, &status);
    return answer(host, status, error, what);
}

int host_ask_memory(struct host *host, uint64_t address, void *buffer, size_t size,
                    struct error *error) {
    if (!host->primitives.read_memory)
        return missing(error, "read memory");
    int status = TMPALLOC_E_HOST;
    host->primitives.read_memory(host->primitives.arg, address, buffer, size, &status);
    if (status == TMPALLOC_E_HOST) {
        error_set(error, status, "no memory to read at 0x%" PRIx64, address);
        return failed(host, error);
    }
    return answer(host, status, error, "read memory");
}

int host_ask_registers(struct host *host, const char *const *names, uint32_t count,
                       uint64_t *values, struct error *error) {
    const char *what = "read registers";
    if (!host->primitives.read_registers)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.read_registers(host->primitives.arg, names, count, values, &status);
    return answer(host, status, error, what);
}

int host_current_thread(struct host *host, struct tmpalloc_thread *ret, struct error *error) {
    const char *what = "tell the thread";
    if (!host->primitives.current_thread)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    struct tmpalloc_thread thread = {0};
    host->primitives.current_thread(host->primitives.arg, &thread, &status);
    if (status == TMPALLOC_OK)
        *ret = thread;
    return answer(host, status, error, what);
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
    if (!host->primitives.insert_breakpoint)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.insert_breakpoint(host->primitives.arg, id, address, kind, &status);
    return answer(host, status, error, what);
}

int host_enable_breakpoint(struct host *host, uint64_t id, bool enabled, struct error *error) {
    const char *what = "switch a breakpoint on or off";
    if (!host->primitives.enable_breakpoint)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.enable_breakpoint(host->primitives.arg, id, enabled, &status);
    return answer(host, status, error, what);
}

int host_remove_breakpoint(struct host *host, uint64_t id, struct error *error) {
    const char *what = "delete a breakpoint";
    if (!host->primitives.remove_breakpoint)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.remove_breakpoint(host->primitives.arg, id, &status);
    return answer(host, status, error, what);
}

int host_preload(struct host *host, const char *library, const char *variable,
                 struct error *error) {
    const char *what = "preload a library";
    if (!host->primitives.preload)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.preload(host->primitives.arg, library, variable, &status);
    return answer(host, status, error, what);
}

int host_environment(struct host *host, const char *name, char *ret, size_t size,
                     struct error *error) {
    const char *what = "tell the program's environment";
    if (!host->primitives.environment)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    ret[0] = '\0';
    host->primitives.environment(host->primitives.arg, name, ret, size, &status);
    return answer(host, status, error, what);
}

int host_write_data(struct host *host, uint64_t address, const void *buffer, size_t size,
                    struct error *error) {
    const char *what = "write memory";
    if (!host->primitives.write_memory)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.write_memory(host->primitives.arg, address, buffer, size, &status);
    return answer(host, status, error, what);
}

int host_threads(struct host *host, tmpalloc_emit_thread emit, void *arg, struct error *error) {
    const char *what = "list the threads";
    if (!host->primitives.threads)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.threads(host->primitives.arg, emit, arg, &status);
    return answer(host, status, error, what);
}

int host_select_thread(struct host *host, uint64_t key, struct error *error) {
    const char *what = "select a thread";
    if (!host->primitives.select_thread)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.select_thread(host->primitives.arg, key, &status);
    return answer(host, status, error, what);
}

int host_call_function(struct host *host, const struct host_call *call, uint64_t *ret,
                       struct error *error) {
    const char *what = "call a function of the program";
    if (!host->primitives.call_function)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    uint64_t result = 0;
    host->primitives.call_function(host->primitives.arg, call->address, call->arguments,
                                   call->count, call->alone, call->timeout_ms, &result, &status);
    if (status == TMPALLOC_OK)
        *ret = result;
    return answer(host, status, error, what);
}

int host_run_to(struct host *host, uint64_t address, uint32_t timeout_ms, struct error *error) {
    const char *what = "run to an address";
    if (!host->primitives.run_to)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.run_to(host->primitives.arg, address, timeout_ms, &status);
    return answer(host, status, error, what);
}

int host_breakpoints(struct host *host, tmpalloc_emit_address emit, void *arg,
                     struct error *error) {
    const char *what = "list the breakpoints";
    if (!host->primitives.breakpoints)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.breakpoints(host->primitives.arg, emit, arg, &status);
    return answer(host, status, error, what);
}

static int check_sandbox(const struct host *host, struct error *error, const char *what) {
    if (!host->primitives.expressions_map || !process_is_sandboxed(host->local_pid))
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_STATE,
                     "the debugger can't %s without memory of the process, which is in a seccomp "
                     "sandbox",
                     what);
}

int host_set_variable(struct host *host, const char *name, uint64_t number, struct error *error) {
    const char *what = "set a variable";
    if (!host->primitives.set_variable)
        return missing(error, what);
    int status = check_sandbox(host, error, what);
    if (status != TMPALLOC_OK)
        return status;
    status = TMPALLOC_E_HOST;
    host->primitives.set_variable(host->primitives.arg, name, number, &status);
    return answer(host, status, error, what);
}

int host_evaluate(struct host *host, const char *expression, uint64_t *ret, struct error *error) {
    const char *what = "evaluate an expression";
    if (!host->primitives.evaluate)
        return missing(error, what);
    int status = check_sandbox(host, error, what);
    if (status != TMPALLOC_OK)
        return status;
    status = TMPALLOC_E_HOST;
    uint64_t result = 0;
    host->primitives.evaluate(host->primitives.arg, expression, &result, &status);
    if (status == TMPALLOC_OK)
        *ret = result;
    return answer(host, status, error, what);
}

int host_quit(struct host *host, int32_t exit_status, struct error *error) {
    const char *what = "quit";
    if (!host->primitives.quit)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.quit(host->primitives.arg, exit_status, &status);
    return answer(host, status, error, what);
}

int host_select_frame(struct host *host, uint64_t key, uint64_t pc, uint32_t inlined,
                      struct error *error) {
    const char *what = "select a frame";
    if (!host->primitives.select_frame)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.select_frame(host->primitives.arg, key, pc, inlined, &status);
    return answer(host, status, error, what);
}

int host_insert_watchpoint(struct host *host, uint64_t address, uint32_t bytes,
                           struct error *error) {
    const char *what = "set a watchpoint";
    if (!host->primitives.insert_watchpoint)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    host->primitives.insert_watchpoint(host->primitives.arg, address, bytes, &status);
    return answer(host, status, error, what);
}

int host_end_watchpoint(struct host *host, uint64_t *hits_ret, struct error *error) {
    const char *what = "end a watchpoint";
    if (!host->primitives.end_watchpoint)
        return missing(error, what);
    int status = TMPALLOC_E_HOST;
    uint64_t hits = 0;
    host->primitives.end_watchpoint(host->primitives.arg, &hits, &status);
    if (status == TMPALLOC_OK)
        *hits_ret = hits;
    return answer(host, status, error, what);
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
