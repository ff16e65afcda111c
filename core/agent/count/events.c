#include "agent/count/events.h"

#include "agent/count/catches.h"
#include "agent/count/tracer.h"
#include "agent/system/memory_mmap.h"
#include "support/memory.h"

#define NO_PREVIOUS_SIZE UINT64_MAX

/* Each allocator call runs through all that is hot. */
#define HOT  inline __attribute__((always_inline))
#define COLD __attribute__((noinline, cold))
#define FLAT __attribute__((flatten))

static bool events_counts(const struct call *call) {
    return __builtin_expect(IMAGE_LOAD(&image->generation) == call->thread->image.generation, 1);
}

/* For what isn't inlined: a call whose address isn't taken stays in registers. */
static HOT struct call events_copy_call(const struct call *call) {
    return (struct call){
        .thread = call->thread, .frame = call->frame, .entry_point = call->entry_point};
}

/* Sites. */

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
    if (map_get(&call->thread->lone_stacks, call_return_address(call), &found))
        return (struct agent_stack *)(uintptr_t)found;
    return add_lone_stack(call->thread, call_return_address(call));
}

static HOT struct agent_site *site_of(struct thread *thread, struct agent_stack *stack,
                                      uint32_t entry_point) {
    struct agent_site *site = (struct agent_site *)(uintptr_t)stack->owner;
    while (site && site->entry_point != entry_point)
        site = (struct agent_site *)(uintptr_t)site->same_stack;
    return site ? site : threads_add_site(thread, stack, entry_point);
}

/* Memory is short: the call stack is reduced to the allocator call, and at last to nothing. */
static COLD struct agent_site *reduced_site(struct call call) {
    memory_use_reserve(true);
    struct agent_stack *stack = lone_stack(&call);
    struct agent_site *site = stack ? site_of(call.thread, stack, call.entry_point) : NULL;
    memory_use_reserve(false);
    return site ? site : call.thread->last_resort;
}

