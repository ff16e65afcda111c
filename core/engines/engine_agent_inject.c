#include "engines/engine_agent_inject.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "debugger/process_linux.h"
#include "engines/engine_agent_functions.h"
#include "platform/kernel_linux.h"
#include "platform/page.h"
#include "support/memory.h"

/* Of one call in the process.  Loading a library from a slow disk takes tenths of a second. */
#define CALL_MS 5000u

/* An allocator call that is in progress takes less. */
#define RUN_MS 2000u

/* Where functions are on the page that is handed over; breakpoints are before them. */
#define FUNCTIONS_OFFSET 2048u

/* Safe points.  A function of the process can be called at a stop by a thread that holds nothing
 * which the call needs, as far as its call stack tells:
 *
 *   loading  takes the allocator's and the dynamic linker's locks.  Any thread that is in neither
 *            makes the calls.  Others that are in one run on meanwhile, so that they leave it; when
 *            there are none, all stay stopped.
 *   hooking  changes code.  No thread may be within the bytes that jumps take, nor in the linker,
 *            whose lock it needs while everything else stays stopped.
 *
 * Where no thread is safe, or one is in the way, the process goes on until that thread's call of
 * the allocator has returned.  Then all threads are looked at again, a few times at most: in the
 * end the reason is told, and `auto` takes breakpoints. */
struct injection {
    struct engine_agent *agent;
    struct tmpalloc_thread *threads;
    size_t thread_count;
    size_t thread_capacity;
    bool alone;    /* calls run in their thread alone */
    bool hooking;  /* else loading: calls may need what any thread holds, so all run then */
    bool still;    /* nothing runs but calls */
    bool moved;    /* the process went on */
    uint64_t safe; /* key of the thread that calls */
    uint64_t page;
    size_t avoided_count;     /* addresses on the page that no jump may cover */
    struct agent_image image; /* of an agent that was there before; else zeros */
    struct error *error;
};

/* The system calls that a sandbox has forbidden may end the process. */

static int engine_agent_inject_check_sandbox(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    bool entered = agent->anchor && engine_agent_is_ready(agent, &image) &&
                   image.sandboxed == AGENT_SANDBOX_ENTERED;
    if (!entered && !process_is_sandboxed(agent->parts.host->local_pid))
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_UNSUPPORTED, "the process is in a seccomp sandbox");
}

/* Where threads are. */

static int collect_thread(void *arg, const struct tmpalloc_thread *thread) {
    struct injection *injection = arg;
    if (MEMORY_RESERVE(injection->threads, &injection->thread_capacity,
                       injection->thread_count + 1))
        return TMPALLOC_E_NOMEM;
    injection->threads[injection->thread_count++] = *thread;
    return TMPALLOC_OK;
}

static int engine_agent_inject_list_threads(struct injection *injection) {
    injection->thread_count = 0;
    int status =
        host_threads(injection->agent->parts.host, collect_thread, injection, injection->error);
    if (status != TMPALLOC_OK)
        return status;
    if (injection->thread_count == 0)
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED, "the process has no threads");
    return TMPALLOC_OK;
}

static int engine_agent_inject_capture(struct injection *injection, uint64_t key,
                                       const struct capture **ret) {
    static const char *const names[] = {"pc", "sp"};
    struct engine_parts *parts = &injection->agent->parts;
    uint64_t values[2];
    int status = host_select_thread(parts->host, key, injection->error);
    if (status == TMPALLOC_OK)
        status = host_read_registers(parts->host, names, 2, values, injection->error);
    return status == TMPALLOC_OK
               ? unwinder_capture(parts->unwinder, values[0], values[1], injection->error, ret)
               : status;
}

/* Whether an address is in the code of an entry point or, in the C library, of its helpers.
 * Functions that the user named and system calls hold nothing that a call needs. */
static bool is_in_allocator(const struct engine_agent *agent, uint64_t pc) {
    uint32_t module = modules_frame(agent->parts.modules, pc, true).module;
    uint64_t internal_bytes = modules_c_library(agent->parts.modules)->internal_bytes;
    for (size_t i = 0; i < agent->entries.count; i++) {
        const struct entry_point *point = &agent->entries.items[i];
        if (point->custom || point->signature.mapping)
            continue;
        bool shared = modules_loaded(agent->parts.modules, 0) != point->module;
        uint64_t before = shared ? internal_bytes : 0;
        if (module == point->module && pc > point->address - before &&
            pc < point->address + point->size_bytes)
            return true;
    }
    return false;
}

