#include "engines/engine_breakpoint.h"

#include "engines/engine_entries.h"
#include "engines/engine_forks.h"
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
    pending_calls_init(&engine->pending_calls);
    map_init(&engine->internal_calls);
    free_sites_init(&engine->free_sites, parts->unwinder, parts->python);
    engine->object_allocator = (struct object_allocator_stubs){
        .host = parts->host, .modules = parts->modules, .python = options->object_allocator};
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
        object_allocator_stubs_restore(&engine->object_allocator);
    breakpoints_deinit(&engine->breakpoints);
    pending_calls_deinit(&engine->pending_calls);
    entry_points_deinit(&engine->entries);
    map_deinit(&engine->internal_calls);
    free_sites_deinit(&engine->free_sites);
    memory_release(engine);
}

static bool is_loaded(const struct engine_breakpoint *engine, uint64_t address) {
    return modules_frame(engine->parts.modules, address, false).module != FRAME_NO_MODULE;
}

/* Whether nothing is lost without the breakpoint until the next call from there. */
static bool is_idle_return(const struct engine_breakpoint *engine,
                           const struct breakpoint *breakpoint) {
    const uint32_t returns = BREAKPOINT_RETURN | BREAKPOINT_WITHIN_RETURN | BREAKPOINT_FORK_RETURN;
    return (breakpoint->roles & ~returns) == 0 && breakpoint != engine->pending_return &&
           !pending_calls_return_to(&engine->pending_calls, breakpoint->address);
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
    engine->processor = processor_find(process->architecture);
    if (!engine->processor)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "architecture '%s' is not supported: %s are", process->architecture,
                         processor_names());
    struct entry_points found = {0};
    int resolved =
        entry_points_resolve(engine->parts.modules, &engine->options.entries, &found, error);
    if (resolved != TMPALLOC_OK && resolved != TMPALLOC_E_STATE)
        return resolved;
    int status = engine_entries_set(engine, &found, error);
    release_unloaded_returns(engine);
    if (status == TMPALLOC_OK)
        status = engine_entries_set_within(engine, error);
    if (status == TMPALLOC_OK)
        status = engine_forks_set(engine, error);
    engine_entries_release_resolvers(engine);
    if (status == TMPALLOC_OK && resolved == TMPALLOC_OK)
        status =
            object_allocator_stubs_follow(&engine->object_allocator, &engine->breakpoints, error);
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
    return engine->object_allocator.found;
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
    pending_calls_forget_old_blocks(&engine->pending_calls);
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
