#include "agent/hooks/object_allocator_hooks.h"

#include <stdatomic.h>

#include "agent/count/image.h"
#include "agent/hooks/function_hooks.h"
#include "agent/hooks/hooks_real.h"
#include "agent/system/capture_pages.h"
#include "cpython/object_allocator_tables.h"

_Static_assert(AGENT_OBJECT_ALLOCATOR_TABLES == OBJECT_ALLOCATOR_TABLES,
               "the image has a place for each");

static const struct agent_function kinds[OBJECT_ALLOCATOR_WORDS] = {
    [OBJECT_ALLOCATOR_MALLOC] = {.role = AGENT_ALLOCATES, .size = 2},
    [OBJECT_ALLOCATOR_CALLOC] = {.role = AGENT_ALLOCATES, .count = 2, .size = 3},
    [OBJECT_ALLOCATOR_REALLOC] = {.role = AGENT_REALLOCATES, .pointer = 2, .size = 3},
    [OBJECT_ALLOCATOR_FREE] = {.role = AGENT_FREES, .pointer = 2},
};

static uintptr_t *table_at(uint32_t i) {
    return (uintptr_t *)(uintptr_t)image->object_allocator_tables[i];
}

static bool is_cell_hooked(const uintptr_t *cell) {
    return function_hooks_number(__atomic_load_n(cell, __ATOMIC_RELAXED)) < AGENT_FUNCTIONS;
}

/* A function keeps its hook, so that no order of writers makes a hook lead to itself.  One that is
 * patched counts as it is. */
static void lead_to_hook(uintptr_t *cell, enum object_allocator_word word) {
    struct agent_function function = kinds[word];
    function.address = *cell;
    uint32_t i = function.address ? function_hooks_place(&function) : AGENT_FUNCTIONS;
    if (i == AGENT_FUNCTIONS || image->hooking[AGENT_ENTRY_COUNT + i] == AGENT_PATCHED)
        return;
    __atomic_store_n(&function_hooks_real[i], function.address, __ATOMIC_RELEASE);
    image->hooking[AGENT_ENTRY_COUNT + i] = AGENT_RELOCATED;
    __atomic_store_n(cell, function_hooks_entry(i), __ATOMIC_RELEASE);
}

/* Who comes while another thread is at it may go on. */
static void lead_to_hooks(void) {
    static atomic_flag busy = ATOMIC_FLAG_INIT;
    for (uint32_t i = 0; i < AGENT_OBJECT_ALLOCATOR_TABLES && image->object_allocator_tables[i];
         i++) {
        uintptr_t *table = table_at(i);
        for (int word = OBJECT_ALLOCATOR_MALLOC; word < OBJECT_ALLOCATOR_WORDS; word++) {
            if (is_cell_hooked(&table[word]) ||
                atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
                continue;
            lead_to_hook(&table[word], (enum object_allocator_word)word);
            atomic_flag_clear_explicit(&busy, memory_order_release);
        }
    }
}

static bool are_settled(void) {
    return __atomic_load_n((const uint64_t *)(uintptr_t)image->object_allocator_settled,
                           __ATOMIC_ACQUIRE);
}

/* Watching. */

static uintptr_t real_malloc; /* 0: nothing is watched */

static void set_malloc(uintptr_t function) {
    __atomic_store_n(&hooks_real[HOOK_malloc], function, __ATOMIC_RELAXED);
}

static void end_watching(void) {
    if (real_malloc)
        set_malloc(real_malloc);
}

static void *watch_malloc(size_t size) {
    bool settled = are_settled();
    lead_to_hooks();
    if (settled)
        end_watching();
    return ((__typeof__(&hook_malloc))real_malloc)(size);
}

void object_allocator_hooks_install(void) {
    if (!image->object_allocator_tables[0])
        return;
    bool settled = are_settled();
    lead_to_hooks();
    if (settled)
        return;
    real_malloc = hooks_real[HOOK_malloc];
    set_malloc((uintptr_t)watch_malloc);
}

static bool is_cell_readable(const uintptr_t *cell) {
    return capture_pages_readable(&(struct capture_pages){0}, (uintptr_t)cell);
}

void object_allocator_hooks_undo(void) {
    if (hooks_real[HOOK_malloc] == (uintptr_t)watch_malloc)
        end_watching();
    for (uint32_t i = 0; i < AGENT_OBJECT_ALLOCATOR_TABLES && image->object_allocator_tables[i];
         i++) {
        uintptr_t *table = table_at(i);
        for (int word = OBJECT_ALLOCATOR_MALLOC; word < OBJECT_ALLOCATOR_WORDS; word++) {
            if (is_cell_readable(&table[word]) && is_cell_hooked(&table[word]))
                table[word] = function_hooks_real[function_hooks_number(table[word])];
        }
    }
}
