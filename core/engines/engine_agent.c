#include "engines/engine_agent.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engines/engine_agent_functions.h"
#include "engines/engine_agent_inject.h"
#include "engines/engine_agent_state.h"
#include "names/core_file.h"
#include "support/memory.h"

/* What has been counted keeps its names. */
static int note_stacks(void *arg, struct error *error) {
    struct engine_agent *agent = arg;
    struct agent_image_source source = engine_agent_source(&agent->parts);
    struct agent_image_facts facts;
    struct snapshot snapshot;
    source.notes_past = true;
    if (agent->anchor == 0)
        return TMPALLOC_OK;
    int status = agent_image_read(&source, agent->anchor, tracker_stacks(agent->parts.tracker),
                                  &facts, &snapshot, error);
    if (status == TMPALLOC_OK)
        snapshot_deinit(&snapshot);
    return status == TMPALLOC_E_STATE ? TMPALLOC_OK : status;
}

int engine_agent_create(const struct engine_parts *parts,
                        const struct engine_agent_options *options, struct error *error,
                        struct engine_agent **ret) {
    struct engine_agent *agent = memory_allocate_zeroed(1, sizeof(*agent));
    if (!agent)
        return error_no_memory(error);
    int status = agent_file_open(&agent->file, error);
    if (status != TMPALLOC_OK) {
        memory_release(agent);
        return status;
    }
    agent->parts = *parts;
    agent->options = *options;
    breakpoints_init(&agent->breakpoints, parts->host, TMPALLOC_SOFTWARE);
    modules_set_replacing(parts->modules, note_stacks, agent);
    *ret = agent;
    return TMPALLOC_OK;
}

void engine_agent_destroy(struct engine_agent *agent) {
    if (!agent)
        return;
    modules_set_replacing(agent->parts.modules, NULL, NULL);
    breakpoints_deinit(&agent->breakpoints);
    entry_points_deinit(&agent->entries);
    agent_file_close(&agent->file);
    memory_release(agent);
}

void engine_agent_expect(struct engine_agent *agent) {
    agent->awaited = engine_agent_options_name_functions(&agent->options);
}

/* Where the agent is. */

static int find_anchor(struct engine_agent *agent, struct error *error) {
    struct modules *modules = agent->parts.modules;
    uint32_t module = FRAME_NO_MODULE, libc;
    if (modules_find_soname(modules, AGENT_FILE_SONAME, &module)) {
        if (modules_find_object(modules, module, AGENT_IMAGE_SYMBOL, &agent->anchor))
            return TMPALLOC_OK;
        return error_set(error, TMPALLOC_E_UNSUPPORTED, AGENT_FILE_SONAME " is damaged");
    }
    if (!modules_find_c_library(modules, &libc))
        return error_set(error, TMPALLOC_E_STATE, "no allocator is loaded yet");
    return error_set(error, TMPALLOC_E_UNSUPPORTED, "the program did not load the agent");
}

static int engine_agent_check_anchor(struct engine_agent *agent, struct error *error) {
    struct agent_image_anchor anchor;
    int status = host_read_data(agent->parts.host, agent->anchor, &anchor, sizeof(anchor), error);
    if (status != TMPALLOC_OK)
        return status;
    if (memcmp(anchor.magic, AGENT_IMAGE_MAGIC, sizeof(anchor.magic)) ||
        anchor.version != AGENT_IMAGE_VERSION)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the agent in the process is of another version than %s",
                         AGENT_FILE_SONAME);
    return TMPALLOC_OK;
}

/* Where the process is left, and what is counted. */

static int break_where_it_leaves(struct engine_agent *agent, struct error *error) {
    const char *const *functions = modules_c_library(agent->parts.modules)->exits;
    for (size_t i = 0; functions[i]; i++) {
        struct module_symbol symbol;
        if (!modules_find_binding(agent->parts.modules, functions[i], FRAME_NO_MODULE, &symbol) ||
            !modules_follow(agent->parts.modules, FRAME_NO_MODULE, &symbol))
            continue;
        enum breakpoint_role role = i == 0 ? BREAKPOINT_EXIT : BREAKPOINT_ENTRY;
        int status = engine_agent_break(agent, symbol.address, role, error);
        if (status != TMPALLOC_OK)
            return status;
    }
    return TMPALLOC_OK;
}

