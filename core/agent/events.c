#include "events.h"

#include "../memory.h"
#include "memory_mmap.h"

#define NO_PREVIOUS_SIZE UINT64_MAX

/* Each allocator call runs through all that is hot. */
#define HOT  inline __attribute__((always_inline))
#define COLD __attribute__((noinline, cold))
#define FLAT __attribute__((flatten))

static bool counts(const struct call *call) {
    return __builtin_expect(IMAGE_LOAD(&image->generation) == call->generation, 1);
}

static uint64_t return_address(const struct call *call) {
    return *(const uint64_t *)call->return_slot;
}

/* Call stacks and sites. */

_Static_assert(CAPTURE_PC_EXACT == AGENT_PC_EXACT && CAPTURE_DEPTH_LIMIT <= AGENT_STACK_LIMIT,
               "pcs mean the same");
_Static_assert(offsetof(struct agent_stack, owner) == offsetof(struct capture_entry, data) &&
                   offsetof(struct agent_stack, pcs) == offsetof(struct capture_entry, pcs) &&
                   offsetof(struct agent_stack, truncated) ==
                       offsetof(struct capture_entry, truncated) &&
                   offsetof(struct agent_stack, modules) == offsetof(struct capture_entry, modules),
               "captured stacks are part of the image as they are");

static struct agent_stack *capture(const struct call *call) {
    struct capture_cache *cache = call->thread->cache;
    if (!cache)
        return NULL;
    return (struct agent_stack *)capture_stack(cache, call->return_slot, call->frame_pointer);
}

static struct agent_stack *add_lone_stack(struct thread *thread, uint64_t address) {
    struct agent_stack *added = threads_cut_stack(address);
    if (added && map_put(&thread->lone_stacks, address, (uintptr_t)added)) {
        memory_release(added);
        return NULL;
    }
    return added;
}

static struct agent_stack *lone_stack(const struct call *call) {
    uint64_t found;
    if (map_get(&call->thread->lone_stacks, return_address(call), &found))
        return (struct agent_stack *)(uintptr_t)found;
    return add_lone_stack(call->thread, return_address(call));
}

static HOT struct agent_site *site_of(struct thread *thread, struct agent_stack *stack,
                                      uint32_t entry_point) {
    struct agent_site *site = (struct agent_site *)(uintptr_t)stack->owner;
    while (site && site->entry_point != entry_point)
        site = (struct agent_site *)(uintptr_t)site->same_stack;
    return site ? site : threads_add_site(thread, stack, entry_point);
}

/* Memory is short: the call stack is reduced to the allocator call, and at last to nothing. */
static COLD struct agent_site *reduced_site(const struct call *call) {
    memory_use_reserve(true);
    struct agent_stack *stack = lone_stack(call);
    struct agent_site *site = stack ? site_of(call->thread, stack, call->entry_point) : NULL;
    memory_use_reserve(false);
    return site ? site : call->thread->last_resort;
}

static HOT struct agent_site *find_site(const struct call *call) {
    struct agent_stack *stack = capture(call);
    struct agent_site *site = stack ? site_of(call->thread, stack, call->entry_point) : NULL;
    return site ? site : reduced_site(call);
}

/* Counting. */

static void add_site_thread(struct agent_site *site, int64_t tid) {
    memory_use_reserve(true);
    struct agent_site_thread *added = memory_allocate(sizeof *added);
    memory_use_reserve(false);
    if (!added)
        return;
    added->tid = tid;
    image_link(&site->threads, &added->next, added);
}

/* The first allocation at this site by this thread, or since a reset. */
static COLD void visit_site(struct thread *thread, struct agent_site *site) {
    if (threads_life(site->visit) != threads_life(thread->visit))
        site->previous_size = NO_PREVIOUS_SIZE;
    site->visit = thread->visit;
    add_site_thread(site, thread->image.tid);
}

static HOT void count_allocation(struct thread *thread, struct agent_site *site,
                                 uint64_t size_bytes) {
    thread->image.allocations++;
    thread->image.allocated_bytes += size_bytes;
    if (__builtin_expect(site->visit != thread->visit, 0))
        visit_site(thread, site);
    if (site->previous_size != NO_PREVIOUS_SIZE) {
        site->larger += size_bytes > site->previous_size;
        site->equal += size_bytes == site->previous_size;
    }
    site->previous_size = size_bytes;
    if (!site->allocations || size_bytes < site->min_size)
        site->min_size = size_bytes;
    if (size_bytes > site->max_size)
        site->max_size = size_bytes;
    site->allocations++;
    site->allocated_bytes += size_bytes;
}