static HOT struct agent_site *events_find_site(const struct call *call) {
    struct agent_stack *stack = call_stack(call);
    struct agent_site *site = stack ? site_of(call->thread, stack, call->entry_point) : NULL;
    return site ? site : reduced_site(events_copy_call(call));
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

/* The first allocation at this site by this thread, or since a reset, or since a debugger began to
 * watch it. */
static void visit_site(struct thread *thread, struct agent_site *site, uintptr_t block,
                       uint64_t size_bytes) {
    if (threads_life(site->visit) != threads_life(thread->visit))
        site->previous_size = NO_PREVIOUS_SIZE;
    site->visit = thread->visit;
    add_site_thread(site, thread->image.tid);
    if (IMAGE_LOAD(&image->awaited))
        catches_allocated(thread, site, block, size_bytes);
}

static HOT void events_count_size(struct agent_site *site, uint64_t size_bytes) {
    if (site->previous_size != NO_PREVIOUS_SIZE) {
        site->larger += size_bytes > site->previous_size;
        site->equal += size_bytes == site->previous_size;
    }
    site->previous_size = size_bytes;
    if (!site->allocations || size_bytes < site->min_size)
        site->min_size = size_bytes;
    if (size_bytes > site->max_size)
        site->max_size = size_bytes;
}

static COLD void count_first_size(struct thread *thread, struct agent_site *site, uintptr_t block,
                                  uint64_t size_bytes) {
    visit_site(thread, site, block, size_bytes);
    events_count_size(site, size_bytes);
}

static HOT void count_allocation(struct thread *thread, struct agent_site *site, uintptr_t block,
                                 uint64_t size_bytes) {
    tracer_look_rarely(++thread->image.allocations);
    thread->image.allocated_bytes += size_bytes;
    if (__builtin_expect(site->visit != thread->visit, 0))
        count_first_size(thread, site, block, size_bytes);
    else if (size_bytes == site->previous_size)
        site->equal++;
    else
        events_count_size(site, size_bytes);
    site->allocations++;
    site->allocated_bytes += size_bytes;
}

/* Who frees temporaries. */

/* NULL with the last of the list in *last_ret: there is none. */
static struct agent_free *find_free(const struct agent_site *site, const struct agent_stack *stack,
                                    uint32_t entry_point, struct agent_free **last_ret) {
    for (uint64_t next = site->first_free; next; next = (*last_ret)->next) {
        struct agent_free *free_site = (struct agent_free *)(uintptr_t)next;
        if (free_site->stack == (uintptr_t)stack && free_site->entry_point == entry_point)
            return free_site;
        *last_ret = free_site;
    }
    return NULL;
}

static struct agent_free *use_free(struct agent_free *free_site, const struct agent_stack *stack,
                                   uint32_t entry_point) {
    free_site->stack = (uintptr_t)stack;
    free_site->entry_point = entry_point;
    free_site->used = 1;
    return free_site;
}

/* Without memory for another one the site's first stands for all, whose stack isn't known then. */
static struct agent_free *events_add_free(struct agent_site *site, struct agent_free *last,
                                          const struct agent_stack *stack, uint32_t entry_point) {
    struct agent_free *added = threads_add_free();
    if (!added) {
        struct agent_free *first = (struct agent_free *)(uintptr_t)site->first_free;
        first->stack = 0;
        return first;
    }
    use_free(added, stack, entry_point);
    IMAGE_STORE(&last->next, (uint64_t)(uintptr_t)added);
    return added;
}

static COLD struct agent_free *note_free(struct call call, struct agent_site *site) {
    const struct agent_stack *stack = call_stack(&call);
    struct agent_free *free_site = (struct agent_free *)(uintptr_t)site->first_free,
                      *last = free_site;
    if (!free_site->used)
        use_free(free_site, stack, call.entry_point);
    else if (!(free_site = find_free(site, stack, call.entry_point, &last)))
        free_site = events_add_free(site, last, stack, call.entry_point);
    site->free_return_slot = call_return_slot(&call);
    site->free_return_address = call_return_address(&call);
    site->same_free = (uintptr_t)free_site;
    return free_site;
}

/* Only a freeing call that differs from the last one can have another stack worth capturing. */
static HOT void count_temporary(const struct call *call, const struct detector_block *block,
                                bool by_realloc) {
    struct agent_site *site = block->site;
    struct agent_free *free_site = (struct agent_free *)(uintptr_t)site->same_free;
    if (__builtin_expect(!free_site || site->free_return_slot != call_return_slot(call) ||
                             site->free_return_address != call_return_address(call),
                         0))
        free_site = note_free(events_copy_call(call), site);
    free_site->by_distance[block->distance].count++;
    free_site->by_distance[block->distance].bytes += block->size_bytes;
    site->by_realloc += by_realloc;
}

/* A word that couldn't be put aside makes a later free look plain. */
static void count_status(struct thread *thread, int status) {
    if (__builtin_expect(status != 0, 0))
        __atomic_fetch_add(&thread->image.dropped, 1, __ATOMIC_RELAXED);
}

/* Growth chains. */

static void count_step(struct thread *thread, struct chain_block older, struct chain_block newer,
                       struct agent_site *site) {
    struct chain_counters *counters = (struct chain_counters *)(uintptr_t)site->chains;
    memory_use_reserve(true);
    count_status(thread, chains_step(thread->chains, older, newer, &counters));
    memory_use_reserve(false);
    IMAGE_STORE(&site->chains, (uint64_t)(uintptr_t)counters);
}

static __attribute__((noinline)) void
events_replace(struct thread *thread, struct chain_block older, struct agent_site *site) {
    const struct chain_block newer = {site->latest, site->previous_size};
    if (chains_is_replaced(thread->chains, threads_detector(), thread->window, older, newer))
        count_step(thread, older, newer, site);
}

/* A block that was freed; most are the latest of their sites, or as large as it. */
static HOT void count_replaced(struct thread *thread, const struct detector_block *block) {
    struct agent_site *site = block->site;
    if (__builtin_expect(site->latest != block->number && site->previous_size > block->size_bytes,
                         0))
        events_replace(thread, (struct chain_block){block->number, block->size_bytes}, site);
}

static void count_grown(struct thread *thread, const struct detector_block *block,
                        struct agent_site *site, uint64_t size_bytes) {
    const struct chain_block older = {block->number, block->size_bytes};
    const struct chain_block newer = {site->latest, size_bytes};
    if (size_bytes > block->size_bytes)
        count_step(thread, older, newer, site);
    else
        chains_hand_on(thread->chains, older.number, newer.number);
}

static HOT void count_free(const struct call *call, const struct taken *taken, bool by_realloc) {
    struct agent_thread *counters = &call->thread->image;
    counters->deallocations++;
    if (taken->verdict == DETECTOR_TEMPORARY) {
        count_temporary(call, &taken->block, by_realloc);
        if (!by_realloc)
            count_replaced(call->thread, &taken->block);
    } else if (taken->verdict == DETECTOR_CROSS_THREAD)
        counters->cross_thread_frees++;
}

static HOT struct agent_site *events_count_block(const struct call *call, uintptr_t block,
                                                 uint64_t size_bytes) {
    struct thread *thread = call->thread;
    struct agent_site *site = events_find_site(call);
    count_allocation(thread, site, block, size_bytes);
    memory_use_reserve(true);
    count_status(thread,
                 detector_allocated(threads_detector(), thread->window, block, size_bytes, site));
    memory_use_reserve(false);
    site->latest = detector_latest(thread->window);
    return site;
}

static HOT void events_take_block(const struct call *call, uintptr_t block, struct taken *ret) {
    ret->verdict = detector_freed(threads_detector(), call->thread->window, block, &ret->block);
    if (ret->verdict == DETECTOR_CROSS_THREAD &&
        !threads_window_holds(ret->block.owner, call->thread->image.generation))
        ret->verdict = DETECTOR_PLAIN;
}

/* What the hooks call. */

FLAT void events_allocated(const struct call *call, uintptr_t block, uint64_t size_bytes) {
    if (block && events_counts(call))
        events_count_block(call, block, size_bytes);
}

static COLD const struct agent_caught *check_catches_slowly(struct call call, uintptr_t block,
                                                            struct taken taken) {
    return catches_check(&call, block, &taken);
}

/* While nothing is to be caught that costs a load. */
static HOT const struct agent_caught *check_catches(const struct call *call, uintptr_t block,
                                                    const struct taken *taken) {
    if (__builtin_expect(image->catching == 0, 1))
        return NULL;
    return check_catches_slowly(events_copy_call(call), block, *taken);
}

FLAT const struct agent_caught *events_freed(const struct call *call, uintptr_t block) {
    struct taken taken;
    events_take_block(call, block, &taken);
    count_free(call, &taken, false);
    return check_catches(call, block, &taken);
}

const struct agent_caught *events_unmapped(const struct call *call, uintptr_t block,
                                           uint64_t size_bytes) {
    struct taken taken;
    events_take_block(call, block, &taken);
    if (taken.verdict != DETECTOR_PLAIN && taken.block.size_bytes != size_bytes) {
        events_put_back(call, &taken);
        return NULL;
    }
    count_free(call, &taken, false);
    return check_catches(call, block, &taken);
}

const struct agent_caught *events_take(const struct call *call, uintptr_t block,
                                       struct taken *ret) {
    ret->verdict = DETECTOR_PLAIN;
    if (!block)
        return NULL;
    events_take_block(call, block, ret);
    return check_catches(call, block, ret);
}

void events_reallocated(const struct call *call, uintptr_t block, const struct taken *taken,
                        uintptr_t result, uint64_t size_bytes) {
    if (!events_counts(call))
        return;
    if (block)
        count_free(call, taken, result != 0);
    if (!result)
        return;
    struct agent_site *site = events_count_block(call, result, size_bytes);
    if (taken->verdict == DETECTOR_TEMPORARY)
        count_grown(call->thread, &taken->block, site, size_bytes);
}

void events_put_back(const struct call *call, const struct taken *taken) {
    if (taken->verdict == DETECTOR_PLAIN || !events_counts(call))
        return;
    memory_use_reserve(true);
    count_status(call->thread, detector_put_back(threads_detector(), &taken->block));
    memory_use_reserve(false);
}
