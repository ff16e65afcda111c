#include "engines/engine_agent_functions.h"

#include <string.h>

static const uint8_t roles[] = {
    [ENTRY_ALLOCATE] = AGENT_ALLOCATES,
    [ENTRY_FREE] = AGENT_FREES,
    [ENTRY_REALLOCATE] = AGENT_REALLOCATES,
};

static int engine_agent_functions_add(struct agent_function *functions, uint32_t *count,
                                      struct agent_function added, struct error *error) {
    if (*count == AGENT_FUNCTIONS)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "it hooks at most %d functions",
                         AGENT_FUNCTIONS);
    functions[(*count)++] = added;
    return TMPALLOC_OK;
}

int engine_agent_list_functions(const struct engine_agent *agent, struct agent_function *functions,
                                uint32_t *count_ret, struct error *error) {
    int status = TMPALLOC_OK;
    *count_ret = 0;
    if (agent->missing[0])
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "%s", agent->missing);
    for (size_t i = 0; i < agent->entries.count && status == TMPALLOC_OK; i++) {
        const struct entry_point *point = &agent->entries.items[i];
        const struct agent_function function = {.address = point->address,
                                                .role = roles[point->signature.role],
                                                .pointer = point->signature.pointer,
                                                .size = point->signature.size,
                                                .fixed_size = point->signature.fixed_size,
                                                .size_bytes = (uint32_t)point->size_bytes,
                                                .indirect = point->indirect};
        if (point->custom)
            status = engine_agent_functions_add(functions, count_ret, function, error);
    }
    for (size_t i = 0; i < agent->within.count && status == TMPALLOC_OK; i++) {
        const struct module_symbol *symbol = &agent->within.items[i].symbol;
        const struct agent_function within = {.address = symbol->address,
                                              .role = AGENT_ENCLOSES,
                                              .size_bytes = (uint32_t)symbol->size_bytes,
                                              .indirect = symbol->indirect};
        status = engine_agent_functions_add(functions, count_ret, within, error);
    }
    if (status != TMPALLOC_OK)
        return status;
    if (*count_ret == 0 && agent->entries.left_out[0])
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "nothing tells where the arguments are of %s", agent->entries.left_out);
    return TMPALLOC_OK;
}

static const char *name_at(const struct engine_agent *agent, uint64_t address) {
    for (size_t i = 0; i < agent->entries.count; i++) {
        if (agent->entries.items[i].address == address)
            return agent->entries.items[i].name;
    }
    return agent->options.within ? agent->options.within : "a function";
}

int engine_agent_check_functions(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    int status = engine_agent_image(agent, &image, error);
    for (uint32_t i = 0; i < AGENT_FUNCTIONS && status == TMPALLOC_OK; i++) {
        if (image.hooking[AGENT_ENTRY_COUNT + i] == AGENT_HOOK_REFUSED)
            status = error_set(error, TMPALLOC_E_UNSUPPORTED, "%s can't be hooked",
                               name_at(agent, image.functions[i].address));
    }
    return status;
}

int engine_agent_await_functions(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    if (!agent->awaited)
        return TMPALLOC_OK;
    if (engine_agent_image(agent, &image, NULL) == TMPALLOC_OK && image.function_count == 0 &&
        image.object_allocator_tables[0] == 0)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "the agent was ready too early");
    return engine_agent_break_where_it_tells(agent, error);
}

int engine_agent_write_object_allocator(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    struct object_allocator_tables tables = {.settled = 0};
    int status = engine_agent_image(agent, &image, error);
    if (status == TMPALLOC_OK && agent->options.object_allocator)
        status =
            interpreted_stacks_object_allocator(agent->options.object_allocator, &tables, error);
    if (status == TMPALLOC_E_STATE)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "there is no CPython in the process");
    memcpy(image.object_allocator_tables, tables.addresses, sizeof(image.object_allocator_tables));
    image.object_allocator_settled = tables.settled;
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, &image, object_allocator_tables, error);
    return status == TMPALLOC_OK
               ? ENGINE_AGENT_WRITE(agent, &image, object_allocator_settled, error)
               : status;
}

/* All files that come with the program are loaded by now. */
static int write_functions(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    int status = engine_agent_image(agent, &image, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_find_entries(agent, agent->options.mappings, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_list_functions(agent, image.functions, &image.function_count, error);
    if (status == TMPALLOC_OK)
        status = engine_agent_write_object_allocator(agent, error);
    if (status == TMPALLOC_OK)
        status = ENGINE_AGENT_WRITE(agent, &image, functions, error);
    return status == TMPALLOC_OK ? ENGINE_AGENT_WRITE(agent, &image, function_count, error)
                                 : status;
}

/* Calls within the executable go by no pointer, so that its code must be changed. */
static int check_allocator(struct engine_agent *agent, struct error *error) {
    struct agent_image image;
    if (!engine_agent_is_ready(agent, &image) || !agent_image_is_refused(&image))
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_UNSUPPORTED, "the allocator's functions can't be hooked");
}

int engine_agent_functions_told(struct engine_agent *agent, enum agent_tells reason,
                                struct error *error) {
    int status = reason == AGENT_TELLS_READY ? check_allocator(agent, error) : TMPALLOC_OK;
    if (status != TMPALLOC_OK || !agent->awaited)
        return status;
    if (reason == AGENT_TELLS_READY)
        return write_functions(agent, error);
    agent->awaited = false;
    engine_agent_find_exported(agent, AGENT_UNINSTALL_SYMBOL, &agent->uninstall);
    return engine_agent_check_functions(agent, error);
}
