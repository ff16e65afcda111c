#include "engines/engine_forks.h"

#include <linux/sched.h>

/* fork() goes through _Fork() where there is one; a clone() with shared memory is a thread, or part
 * of one of the others. */
static const struct making_function {
    const char *name;
    const char *instead; /* of this one, where both are there; NULL: of none */
    bool spawns;         /* the result is an error's number, or 0 */
    uint8_t flags;       /* number of this argument; 0: there are none */
} making_functions[] = {
    {"_Fork", NULL, false, 0},      {"fork", "_Fork", false, 0},     {"vfork", NULL, false, 0},
    {"posix_spawn", NULL, true, 0}, {"posix_spawnp", NULL, true, 0}, {"clone", NULL, false, 3},
};

#define MAKING_FUNCTIONS (sizeof making_functions / sizeof *making_functions)

static bool find_making(struct modules *modules, const char *name, struct module_symbol *ret) {
    uint32_t module = FRAME_NO_MODULE;
    bool dynamic = modules_find_c_library(modules, &module);
    if (!dynamic && modules_loaded_count(modules) > 0)
        module = modules_loaded(modules, 0);
    return module != FRAME_NO_MODULE &&
           modules_find_function(modules, module, name, dynamic, ret) && !ret->indirect;
}

static int set_making(struct engine_breakpoint *engine, size_t i, struct error *error) {
    const struct making_function *function = &making_functions[i];
    struct modules *modules = engine->parts.modules;
    struct module_symbol symbol;
    if (function->instead && find_making(modules, function->instead, &symbol))
        return TMPALLOC_OK;
    if (!find_making(modules, function->name, &symbol))
        return TMPALLOC_OK;
    engine->making[i] = symbol.address;
    return breakpoints_require(&engine->breakpoints, symbol.address, BREAKPOINT_FORK, NULL, error);
}

_Static_assert(MAKING_FUNCTIONS == ENGINE_MAKING_FUNCTIONS, "the engine has a place for each");

int engine_forks_set(struct engine_breakpoint *engine, struct error *error) {
    int status = TMPALLOC_OK;
    if (engine->making_known || engine->options.kind == TMPALLOC_HARDWARE ||
        engine->active_entries == 0)
        return TMPALLOC_OK;
    engine->making_known = true;
    for (size_t i = 0; i < MAKING_FUNCTIONS && status == TMPALLOC_OK; i++)
        status = set_making(engine, i, error);
    return status;
}

static const struct making_function *making_at(const struct engine_breakpoint *engine,
                                               uint64_t address) {
    for (size_t i = 0; i < MAKING_FUNCTIONS; i++) {
        if (engine->making[i] == address)
            return &making_functions[i];
    }
    return NULL;
}

/* Whether it makes none by itself, if any at all. */
static int shares_memory(struct engine_hit *hit, const struct making_function *function,
                         bool *ret) {
    const struct processor *processor = hit->engine->processor;
    uint64_t flags = 0;
    int status = function->flags ? host_read_registers(hit->engine->parts.host,
                                                       &processor->arguments[function->flags - 1],
                                                       1, &flags, hit->error)
                                 : TMPALLOC_OK;
    *ret = flags & CLONE_VM;
    return status;
}

int engine_forks_enter(struct engine_hit *hit, uint64_t return_address) {
    const struct making_function *function = making_at(hit->engine, hit->breakpoint->address);
    struct activation *forking = &hit->thread->forking;
    bool beneath = forking->active && hit->stack_pointer < forking->stack_pointer;
    bool shares;
    if (!function || beneath)
        return TMPALLOC_OK;
    int status = shares_memory(hit, function, &shares);
    if (status != TMPALLOC_OK || shares)
        return status;
    *forking = (struct activation){true, hit->stack_pointer, return_address};
    hit->thread->spawning = function->spawns;
    return breakpoints_require(&hit->engine->breakpoints, return_address, BREAKPOINT_FORK_RETURN,
                               NULL, hit->error);
}

void engine_forks_leave(struct engine_hit *hit) {
    int32_t result = (int32_t)hit->result;
    hit->thread->forking.active = false;
    if (hit->thread->spawning ? result == 0 : result > 0)
        tracker_totals(hit->engine->parts.tracker)->children++;
}