static bool is_in_linker(const struct engine_agent *agent, uint64_t pc) {
    struct modules *modules = agent->parts.modules;
    uint32_t module = modules_frame(modules, pc, true).module;
    return module != FRAME_NO_MODULE && modules_is_dynamic_linker(modules, module);
}

static bool is_injection_entry(const struct engine_agent *agent, uint64_t pc) {
    for (size_t i = 0; i < agent->entries.count; i++) {
        if (agent->entries.items[i].address == pc)
            return true;
    }
    return false;
}

/* The outermost frame of the allocator or the dynamic linker; false: there is none.  A call that
 * has yet to execute its first instruction is none. */
static bool find_busy_frame(const struct engine_agent *agent, const struct capture *stack,
                            uint32_t *ret) {
    for (uint32_t i = stack->count; i > 0; i--) {
        uint64_t pc = stack->pcs[i - 1] - (i > 1);
        if (i == 1 && is_injection_entry(agent, pc))
            continue;
        if (is_in_allocator(agent, pc) || is_in_linker(agent, pc)) {
            *ret = i - 1;
            return true;
        }
    }
    return false;
}

static bool is_in_first_bytes(uint64_t function, uint64_t pc) {
    return pc - function - 1 < AGENT_PATCHED_BYTES - 1;
}

/* Where indirect functions lead the agent knows, should nothing else tell. */
static bool is_in_patched_bytes(const struct injection *injection, uint64_t pc) {
    const struct engine_agent *agent = injection->agent;
    for (size_t i = 0; i < agent->within.count; i++) {
        if (is_in_first_bytes(agent->within.items[i].symbol.address, pc))
            return true;
    }
    for (size_t i = 0; i < agent->entries.count; i++) {
        if (is_in_first_bytes(agent->entries.items[i].address, pc))
            return true;
    }
    for (size_t i = 0; i < AGENT_ENTRY_COUNT; i++) {
        if (is_in_first_bytes(injection->image.entry_points[i], pc))
            return true;
    }
    return false;
}

/* Lets the selected thread finish its allocator call. */
static int finish_call(struct injection *injection, const struct capture *stack, uint32_t busy) {
    if (injection->still)
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED, "a thread is in the allocator");
    if (busy + 1 >= stack->count)
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED,
                         "a thread is in the allocator, and its callers are not known");
    if (host_run_to(injection->agent->parts.host, stack->pcs[busy + 1], RUN_MS, injection->error))
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED,
                         "a thread is in the allocator and does not leave it");
    injection->moved = true;
    return engine_agent_inject_list_threads(injection);
}

/* Whether what is called next can't be while a thread is there: hooking changes code that it is
 * about to execute, or waits for what it holds while it is stopped. */
static bool is_in_the_way(const struct injection *injection, const struct capture *stack,
                          uint32_t busy) {
    return injection->hooking && (is_in_patched_bytes(injection, stack->pcs[0]) ||
                                  is_in_linker(injection->agent, stack->pcs[busy] - (busy > 0)));
}

/* One pass: *moved_ret tells that the process ran, and that all was forgotten. */
static int look_at_threads(struct injection *injection, uint64_t *safe_ret, bool *moved_ret) {
    uint32_t busy = 0;
    *safe_ret = 0;
    injection->alone = true;
    for (size_t i = 0; i < injection->thread_count; i++) {
        const struct capture *stack;
        int status = engine_agent_inject_capture(injection, injection->threads[i].key, &stack);
        if (status != TMPALLOC_OK)
            return status;
        bool is_busy = find_busy_frame(injection->agent, stack, &busy);
        if (is_busy)
            injection->alone = injection->hooking;
        else if (*safe_ret == 0)
            *safe_ret = injection->threads[i].key;
        *moved_ret = is_busy && (is_in_the_way(injection, stack, busy) ||
                                 (*safe_ret == 0 && i + 1 == injection->thread_count));
        if (*moved_ret)
            return finish_call(injection, stack, busy);
    }
    return TMPALLOC_OK;
}

