#include "agent/count/catches.h"

#include <string.h>

#include "agent/count/tracer.h"

#include "tmpalloc/status.h"

_Static_assert(AGENT_CATCHES < 31, "AGENT_WATCHING is none of them");

/* For the debugger; see tmpalloc/agent_image.h. */
TMPALLOC_API void tmpalloc_agent_tell(enum agent_tells reason, const void *about);

__attribute__((noinline)) void tmpalloc_agent_tell(enum agent_tells reason, const void *about) {
    /* The breakpoint's own instruction, which also keeps calls of an empty function. */
    __asm__ volatile("nop" ::"r"(reason), "r"(about) : "memory");
}

void catches_tell(enum agent_tells reason, const void *about) {
    tmpalloc_agent_tell(reason, about);
}

/* A debugger that was killed has left its breakpoints in the code. */
static bool is_debugger_there(void) {
    uint64_t generation = IMAGE_LOAD(&image->generation);
    tracer_look();
    return IMAGE_LOAD(&image->generation) == generation;
}

static void catches_tell_debugger(enum agent_tells reason, const void *about) {
    if (is_debugger_there())
        catches_tell(reason, about);
}

bool catches_ask(struct agent_code *code) {
    if (!IMAGE_LOAD(&image->asks))
        return false;
    catches_tell_debugger(AGENT_TELLS_ASKING, code);
    return true;
}

void catches_leaving(enum agent_tells reason) {
    if (image_tracks(IMAGE_LOAD(&image->generation)))
        catches_tell_debugger(reason, NULL);
}

void catches_in_child(void) {
    catches_tell_debugger(AGENT_TELLS_READY, NULL);
}

static bool is_decided(const struct agent_site *site) {
    return site->catch_generation == IMAGE_LOAD(&image->catch_generation);
}

static uint32_t find_matches(const struct detector_block *block) {
    const struct agent_site *site = block->site;
    uint32_t candidates = catch_filters_find(image->catches, image->catching & ~AGENT_WATCHING,
                                             block->size_bytes, block->distance);
    uint32_t anywhere = candidates & image->catch_anywhere;
    if (candidates == anywhere)
        return anywhere;
    if (!is_decided(site))
        catches_tell_debugger(AGENT_TELLS_UNDECIDED, site);
    return anywhere | (is_decided(site) ? candidates & site->catch_matches : 0);
}

static const struct agent_caught *
catches_describe(const struct call *call, const struct detector_block *block, uint32_t stops) {
    struct thread *thread = call->thread;
    struct agent_caught *caught = &thread->caught;
    *caught = (struct agent_caught){
        .address = block->address,
        .size_bytes = block->size_bytes,
        .distance = block->distance,
        .site = (uintptr_t)block->site,
        .free_stack = (uintptr_t)call_stack(call),
        .entry_point = call->entry_point,
        .catches = stops,
    };
    while (caught->between_count < block->distance && caught->between_count < AGENT_BETWEEN_LIMIT) {
        struct detector_block later;
        detector_later(threads_detector(), thread->window, block, caught->between_count + 1,
                       &later);
        caught->between[caught->between_count++] =
            (struct agent_between){later.size_bytes, (uintptr_t)later.site};
    }
    return caught;
}

const struct agent_caught *catches_check(const struct call *call, uintptr_t block,
                                         const struct taken *taken) {
    if (image->catching & AGENT_WATCHING && image->watched == block)
        catches_tell_debugger(AGENT_TELLS_FREED, NULL);
    if (taken->verdict != DETECTOR_TEMPORARY)
        return NULL;
    uint32_t matches = find_matches(&taken->block);
    uint32_t stops = matches ? catch_filters_count(image->catches, matches) : 0;
    return stops && is_debugger_there() ? catches_describe(call, &taken->block, stops) : NULL;
}

/* Every thread has sites of its own. */
static bool is_same_place(const struct agent_site *one, const struct agent_site *other) {
    const struct agent_stack *stack = (const struct agent_stack *)(uintptr_t)one->stack;
    const struct agent_stack *another = (const struct agent_stack *)(uintptr_t)other->stack;
    return one->entry_point == other->entry_point && stack->count == another->count &&
           stack->truncated == another->truncated &&
           memcmp(stack->pcs, another->pcs, stack->count * sizeof stack->pcs[0]) == 0;
}

void catches_allocated(struct thread *thread, struct agent_site *site, uintptr_t block,
                       uint64_t size_bytes) {
    uint64_t awaited = IMAGE_LOAD(&image->awaited);
    if (!awaited || !is_same_place(site, (const struct agent_site *)(uintptr_t)awaited) ||
        !__atomic_compare_exchange_n(&image->awaited, &awaited, 0, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return;
    thread->caught =
        (struct agent_caught){.address = block, .size_bytes = size_bytes, .site = (uintptr_t)site};
    catches_tell_debugger(AGENT_TELLS_ALLOCATED, &thread->caught);
}
