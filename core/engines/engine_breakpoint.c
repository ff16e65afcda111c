#include "engines/engine_breakpoint.h"

#include "engines/engine_hits.h"
#include "engines/engine_state.h"
#include "engines/engine_threads.h"
#include "support/memory.h"

/* More debug registers than any processor has. */
#define PROBE_LIMIT 16

/* Debug registers are told from their breakpoints' refusal; any address of code will do. */
static size_t count_registers(struct host *host) {
    uint64_t pc;
    const char *name = "pc";
    if (host_read_registers(host, &name, 1, &pc, NULL) != TMPALLOC_OK)
        return 0;
    struct breakpoints probes;
    breakpoints_init(&probes, host, TMPALLOC_HARDWARE);
    while (probes.count < PROBE_LIMIT &&
           breakpoints_require(&probes, pc + probes.count, BREAKPOINT_ENTRY, NULL, NULL) ==
               TMPALLOC_OK)
        continue;
    size_t count = probes.count;
    breakpoints_deinit(&probes);
    return count;
}

/* One register serves the returns. */
static int find_entry_limit(struct host *host, size_t *ret, struct error *error) {
    size_t registers = count_registers(host);
    if (registers < 2)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "this debugger and target can set %s hardware breakpoint%s, two are "
                         "needed: use --engine breakpoint",
                         registers ? "one" : "no", registers ? "" : "s");
    if (host_debug_registers(host) == DEBUG_REGISTERS_ARE_IGNORED)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "this machine accepts hardware breakpoints, and none ever fires (as on "
                         "some virtual machines): use --engine breakpoint");
    *ret = registers - 1;
    return TMPALLOC_OK;
}

int engine_breakpoint_create(const struct engine_parts *parts,
                             const struct engine_breakpoint_options *options, struct error *error,
                             struct engine_breakpoint **ret) {
    size_t limit = SIZE_MAX;
    int status = options->kind == TMPALLOC_HARDWARE ? find_entry_limit(parts->host, &limit, error)
                                                    : TMPALLOC_OK;
    if (status != TMPALLOC_OK)
        return status;
    struct engine_breakpoint *engine = memory_allocate_zeroed(1, sizeof(*engine));
    if (!engine)
        return error_no_memory(error);
    engine->parts = *parts;
    engine->options = *options;
    engine->entry_limit = limit;
    breakpoints_init(&engine->breakpoints, parts->host, options->kind);
    call_threads_init(&engine->threads);
    map_init(&engine->internal_calls);
    freeing_init(&engine->freeing, parts->unwinder, parts->python);
    engine->objects = (struct engine_objects){
        .host = parts->host, .modules = parts->modules, .python = options->objects};
    *ret = engine;
    return TMPALLOC_OK;
}

/* Whether the process can be written to. */
static bool is_here(struct engine_breakpoint *engine) {
    struct tmpalloc_process process;
    return host_process(engine->parts.host, &process, NULL) == TMPALLOC_OK && process.pid != 0 &&
           process.pid == engine->pid && process.stopped;
}

void engine_breakpoint_destroy(struct engine_breakpoint *engine) {
    if (!engine)
        return;
    if (is_here(engine))
        engine_objects_restore(&engine->objects);
    breakpoints_deinit(&engine->breakpoints);
    call_threads_deinit(&engine->threads);
    entry_points_deinit(&engine->entries);
    map_deinit(&engine->internal_calls);
    freeing_deinit(&engine->freeing);
    memory_release(engine);
}

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

static int set_entries(struct engine_breakpoint *engine, struct error *error) {
    size_t wanted = engine->entries.count;
    if (wanted > engine->entry_limit)
        wanted = engine->entry_limit;
    for (engine->active_entries = 0; engine->active_entries < wanted; engine->active_entries++) {
        uint64_t address = engine->entries.items[engine->active_entries].address;
        int status =
            breakpoints_require(&engine->breakpoints, address, BREAKPOINT_ENTRY, NULL, error);
        if (status != TMPALLOC_OK)
            return status;
    }
    if (engine->options.within && engine->threads_within == 0)
        return breakpoints_enable_role(&engine->breakpoints, BREAKPOINT_ENTRY, false, error);
    return TMPALLOC_OK;
}

static bool holds(const struct user_functions *functions, uint64_t address) {
    for (size_t i = 0; i < functions->count; i++) {
        if (functions->items[i].symbol.address == address)
            return true;
    }
    return false;
}