/* Selects a thread that can call functions. */
static int select_safe_thread(struct injection *injection) {
    uint64_t safe = 0;
    bool moved = true;
    int status = engine_agent_inject_list_threads(injection);
    for (size_t tries = 0; moved && status == TMPALLOC_OK && tries < 8; tries++)
        status = look_at_threads(injection, &safe, &moved);
    if (status == TMPALLOC_OK && (moved || safe == 0))
        status = error_set(injection->error, TMPALLOC_E_UNSUPPORTED,
                           "its threads leave no moment outside of the allocator");
    injection->safe = safe;
    return status == TMPALLOC_OK
               ? host_select_thread(injection->agent->parts.host, safe, injection->error)
               : status;
}

/* Calls. */

static int engine_agent_inject_call(struct injection *injection, const char *name,
                                    uint64_t function, const uint64_t *arguments, uint32_t count,
                                    uint64_t *ret) {
    struct host_call call = {
        .address = function, .count = count, .alone = injection->alone, .timeout_ms = CALL_MS};
    memcpy(call.arguments, arguments, count * sizeof(arguments[0]));
    int status = host_call_function(injection->agent->parts.host, &call, ret, NULL);
    if (status == TMPALLOC_OK)
        return status;
    error_set(injection->error, status, "%s() in the process failed or took more than %u s", name,
              CALL_MS / 1000);
    host_append_reason(injection->agent->parts.host, injection->error);
    return status == TMPALLOC_E_HOST ? TMPALLOC_E_UNSUPPORTED : status;
}

#define CALL(injection, name, function, ret, ...)                                                  \
    engine_agent_inject_call((injection), (name), (function), (const uint64_t[]){__VA_ARGS__},     \
                             sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (ret))

/* The C library's, where the program may have a function of that name as well.  Before glibc 2.34
 * some are in libraries beside it. */
static bool find_named(struct modules *modules, const char *name, struct module_symbol *ret) {
    uint32_t c_library;
    bool found = (modules_find_c_library(modules, &c_library) &&
                  modules_find_function(modules, c_library, name, true, ret)) ||
                 modules_find_binding(modules, name, FRAME_NO_MODULE, ret);
    return found && modules_follow(modules, FRAME_NO_MODULE, ret);
}

static int call_named(struct injection *injection, const char *name, const uint64_t *arguments,
                      uint32_t count, uint64_t *ret) {
    struct module_symbol symbol;
    if (!find_named(injection->agent->parts.modules, name, &symbol))
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED, "the process has no %s()", name);
    return engine_agent_inject_call(injection, name, symbol.address, arguments, count, ret);
}

#define CALL_NAMED(injection, name, ret, ...)                                                      \
    call_named((injection), (name), (const uint64_t[]){__VA_ARGS__},                               \
               sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (ret))

/* A page for strings: a debugger that is given one may call malloc for it. */
static int map_page(struct injection *injection) {
    uint64_t page;
    int status = CALL_NAMED(injection, "mmap", &page, 0, PAGE_BYTES, KERNEL_LINUX_READ_WRITE,
                            KERNEL_LINUX_PRIVATE_AND_NO_FILE, UINT64_MAX, 0);
    if (status != TMPALLOC_OK)
        return status;
    if (page == KERNEL_LINUX_MAP_FAILED)
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED,
                         "the process has no memory left");
    injection->page = page;
    return TMPALLOC_OK;
}

static void unmap_page(struct injection *injection) {
    uint64_t result;
    injection->error = NULL; /* what went wrong before matters more */
    if (injection->page != 0)
        CALL_NAMED(injection, "munmap", &result, injection->page, PAGE_BYTES);
}

static int write_string(struct injection *injection, const char *string) {
    return host_write_data(injection->agent->parts.host, injection->page, string,
                           strlen(string) + 1, injection->error);
}

static void engine_agent_inject_read_string(struct injection *injection, uint64_t address,
                                            char *text, size_t size) {
    size_t length = 0;
    while (length + 1 < size &&
           host_read_data(injection->agent->parts.host, address + length, &text[length], 1, NULL) ==
               TMPALLOC_OK &&
           text[length])
        length++;
    text[length] = '\0';
}

static int refuse_loading(struct injection *injection) {
    uint64_t message = 0;
    char text[512] = "";
    if (call_named(injection, "dlerror", NULL, 0, &message) == TMPALLOC_OK && message != 0)
        engine_agent_inject_read_string(injection, message, text, sizeof(text));
    return error_set(injection->error, TMPALLOC_E_UNSUPPORTED, "the process can't load it: %s",
                     text[0] ? text : "unknown reason");
}

