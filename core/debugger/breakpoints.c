#include "debugger/breakpoints.h"

#include "support/memory.h"

void breakpoints_init(struct breakpoints *breakpoints, struct host *host,
                      enum tmpalloc_breakpoint_kind kind) {
    *breakpoints = (struct breakpoints){.host = host, .kind = kind};
    map_init(&breakpoints->by_address);
    map_init(&breakpoints->by_id);
}

void breakpoints_deinit(struct breakpoints *breakpoints) {
    for (size_t i = 0; i < breakpoints->count; i++) {
        host_remove_breakpoint(breakpoints->host, breakpoints->items[i]->id, NULL);
        memory_release(breakpoints->items[i]);
    }
    memory_release(breakpoints->items);
    map_deinit(&breakpoints->by_address);
    map_deinit(&breakpoints->by_id);
    breakpoints_init(breakpoints, breakpoints->host, breakpoints->kind);
}

static struct breakpoint *breakpoints_look_up(const struct map *map, uint64_t key) {
    uint64_t value;
    return map_get(map, key, &value) ? (struct breakpoint *)(uintptr_t)value : NULL;
}

struct breakpoint *breakpoints_by_id(const struct breakpoints *breakpoints, uint64_t id) {
    return breakpoints_look_up(&breakpoints->by_id, id);
}

struct breakpoint *breakpoints_by_address(const struct breakpoints *breakpoints, uint64_t address) {
    return breakpoints_look_up(&breakpoints->by_address, address);
}

static void breakpoints_unregister(struct breakpoints *breakpoints, struct breakpoint *breakpoint) {
    map_remove(&breakpoints->by_address, breakpoint->address);
    map_remove(&breakpoints->by_id, breakpoint->id);
    memory_release(breakpoint);
}

static int register_new(struct breakpoints *breakpoints, uint64_t address,
                        struct breakpoint **ret) {
    if (MEMORY_RESERVE(breakpoints->items, &breakpoints->capacity, breakpoints->count + 1))
        return TMPALLOC_E_NOMEM;
    struct breakpoint *added = memory_allocate(sizeof(*added));
    if (!added)
        return TMPALLOC_E_NOMEM;
    *added = (struct breakpoint){
        .id = ++breakpoints->host->last_breakpoint_id, .address = address, .enabled = true};
    int status = map_put(&breakpoints->by_address, address, (uint64_t)(uintptr_t)added);
    if (status == TMPALLOC_OK)
        status = map_put(&breakpoints->by_id, added->id, (uint64_t)(uintptr_t)added);
    if (status != TMPALLOC_OK) {
        breakpoints_unregister(breakpoints, added);
        return status;
    }
    *ret = added;
    return TMPALLOC_OK;
}

static int breakpoints_insert(struct breakpoints *breakpoints, uint64_t address,
                              enum breakpoint_role role, struct breakpoint **ret,
                              struct error *error) {
    struct breakpoint *added;
    int status = register_new(breakpoints, address, &added);
    if (status != TMPALLOC_OK)
        return error_of_status(error, status);
    const enum tmpalloc_breakpoint_kind kind =
        role == BREAKPOINT_EXIT ? TMPALLOC_LAST : breakpoints->kind;
    status = host_insert_breakpoint(breakpoints->host, added->id, address, kind, error);
    if (status != TMPALLOC_OK) {
        breakpoints_unregister(breakpoints, added);
        return status;
    }
    breakpoints->items[breakpoints->count++] = added;
    *ret = added;
    return TMPALLOC_OK;
}

int breakpoints_require(struct breakpoints *breakpoints, uint64_t address,
                        enum breakpoint_role role, struct breakpoint **ret, struct error *error) {
    struct breakpoint *breakpoint = breakpoints_by_address(breakpoints, address);
    int status = breakpoint ? breakpoints_enable(breakpoints, breakpoint, true, error)
                            : breakpoints_insert(breakpoints, address, role, &breakpoint, error);
    if (status != TMPALLOC_OK)
        return status;
    breakpoint->roles |= role;
    if (ret)
        *ret = breakpoint;
    return TMPALLOC_OK;
}

int breakpoints_enable(struct breakpoints *breakpoints, struct breakpoint *breakpoint, bool enabled,
                       struct error *error) {
    if (breakpoint->enabled == enabled)
        return TMPALLOC_OK;
    int status = host_enable_breakpoint(breakpoints->host, breakpoint->id, enabled, error);
    if (status != TMPALLOC_OK)
        return status;
    breakpoint->enabled = enabled;
    return TMPALLOC_OK;
}

int breakpoints_enable_role(struct breakpoints *breakpoints, enum breakpoint_role role,
                            bool enabled, struct error *error) {
    int result = TMPALLOC_OK;
    for (size_t i = 0; i < breakpoints->count; i++) {
        if (breakpoints->items[i]->roles != role)
            continue;
        int status = breakpoints_enable(breakpoints, breakpoints->items[i], enabled, error);
        if (status != TMPALLOC_OK)
            result = status;
    }
    return result;
}

void breakpoints_release(struct breakpoints *breakpoints, uint64_t address, uint32_t roles) {
    struct breakpoint *breakpoint = breakpoints_by_address(breakpoints, address);
    if (!breakpoint)
        return;
    breakpoint->roles &= ~roles;
    if (breakpoint->roles != 0)
        return;
    for (size_t i = 0; i < breakpoints->count; i++) {
        if (breakpoints->items[i] == breakpoint)
            breakpoints->items[i] = breakpoints->items[--breakpoints->count];
    }
    host_remove_breakpoint(breakpoints->host, breakpoint->id, NULL);
    breakpoints_unregister(breakpoints, breakpoint);
}