static bool knows_free_stack(const struct agent_site *site, const struct agent_stack *stack,
                             uint32_t entry_point) {
    for (uint32_t i = 0; i < site->free_stack_count; i++) {
        if (site->free_stacks[i] == (uintptr_t)stack && site->free_entry_points[i] == entry_point)
            return true;
    }
    return false;
}

static COLD void add_free_stack(const struct call *call, struct agent_site *site) {
    struct agent_stack *stack = capture(call);
    if (stack && !knows_free_stack(site, stack, call->entry_point)) {
        site->free_stacks[site->free_stack_count] = (uintptr_t)stack;
        site->free_entry_points[site->free_stack_count] = call->entry_point;
        IMAGE_STORE(&site->free_stack_count, site->free_stack_count + 1);
    }
    site->free_return_slot = call->return_slot;
    site->free_return_address = return_address(call);
}

/* Only a freeing call that differs from the last one can have another stack worth capturing. */
static HOT void note_free_stack(const struct call *call, struct agent_site *site) {
    if (site->free_stack_count < AGENT_FREE_STACKS &&
        (site->free_return_slot != call->return_slot ||
         site->free_return_address != return_address(call)))
        add_free_stack(call, site);
}

static HOT void count_temporary(const struct call *call, const struct detector_block *block,
                                bool by_realloc) {
    struct agent_site *site = block->site;
    site->by_distance[block->distance].count++;
    site->by_distance[block->distance].bytes += block->size_bytes;
    site->by_realloc += by_realloc;
    note_free_stack(call, site);
}

static HOT void count_free(const struct call *call, const struct taken *taken, bool by_realloc) {
    struct agent_thread *counters = &call->thread->image;
    counters->deallocations++;
    if (taken->verdict == DETECTOR_TEMPORARY)
        count_temporary(call, &taken->block, by_realloc);
    else if (taken->verdict == DETECTOR_CROSS_THREAD)
        counters->cross_thread_frees++;
}

/* A word that couldn't be put aside makes a later free look plain. */
static void count_status(struct thread *thread, int status) {
    if (__builtin_expect(status != 0, 0))
        __atomic_fetch_add(&thread->image.dropped, 1, __ATOMIC_RELAXED);
}

static HOT void allocated(const struct call *call, uintptr_t block, uint64_t size_bytes) {
    struct thread *thread = call->thread;
    struct agent_site *site = find_site(call);
    count_allocation(thread, site, size_bytes);
    memory_use_reserve(true);
    count_status(thread,
                 detector_allocated(threads_detector(), thread->window, block, size_bytes, site));
    memory_use_reserve(false);
}

static HOT void take(const struct call *call, uintptr_t block, struct taken *ret) {
    ret->verdict = detector_freed(threads_detector(), call->thread->window, block, &ret->block);
    if (ret->verdict == DETECTOR_CROSS_THREAD &&
        !threads_window_holds(ret->block.owner, call->generation))
        ret->verdict = DETECTOR_PLAIN;
}

/* What the hooks call. */

FLAT void events_allocated(const struct call *call, uintptr_t block, uint64_t size_bytes) {
    if (block && counts(call))
        allocated(call, block, size_bytes);
}

FLAT void events_freed(const struct call *call, uintptr_t block) {
    struct taken taken;
    take(call, block, &taken);
    count_free(call, &taken, false);
}

void events_take(const struct call *call, uintptr_t block, struct taken *ret) {
    ret->verdict = DETECTOR_PLAIN;
    if (block)
        take(call, block, ret);
}

void events_reallocated(const struct call *call, uintptr_t block, const struct taken *taken,
                        uintptr_t result, uint64_t size_bytes) {
    if (!counts(call))
        return;
    if (block)
        count_free(call, taken, result != 0);
    if (result)
        allocated(call, result, size_bytes);
}

void events_put_back(const struct call *call, const struct taken *taken) {
    if (taken->verdict == DETECTOR_PLAIN || !counts(call))
        return;
    memory_use_reserve(true);
    count_status(call->thread, detector_put_back(threads_detector(), &taken->block));
    memory_use_reserve(false);
}