static int engine_agent_inject_find_symbol(struct injection *injection, uint64_t handle,
                                           const char *name, uint64_t *ret) {
    int status = write_string(injection, name);
    if (status != TMPALLOC_OK)
        return status;
    status = CALL_NAMED(injection, "dlsym", ret, handle, injection->page);
    if (status != TMPALLOC_OK)
        return status;
    if (*ret == 0)
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED, "%s has no %s",
                         AGENT_FILE_SONAME, name);
    return TMPALLOC_OK;
}

static int engine_agent_inject_load(struct injection *injection) {
    struct engine_agent *agent = injection->agent;
    const struct {
        const char *name;
        uint64_t *ret;
    } symbols[] = {{AGENT_IMAGE_SYMBOL, &agent->anchor},
                   {AGENT_UNINSTALL_SYMBOL, &agent->uninstall},
                   {AGENT_TELL_SYMBOL, &agent->tell},
                   {AGENT_HOOK_SYMBOL, &agent->hook},
                   {AGENT_INSTALL_SYMBOL, &agent->install}};
    uint64_t handle = 0;
    int status = write_string(injection, agent->file.path);
    if (status != TMPALLOC_OK)
        return status;
    status = CALL_NAMED(injection, "dlopen", &handle, injection->page,
                        RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (status != TMPALLOC_OK)
        return status;
    if (handle == 0)
        return refuse_loading(injection);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols && status == TMPALLOC_OK; i++)
        status =
            engine_agent_inject_find_symbol(injection, handle, symbols[i].name, symbols[i].ret);
    return status;
}

/* Puts an address on the page, of a breakpoint say, if it may matter. */
static int write_avoided(void *arg, uint64_t address) {
    struct injection *injection = arg;
    uint64_t place = injection->page + injection->avoided_count * sizeof(address);
    if (!is_in_patched_bytes(injection, address) ||
        place + sizeof(address) > injection->page + FUNCTIONS_OFFSET)
        return TMPALLOC_OK;
    injection->avoided_count++;
    return host_write_data(injection->agent->parts.host, place, &address, sizeof(address),
                           injection->error);
}

/* A debugger that can't tell its breakpoints has none that matter. */
static int write_all_avoided(struct injection *injection) {
    int status =
        host_breakpoints(injection->agent->parts.host, write_avoided, injection, injection->error);
    return status == TMPALLOC_E_UNSUPPORTED ? TMPALLOC_OK : status;
}

static int engine_agent_inject_install(struct injection *injection) {
    const struct engine_agent_options *options = &injection->agent->options;
    uint64_t result = 0;
    int status = write_all_avoided(injection);
    if (status == TMPALLOC_OK)
        status = CALL(injection, AGENT_INSTALL_SYMBOL, injection->agent->install, &result,
                      options->max_threshold, options->stack_depth, options->memory_limit_bytes,
                      injection->page, injection->avoided_count,
                      !host_tells_breakpoints(injection->agent->parts.host));
    if (status != TMPALLOC_OK || (int32_t)result == TMPALLOC_OK)
        return status;
    injection->agent->uninstall = 0;
    if ((int32_t)result == TMPALLOC_E_NOMEM)
        return error_set(injection->error, TMPALLOC_E_UNSUPPORTED, "the agent got no memory");
    return error_set(injection->error, TMPALLOC_E_UNSUPPORTED,
                     "the allocator's functions can't be hooked");
}

/* A thread that is about to execute a function's first bytes isn't let go on, as one in the
 * allocator is: the function may be main(). */
static int avoid_threads(struct injection *injection) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < injection->thread_count && status == TMPALLOC_OK; i++) {
        const struct capture *stack;
        status = engine_agent_inject_capture(injection, injection->threads[i].key, &stack);
        if (status == TMPALLOC_OK)
            status = write_avoided(injection, stack->pcs[0]);
    }
    return status == TMPALLOC_OK
               ? host_select_thread(injection->agent->parts.host, injection->safe, injection->error)
               : status;
}