static int set_within(struct engine_breakpoint *engine, struct error *error) {
    const char *name = engine->options.within;
    if (!name)
        return TMPALLOC_OK;
    struct user_functions found;
    if (!modules_find_user_functions(engine->parts.modules, name, &found))
        return error_set(error, TMPALLOC_E_STATE, "no function %s in the loaded files", name);
    struct user_functions old = engine->within;
    engine->within = found;
    for (size_t i = 0; i < old.count; i++) {
        if (!holds(&found, old.items[i].symbol.address))
            breakpoints_release(&engine->breakpoints, old.items[i].symbol.address,
                                BREAKPOINT_WITHIN);
    }
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < found.count && status == TMPALLOC_OK; i++)
        status = breakpoints_require(&engine->breakpoints, found.items[i].symbol.address,
                                     BREAKPOINT_WITHIN, NULL, error);
    return status;
}

static bool is_loaded(const struct engine_breakpoint *engine, uint64_t address) {
    return modules_frame(engine->parts.modules, address, false).module != FRAME_NO_MODULE;
}

/* Whether nothing is lost without the breakpoint until the next call from there. */
static bool is_idle_return(const struct engine_breakpoint *engine,
                           const struct breakpoint *breakpoint) {
    const uint32_t returns = BREAKPOINT_RETURN | BREAKPOINT_WITHIN_RETURN;
    return (breakpoint->roles & ~returns) == 0 && breakpoint != engine->pending_return &&
           !call_threads_return_to(&engine->threads, breakpoint->address);
}

void engine_breakpoint_unloading(struct engine_breakpoint *engine) {
    for (size_t i = 0; i < engine->breakpoints.count; i++) {
        struct breakpoint *breakpoint = engine->breakpoints.items[i];
        if (is_idle_return(engine, breakpoint))
            breakpoints_enable(&engine->breakpoints, breakpoint, false, NULL);
    }
}

/* Another file may be loaded where callers were, and debuggers know their breakpoints by file.
 * Callers outside of files (generated code) are none the worse. */
static void release_unloaded_returns(struct engine_breakpoint *engine) {
    uint64_t generation = modules_generation(engine->parts.modules);
    if (generation == engine->returns_generation)
        return;
    engine->returns_generation = generation;
    for (size_t i = engine->breakpoints.count; i-- > 0;) {
        const struct breakpoint *breakpoint = engine->breakpoints.items[i];
        if (!is_loaded(engine, breakpoint->address) && is_idle_return(engine, breakpoint))
            breakpoints_release(&engine->breakpoints, breakpoint->address, breakpoint->roles);
    }
}

int engine_breakpoint_refresh(struct engine_breakpoint *engine,
                              const struct tmpalloc_process *process, struct error *error) {
    engine->pid = process->pid;
    engine->architecture = architecture_find(process->architecture);
    if (!engine->architecture)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "architecture '%s' is not supported: %s is",
                         process->architecture, architecture_names());
    struct entry_points found = {0};
    int resolved =
        entry_points_resolve(engine->parts.modules, &engine->options.entries, &found, error);
    if (resolved != TMPALLOC_OK && resolved != TMPALLOC_E_STATE)
        return resolved;
    struct entry_points old = engine->entries;
    size_t old_active = engine->active_entries;
    engine->entries = found;
    int status = set_entries(engine, error);
    release_old_entries(engine, &old, old_active);
    release_unloaded_returns(engine);
    entry_points_deinit(&old);
    if (status == TMPALLOC_OK)
        status = set_within(engine, error);
    if (status == TMPALLOC_OK && resolved == TMPALLOC_OK)
        status = engine_objects_follow(&engine->objects, &engine->breakpoints, error);
    if (status == TMPALLOC_E_UNSUPPORTED)
        return TMPALLOC_E_STATE;
    return status == TMPALLOC_OK ? resolved : status;
}

const struct entry_points *engine_breakpoint_entry_points(const struct engine_breakpoint *engine) {
    return &engine->entries;
}

size_t engine_breakpoint_active(const struct engine_breakpoint *engine) {
    return engine->active_entries;
}

bool engine_breakpoint_has_objects(const struct engine_breakpoint *engine) {
    return engine->objects.found;
}

void engine_breakpoint_left_out(const struct engine_breakpoint *engine, struct text *text) {
    for (size_t i = engine->active_entries; i < engine->entries.count; i++) {
        text_append(text, i > engine->active_entries ? ", " : "");
        text_append(text, engine->entries.items[i].name);
    }
}

void engine_breakpoint_remove_exited(struct engine_breakpoint *engine) {
    engine_threads_remove_exited(engine);
}

void engine_breakpoint_flushed(struct engine_breakpoint *engine) {
    call_threads_forget_old_blocks(&engine->threads);
}

int engine_breakpoint_hit(struct engine_breakpoint *engine, uint64_t id, struct error *error) {
    const struct breakpoint *breakpoint = breakpoints_by_id(&engine->breakpoints, id);
    if (!breakpoint)
        return TMPALLOC_OK;
    int status = engine_hits_handle(engine, breakpoint, error);
    if (status < 0)
        tracker_totals(engine->parts.tracker)->dropped++;
    return status;
}
