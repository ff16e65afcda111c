#include "engines/engine_agent_state.h"

#include <string.h>

int engine_agent_image(struct engine_agent *agent, struct agent_image *ret, struct error *error) {
    struct host *host = agent->parts.host;
    struct agent_image_anchor anchor;
    int status = host_read_data(host, agent->anchor, &anchor, sizeof(anchor), error);
    if (status == TMPALLOC_OK && anchor.image == 0)
        return error_set(error, TMPALLOC_E_STATE, "the agent has not begun yet");
    return status == TMPALLOC_OK ? host_read_data(host, anchor.image, ret, sizeof(*ret), error)
                                 : status;
}

/* As the kernel leaves it in a child of fork(). */
static bool is_emptied(const struct agent_image *image) {
    static const char empty[AGENT_IMAGE_MAGIC_BYTES];
    return memcmp(image->anchor.magic, empty, sizeof(empty)) == 0;
}

bool engine_agent_is_ready(struct engine_agent *agent, struct agent_image *ret) {
    return engine_agent_image(agent, ret, NULL) == TMPALLOC_OK && !is_emptied(ret);
}

bool engine_agent_is_forking(struct engine_agent *agent) {
    struct agent_image image;
    return engine_agent_image(agent, &image, NULL) == TMPALLOC_OK && is_emptied(&image);
}

int engine_agent_write_field(struct engine_agent *agent, const struct agent_image *image,
                             size_t offset, size_t size, struct error *error) {
    return host_write_data(agent->parts.host, image->anchor.image + offset,
                           (const char *)image + offset, size, error);
}

/* What a breakpoint is going to replace, of one byte as the agent knows them; 0: there is one
 * already. */
static uint8_t engine_agent_state_read_code(struct engine_agent *agent, uint64_t address) {
    struct host *host = agent->parts.host;
    uint8_t byte;
    int status = host_read_data(host, address, &byte, 1, NULL);
    return status == TMPALLOC_OK && host->processor && byte != host->processor->breakpoint[0] ? byte
                                                                                              : 0;
}

int engine_agent_break(struct engine_agent *agent, uint64_t address, enum breakpoint_role role,
                       struct error *error) {
    size_t count = agent->breakpoints.count;
    uint8_t byte = engine_agent_state_read_code(agent, address);
    int status = breakpoints_require(&agent->breakpoints, address, role, NULL, error);
    if (agent->breakpoints.count > count && count < AGENT_BREAKPOINTS)
        agent->breakpoint_bytes[count] = byte;
    return status;
}

/* Tells the agent; one that isn't there yet will be told when files are loaded next, or never. */
int engine_agent_write_breakpoints(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    if (!engine_agent_is_ready(agent, &image))
        return TMPALLOC_OK;
    for (size_t i = 0; i < agent->breakpoints.count && i < AGENT_BREAKPOINTS; i++)
        image.breakpoints[i] = agent->breakpoints.items[i]->address;
    memcpy(image.breakpoint_bytes, agent->breakpoint_bytes, sizeof(image.breakpoint_bytes));
    int status = ENGINE_AGENT_WRITE(agent, &image, breakpoints, error);
    return status == TMPALLOC_OK ? ENGINE_AGENT_WRITE(agent, &image, breakpoint_bytes, error)
                                 : status;
}

bool engine_agent_find_exported(struct engine_agent *agent, const char *name, uint64_t *ret) {
    struct modules *modules = agent->parts.modules;
    struct module_symbol symbol;
    uint32_t module;
    if (!modules_find_soname(modules, AGENT_FILE_SONAME, &module) ||
        !modules_find_function(modules, module, name, true, &symbol))
        return false;
    *ret = symbol.address;
    return true;
}

int engine_agent_break_where_it_tells(struct engine_agent *agent, struct error *error) {
    if (agent->tell == 0 && !engine_agent_find_exported(agent, AGENT_TELL_SYMBOL, &agent->tell))
        return error_set(error, TMPALLOC_E_UNSUPPORTED, AGENT_FILE_SONAME " is damaged");
    return engine_agent_break(agent, agent->tell, BREAKPOINT_TELL, error);
}

static int find_within(struct engine_agent *agent, struct error *error) {
    const char *name = agent->options.within;
    agent->within.count = 0;
    if (name && !modules_find_user_functions(agent->parts.modules, name, &agent->within))
        return error_set(error, TMPALLOC_E_STATE, "no function %s in the loaded files", name);
    for (size_t i = 0; i < agent->within.count; i++)
        modules_follow(agent->parts.modules, agent->entries.ignored,
                       &agent->within.items[i].symbol);
    return TMPALLOC_OK;
}

/* What isn't there (yet) is no failure here. */
int engine_agent_find_entries(struct engine_agent *agent, bool mappings, struct error *error) {
    const struct engine_agent_options *wanted = &agent->options;
    const struct entry_options options = {.custom = wanted->custom,
                                          .custom_count = wanted->custom_count,
                                          .mappings = mappings,
                                          .ignored_soname = AGENT_FILE_SONAME};
    struct error missing = {.text = ""};
    entry_points_deinit(&agent->entries);
    int status = entry_points_resolve(agent->parts.modules, &options, &agent->entries, &missing);
    if (status != TMPALLOC_OK && status != TMPALLOC_E_STATE)
        return error_set(error, status, "%s", missing.text);
    if (status == TMPALLOC_OK)
        find_within(agent, &missing);
    memcpy(agent->missing, missing.text, sizeof(agent->missing));
    return TMPALLOC_OK;
}

static int engine_agent_state_read_source(void *arg, uint64_t address, void *buffer,
                                          uint64_t size) {
    const struct engine_parts *parts = arg;
    return host_read_data(parts->host, address, buffer, size, NULL);
}

static struct frame engine_agent_state_find_frame(void *arg, uint64_t address, bool exact) {
    const struct engine_parts *parts = arg;
    return modules_past_frame(parts->modules, address, exact);
}

static int engine_agent_state_find_python_frame(void *arg, const char *function, const char *file,
                                                uint32_t line, struct frame *ret) {
    const struct engine_parts *parts = arg;
    *ret = (struct frame){.module = FRAME_PYTHON};
    return symbolizer_add_python(parts->symbolizer, function, file, line, &ret->offset);
}

struct agent_image_source engine_agent_source(const struct engine_parts *parts) {
    return (struct agent_image_source){
        .read = engine_agent_state_read_source,
        .frame = engine_agent_state_find_frame,
        .python_frame = engine_agent_state_find_python_frame,
        .arg = (void *)parts,
        .past = parts->past_stacks,
    };
}
