#include "engines/engine_entries.h"

static bool is_active_entry(const struct engine_breakpoint *engine, uint64_t address) {
    for (size_t i = 0; i < engine->active_entries; i++) {
        if (engine->entries.items[i].address == address)
            return true;
    }
    return false;
}

static void release_old_entries(struct engine_breakpoint *engine, const struct entry_points *old,
                                size_t old_active) {
    for (size_t i = 0; i < old_active; i++) {
        if (!is_active_entry(engine, old->items[i].address))
            breakpoints_release(&engine->breakpoints, old->items[i].address, BREAKPOINT_ENTRY);
    }
}

static int set_entry(struct engine_breakpoint *engine, const struct entry_point *entry,
                     struct error *error) {
    return breakpoints_require(&engine->breakpoints, entry->address,
                               entry->indirect ? BREAKPOINT_RESOLVER : BREAKPOINT_ENTRY, NULL,
                               error);
}

/* Until the --within function is called. */
static int rest_entries(struct engine_breakpoint *engine, struct error *error) {
    return engine->options.within && engine->threads_within == 0
               ? breakpoints_enable_role(&engine->breakpoints, BREAKPOINT_ENTRY, false, error)
               : TMPALLOC_OK;
}

static int set_all(struct engine_breakpoint *engine, struct error *error) {
    size_t wanted = engine->entries.count;
    if (wanted > engine->entry_limit)
        wanted = engine->entry_limit;
    for (engine->active_entries = 0; engine->active_entries < wanted; engine->active_entries++) {
        int status = set_entry(engine, &engine->entries.items[engine->active_entries], error);
        if (status != TMPALLOC_OK)
            return status;
    }
    return rest_entries(engine, error);
}

int engine_entries_set(struct engine_breakpoint *engine, const struct entry_points *entries,
                       struct error *error) {
    struct entry_points old = engine->entries;
    size_t old_active = engine->active_entries;
    engine->entries = *entries;
    int status = set_all(engine, error);
    release_old_entries(engine, &old, old_active);
    entry_points_deinit(&old);
    return status;
}

static bool engine_entries_holds(const struct user_functions *functions, uint64_t address) {
    for (size_t i = 0; i < functions->count; i++) {
        if (functions->items[i].symbol.address == address)
            return true;
    }
    return false;
}

static int set_within_function(struct engine_breakpoint *engine, struct module_symbol *function,
                               struct error *error) {
    bool found = modules_follow(engine->parts.modules, FRAME_NO_MODULE, function);
    return breakpoints_require(&engine->breakpoints, function->address,
                               found ? BREAKPOINT_WITHIN : BREAKPOINT_RESOLVER, NULL, error);
}

int engine_entries_set_within(struct engine_breakpoint *engine, struct error *error) {
    const char *name = engine->options.within;
    if (!name)
        return TMPALLOC_OK;
    struct user_functions old = engine->within;
    struct user_functions found;
    if (!modules_find_user_functions(engine->parts.modules, name, &found))
        return error_set(error, TMPALLOC_E_STATE, "no function %s in the loaded files", name);
    int status = TMPALLOC_OK;
    engine->within = found;
    for (size_t i = 0; i < found.count && status == TMPALLOC_OK; i++)
        status = set_within_function(engine, &engine->within.items[i].symbol, error);
    for (size_t i = 0; i < old.count; i++) {
        if (!engine_entries_holds(&engine->within, old.items[i].symbol.address))
            breakpoints_release(&engine->breakpoints, old.items[i].symbol.address,
                                BREAKPOINT_WITHIN);
    }
    return status;
}

static bool is_awaited(const struct engine_breakpoint *engine, uint64_t resolver) {
    for (size_t i = 0; i < engine->active_entries; i++) {
        if (engine->entries.items[i].indirect && engine->entries.items[i].address == resolver)
            return true;
    }
    for (size_t i = 0; i < engine->within.count; i++) {
        const struct module_symbol *function = &engine->within.items[i].symbol;
        if (function->indirect && function->address == resolver)
            return true;
    }
    return false;
}

void engine_entries_release_resolvers(struct engine_breakpoint *engine) {
    for (size_t i = engine->breakpoints.count; i-- > 0;) {
        const struct breakpoint *breakpoint = engine->breakpoints.items[i];
        if (breakpoint->roles & BREAKPOINT_RESOLVER && !is_awaited(engine, breakpoint->address))
            breakpoints_release(&engine->breakpoints, breakpoint->address, BREAKPOINT_RESOLVER);
    }
}

/* Whoever follows it needs its debug register. */
static void rest_resolver(struct engine_breakpoint *engine, uint64_t resolver) {
    struct breakpoint *breakpoint = breakpoints_by_address(&engine->breakpoints, resolver);
    if (breakpoint && breakpoint->roles == BREAKPOINT_RESOLVER && !is_awaited(engine, resolver))
        breakpoints_enable(&engine->breakpoints, breakpoint, false, NULL);
}

int engine_entries_follow(struct engine_breakpoint *engine, uint64_t resolver, uint64_t target,
                          struct error *error) {
    struct modules *modules = engine->parts.modules;
    int status = TMPALLOC_OK;
    modules_learn_target(modules, resolver, target);
    for (size_t i = 0; i < engine->active_entries && status == TMPALLOC_OK; i++) {
        struct entry_point *entry = &engine->entries.items[i];
        if (entry->address != resolver || !entry_point_follow(modules, &engine->entries, entry))
            continue;
        rest_resolver(engine, resolver);
        status = set_entry(engine, entry, error);
    }
    for (size_t i = 0; i < engine->within.count && status == TMPALLOC_OK; i++) {
        if (engine->within.items[i].symbol.address == resolver)
            status = set_within_function(engine, &engine->within.items[i].symbol, error);
    }
    return status == TMPALLOC_OK ? rest_entries(engine, error) : status;
}
