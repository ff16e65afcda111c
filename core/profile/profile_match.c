#include "profile/profile_match.h"

#include <string.h>

#include "profile/profile_names.h"
#include "support/hash.h"
#include "support/map.h"
#include "support/memory.h"
#include "support/text.h"

struct matched {
    struct matched *next; /* with the same hash */
    uint32_t number;
    char names[];
};

struct profile_match {
    bool lines;
    struct map by_hash; /* to struct matched, the latest first */
    uint32_t count;
    struct text names; /* being composed */
    struct arena storage;
};

int profile_match_create(bool lines, struct profile_match **ret) {
    struct profile_match *match = memory_allocate_zeroed(1, sizeof *match);
    if (!match)
        return TMPALLOC_E_NOMEM;
    match->lines = lines;
    map_init(&match->by_hash);
    text_init(&match->names);
    *ret = match;
    return TMPALLOC_OK;
}

void profile_match_destroy(struct profile_match *match) {
    if (!match)
        return;
    map_deinit(&match->by_hash);
    text_deinit(&match->names);
    arena_deinit(&match->storage);
    memory_release(match);
}

/* Names have no control characters: a newline ends each. */
static void profile_match_compose(struct profile_match *match, const struct profile_stack *stack,
                                  size_t count) {
    text_clear(&match->names);
    for (size_t i = 0; i < count; i++) {
        profile_append_name(&match->names, stack->symbols[i]);
        if (match->lines)
            text_printf(&match->names, ":%u", stack->symbols[i]->line);
        text_append(&match->names, "\n");
    }
}

static int profile_match_add(struct profile_match *match, uint64_t hash, struct matched *first,
                             uint32_t *ret) {
    size_t size = match->names.length + 1;
    struct matched *added = arena_allocate(&match->storage, 1, sizeof *added + size);
    if (!added)
        return TMPALLOC_E_NOMEM;
    int status = map_put(&match->by_hash, hash, (uintptr_t)added);
    if (status != TMPALLOC_OK)
        return status;
    memcpy(added->names, text_get(&match->names), size);
    added->next = first;
    *ret = added->number = match->count++;
    return TMPALLOC_OK;
}

int profile_match_stack(struct profile_match *match, const struct profile_stack *stack,
                        size_t count, uint32_t *ret) {
    profile_match_compose(match, stack, count);
    if (match->names.failed)
        return TMPALLOC_E_NOMEM;
    const char *names = text_get(&match->names);
    uint64_t hash = hash_string(0, names), found = 0;
    map_get(&match->by_hash, hash, &found);
    struct matched *latest = (struct matched *)(uintptr_t)found;
    for (const struct matched *known = latest; known; known = known->next) {
        if (strcmp(known->names, names) == 0) {
            *ret = known->number;
            return TMPALLOC_OK;
        }
    }
    return profile_match_add(match, hash, latest, ret);
}