/* Runtimes that end the process by a system call of their own: Go's, whose assembler functions have
 * another name since 1.17.  All symbols of the executable are looked through for them, once. */
static void find_raw_exits(struct engine_agent *agent) {
    static const char *const functions[AGENT_RAW_EXITS] = {"runtime.exit", "runtime.exit.abi0"};
    struct modules *modules = agent->parts.modules;
    if (agent->sought_raw_exits || modules_loaded_count(modules) == 0)
        return;
    agent->sought_raw_exits = true;
    for (size_t i = 0; i < AGENT_RAW_EXITS; i++) {
        struct module_symbol symbol;
        if (modules_find_function(modules, modules_loaded(modules, 0), functions[i], false,
                                  &symbol))
            agent->raw_exits[agent->raw_exit_count++] = symbol.address;
    }
}

static int break_at_raw_exits(struct engine_agent *agent, struct error *error) {
    int status = TMPALLOC_OK;
    find_raw_exits(agent);
    for (size_t i = 0; i < agent->raw_exit_count && status == TMPALLOC_OK; i++)
        status = engine_agent_break(agent, agent->raw_exits[i], BREAKPOINT_EXIT, error);
    return status;
}

static int engine_agent_set_breakpoints(struct engine_agent *agent, struct error *error) {
    int status = break_where_it_leaves(agent, error);
    if (status == TMPALLOC_OK)
        status = break_at_raw_exits(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_break_where_it_tells(agent, error);
    return status == TMPALLOC_OK ? engine_agent_write_breakpoints(agent, error) : status;
}

int engine_agent_refresh(struct engine_agent *agent, struct error *error) {
    int status = find_anchor(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_check_anchor(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_find_entries(agent, agent->options.mappings, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_await_functions(agent, error);
    return status == TMPALLOC_OK ? engine_agent_set_breakpoints(agent, error) : status;
}

enum engine_agent_hit engine_agent_hit(const struct engine_agent *agent, uint64_t id) {
    const struct breakpoint *breakpoint = breakpoints_by_id(&agent->breakpoints, id);
    if (!breakpoint)
        return ENGINE_AGENT_HIT_STAYS;
    if (breakpoint->roles & (BREAKPOINT_CATCH | BREAKPOINT_TELL))
        return ENGINE_AGENT_HIT_TELLS;
    return breakpoint->roles & BREAKPOINT_EXIT ? ENGINE_AGENT_HIT_EXITS : ENGINE_AGENT_HIT_EXECS;
}

const struct entry_points *engine_agent_entry_points(const struct engine_agent *agent) {
    return &agent->entries;
}

/* Control. */

static int write_generation(struct engine_agent *agent, struct agent_image *image, bool tracks,
                            struct error *error) {
    uint64_t tracking = AGENT_TRACKS;
    image->generation = (tracks ? image->generation | tracking : image->generation & ~tracking) + 2;
    return ENGINE_AGENT_WRITE(agent, image, generation, error);
}

static int write_reset(struct engine_agent *agent, struct agent_image *image, struct error *error) {
    image->dropped = 0;
    image->children = 0;
    image->generation += 2;
    image->reset_generation = image->generation;
    int status = ENGINE_AGENT_WRITE(agent, image, dropped, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, children, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, reset_generation, error);
    return status == TMPALLOC_OK ? ENGINE_AGENT_WRITE(agent, image, generation, error) : status;
}

static int write_selection(struct engine_agent *agent, struct agent_image *image,
                           struct error *error) {
    struct tmpalloc_thread thread = {0};
    int status = agent->options.only_this_thread
                     ? host_current_thread(agent->parts.host, &thread, error)
                     : TMPALLOC_OK;
    image->only_tid = thread.tid;
    image->mappings = agent->options.mappings;
    image->python = agent->parts.python != NULL;
    image->within = agent->options.within != NULL;
    image->asks = true;
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, within, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, asks, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, only_tid, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, image, python, error);
    return status == TMPALLOC_OK ? ENGINE_AGENT_WRITE(agent, image, mappings, error) : status;
}

static int check_limits(const struct engine_agent *agent, const struct agent_image *image,
                        struct error *error) {
    if (image->max_threshold != agent->options.max_threshold)
        return error_set(error, TMPALLOC_E_STATE,
                         "the agent in this process records up to threshold %" PRIu32
                         ": start with --max-threshold %" PRIu32,
                         image->max_threshold, image->max_threshold);
    if (image->stack_depth != agent->options.stack_depth)
        return error_set(error, TMPALLOC_E_STATE,
                         "the agent in this process keeps %" PRIu32
                         " frames of a stack: start with --stack-depth %" PRIu32,
                         image->stack_depth, image->stack_depth);
    return TMPALLOC_OK;
}

/* What a debugger wanted to catch that has let the process go; nothing of it is counted on. */
static int forget_catches(struct engine_agent *agent, struct agent_image *image,
                          struct error *error) {
    image->catching = 0;
    return ENGINE_AGENT_WRITE(agent, image, catching, error);
}

static int engine_agent_start_tracking(struct engine_agent *agent,
                                       enum engine_agent_beginning beginning, struct error *error) {
    struct agent_image image;
    int status = engine_agent_image(agent, &image, error);
    if (status == TMPALLOC_OK)
        status = check_limits(agent, &image, error);
    if (status == TMPALLOC_OK)
        status = write_selection(agent, &image, error);
    if (status == TMPALLOC_OK && beginning == ENGINE_AGENT_ANEW)
        status = forget_catches(agent, &image, error);
    if (status == TMPALLOC_OK && beginning != ENGINE_AGENT_CONTINUES)
        status = write_reset(agent, &image, error);
    return status == TMPALLOC_OK ? write_generation(agent, &image, true, error) : status;
}

/* Finds what changes functions, and undoes that, where it was done. */
static bool find_controls(struct engine_agent *agent) {
    struct agent_image image;
    if (engine_agent_image(agent, &image, NULL) != TMPALLOC_OK)
        return false;
    uint8_t hooking = image.hooking[AGENT_ENTRY_malloc];
    return hooking != AGENT_NOT_HOOKED && hooking != AGENT_HOOK_REFUSED &&
           engine_agent_find_exported(agent, AGENT_INSTALL_SYMBOL, &agent->install) &&
           engine_agent_find_exported(agent, AGENT_UNINSTALL_SYMBOL, &agent->uninstall);
}

/* Whether calls reach it already: preloaded, or brought in before (by another session, or into the
 * parent of a fork), it needs no more than to be started. */
static bool is_hooked(struct engine_agent *agent) {
    struct agent_image image;
    return engine_agent_image(agent, &image, NULL) == TMPALLOC_OK && image.function_count == 0 &&
           !engine_agent_options_name_functions(&agent->options) && find_controls(agent);
}

int engine_agent_enter(struct engine_agent *agent, enum engine_agent_beginning beginning,
                       struct error *error) {
    int status = engine_agent_refresh(agent, error);
    if (status == TMPALLOC_E_NOMEM)
        return status;
    const char *path;
    if (status == TMPALLOC_E_STATE && modules_unmatched(agent->parts.modules, &path) > 0)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "%s here is not the file that the process has loaded", path);
    if (status == TMPALLOC_E_STATE)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the process has not loaded its C library yet");
    if (status == TMPALLOC_OK && engine_agent_is_forking(agent))
        return TMPALLOC_OK;
    if (status != TMPALLOC_OK || !is_hooked(agent))
        status = engine_agent_install(agent, error);
    else
        status = engine_agent_avoid_breakpoints(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_find_entries(agent, agent->options.mappings, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_set_breakpoints(agent, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_start_tracking(agent, beginning, error);
    if (status != TMPALLOC_OK)
        engine_agent_uninstall(agent);
    return status;
}

int engine_agent_stop(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    if (agent->anchor == 0)
        return TMPALLOC_OK;
    int status = engine_agent_image(agent, &image, error);
    if (status == TMPALLOC_OK)
        status = write_generation(agent, &image, false, error);
    if (status == TMPALLOC_OK)
        status = note_stacks(agent, error); /* nobody follows the files from now on */
    find_controls(agent);
    if (status == TMPALLOC_OK)
        engine_agent_uninstall(agent);
    return status;
}

int engine_agent_reset(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    int status = engine_agent_image(agent, &image, error);
    return status == TMPALLOC_OK ? write_reset(agent, &image, error) : status;
}

/* Breakpoints of the user. */

struct conflict {
    struct agent_image image;
    uint64_t address; /* of the first that is within a jump; 0: none is */
    bool function;    /* to a function that the user named, which can't be hooked in another way */
};

static int find_conflict(void *arg, uint64_t address) {
    struct conflict *conflict = arg;
    const struct agent_image *image = &conflict->image;
    for (uint32_t i = 0; i < AGENT_ENTRY_POINTS_LIMIT && conflict->address == 0; i++) {
        uint64_t start = image->entry_points[i] + image->patch_start[i];
        if (image->hooking[i] == AGENT_PATCHED && address > start &&
            address < image->entry_points[i] + image->patch_end[i]) {
            conflict->address = address;
            conflict->function = i >= AGENT_ENTRY_COUNT && i < AGENT_FIRST_OTHER;
        }
    }
    return TMPALLOC_OK;
}

int engine_agent_avoid_breakpoints(struct engine_agent *agent, struct error *error) {
    struct conflict conflict = {.address = 0};
    if (engine_agent_image(agent, &conflict.image, NULL) != TMPALLOC_OK ||
        host_breakpoints(agent->parts.host, find_conflict, &conflict, NULL) != TMPALLOC_OK ||
        conflict.address == 0)
        return TMPALLOC_OK;
    find_controls(agent);
    struct error reason = {.text = ""};
    int status =
        conflict.function || !agent->install
            ? error_set(&reason, TMPALLOC_E_UNSUPPORTED, "it can't be hooked in another way")
            : engine_agent_install_again(agent, &reason);
    if (status == TMPALLOC_OK)
        return status;
    return error_set(error, status,
                     "the breakpoint at 0x%" PRIx64
                     " won't be hit until 'tmpalloc stop', the first bytes of its function are "
                     "replaced: %s",
                     conflict.address, reason.text);
}

/* Reading. */

int engine_agent_read_image(const struct engine_parts *parts, uint64_t image,
                            struct agent_image_facts *facts_ret, struct snapshot *ret,
                            struct error *error) {
    const struct agent_image_source source = engine_agent_source(parts);
    return agent_image_read(&source, image, tracker_stacks(parts->tracker), facts_ret, ret, error);
}

/* While a hit is handled other threads may run on: of what is read late they would have counted
 * more. */
static bool hold(struct engine_agent *agent, struct agent_image *image) {
    if (engine_agent_image(agent, image, NULL) != TMPALLOC_OK ||
        !(image->generation & AGENT_TRACKS))
        return false;
    image->generation -= AGENT_TRACKS;
    return ENGINE_AGENT_WRITE(agent, image, generation, NULL) == TMPALLOC_OK;
}

static int go_on(struct engine_agent *agent, struct agent_image *image, struct error *error) {
    image->generation += AGENT_TRACKS;
    return ENGINE_AGENT_WRITE(agent, image, generation, error);
}

int engine_agent_read(struct engine_agent *agent, struct agent_image_facts *facts_ret,
                      struct snapshot *ret, struct error *error) {
    struct agent_image_source source = engine_agent_source(&agent->parts);
    struct agent_image image;
    if (agent->anchor == 0)
        return error_set(error, TMPALLOC_E_STATE, "the agent has not begun yet");
    source.held = hold(agent, &image);
    int status = agent_image_read(&source, agent->anchor, tracker_stacks(agent->parts.tracker),
                                  facts_ret, ret, error);
    int gone_on = source.held ? go_on(agent, &image, error) : TMPALLOC_OK;
    if (status != TMPALLOC_OK || gone_on == TMPALLOC_OK)
        return status;
    snapshot_deinit(ret);
    return gone_on;
}

bool engine_agent_lacks_python(struct engine_agent *agent) {
    struct agent_image image;
    return engine_agent_image(agent, &image, NULL) == TMPALLOC_OK && image.python_version == 0;
}

bool engine_agent_lacks_functions(const struct engine_agent *agent) {
    return agent->missing[0] != '\0';
}

bool engine_agent_is_loaded(struct modules *modules) {
    uint32_t module;
    return modules_find_soname(modules, AGENT_FILE_SONAME, &module);
}

int engine_agent_find_in_core(struct modules *modules, const char *path, uint64_t *image_ret,
                              struct error *error) {
    uint32_t module;
    if (modules_find_soname(modules, AGENT_FILE_SONAME, &module) &&
        modules_find_object(modules, module, AGENT_IMAGE_SYMBOL, image_ret))
        return TMPALLOC_OK;
    return core_file_find(path, AGENT_IMAGE_MAGIC, AGENT_IMAGE_MAGIC_BYTES, image_ret, error);
}