/* Functions that the user named. */
static int engine_agent_inject_hook(struct injection *injection) {
    struct engine_agent *agent = injection->agent;
    struct agent_function functions[AGENT_FUNCTIONS];
    uint32_t count;
    uint64_t result, place = injection->page + FUNCTIONS_OFFSET;
    int status = engine_agent_list_functions(agent, functions, &count, injection->error);
    if (status == TMPALLOC_OK)
        status = engine_agent_write_object_allocator(agent, injection->error);
    if (status == TMPALLOC_OK)
        status = avoid_threads(injection);
    if (status != TMPALLOC_OK || !engine_agent_options_name_functions(&agent->options))
        return status;
    status = host_write_data(agent->parts.host, place, functions, count * sizeof(functions[0]),
                             injection->error);
    if (status == TMPALLOC_OK)
        status =
            CALL(injection, AGENT_HOOK_SYMBOL, agent->hook, &result, place, count, injection->page,
                 injection->avoided_count, !host_tells_breakpoints(agent->parts.host));
    if (status != TMPALLOC_OK || (int32_t)result == TMPALLOC_OK)
        return status;
    status = engine_agent_check_functions(agent, injection->error);
    return status == TMPALLOC_OK
               ? error_set(injection->error, TMPALLOC_E_UNSUPPORTED, "the agent got no memory")
               : status;
}

/* Makes what calls need. */
static int engine_agent_inject_begin(struct injection *injection) {
    struct engine_agent *agent = injection->agent;
    struct agent_image image;
    if (agent->anchor && engine_agent_is_ready(agent, &image))
        injection->image = image;
    int status = select_safe_thread(injection);
    return status == TMPALLOC_OK ? map_page(injection) : status;
}

static void engine_agent_inject_end(struct injection *injection) {
    unmap_page(injection);
    if (injection->moved)
        host_message(injection->agent->parts.host,
                     "tmpalloc: the program went on until its allocator call returned");
    host_select_thread(injection->agent->parts.host, 0, NULL);
    memory_release(injection->threads);
}

static int install_and_hook(struct injection *injection) {
    int status = engine_agent_inject_install(injection);
    return status == TMPALLOC_OK ? engine_agent_inject_hook(injection) : status;
}

int engine_agent_install(struct engine_agent *agent, struct error *error) {
    struct injection injection = {.agent = agent, .error = error};
    int status = engine_agent_inject_check_sandbox(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_find_entries(agent, true, error);
    if (status != TMPALLOC_OK)
        return status;
    if (agent->missing[0])
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "%s", agent->missing);
    status = engine_agent_inject_begin(&injection);
    if (status == TMPALLOC_OK)
        status = engine_agent_inject_load(&injection);
    injection.hooking = true; /* the other threads may be anywhere now */
    if (status == TMPALLOC_OK)
        status = select_safe_thread(&injection);
    if (status == TMPALLOC_OK)
        status = install_and_hook(&injection);
    engine_agent_inject_end(&injection);
    return status;
}

int engine_agent_install_again(struct engine_agent *agent, struct error *error) {
    struct injection injection = {.agent = agent, .error = error, .hooking = true, .still = true};
    int status = engine_agent_inject_check_sandbox(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_inject_begin(&injection);
    if (status == TMPALLOC_OK)
        status = install_and_hook(&injection);
    engine_agent_inject_end(&injection);
    return status;
}

/* A thread that goes on while others are stopped may be within bytes that are put back. */
static int engine_agent_inject_check_stopped(struct injection *injection) {
    static const char *const names[] = {"pc"};
    struct host *host = injection->agent->parts.host;
    uint64_t pc;
    int status = engine_agent_inject_list_threads(injection);
    for (size_t i = 0; i < injection->thread_count && status == TMPALLOC_OK; i++) {
        status = host_select_thread(host, injection->threads[i].key, injection->error);
        if (status == TMPALLOC_OK)
            status = host_read_registers(host, names, 1, &pc, injection->error);
    }
    host_select_thread(host, 0, NULL);
    memory_release(injection->threads);
    return status;
}

static int call_uninstall(struct engine_agent *agent, struct error *error) {
    const struct host_call call = {
        .address = agent->uninstall, .alone = true, .timeout_ms = CALL_MS};
    struct injection injection = {.agent = agent, .error = error};
    uint64_t result;
    int status = engine_agent_inject_check_sandbox(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_inject_check_stopped(&injection);
    return status == TMPALLOC_OK ? host_call_function(agent->parts.host, &call, &result, error)
                                 : status;
}

void engine_agent_uninstall(struct engine_agent *agent) {
    struct error error = {.text = ""};
    if (agent->uninstall == 0)
        return;
    if (call_uninstall(agent, &error) != TMPALLOC_OK)
        host_message(agent->parts.host, "tmpalloc: the agent's hooks stay and count nothing: %s",
                     error.text);
    agent->uninstall = 0;
}
