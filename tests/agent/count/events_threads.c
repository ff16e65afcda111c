/* Many threads, one generation of them after the other, count events as the agent's hooks do, while
 * tracking is started anew again and again.  The status is 1 when a sum is wrong.
 *
 * Blocks are made up: addresses of each thread's own, and some that are handed to another one. */
#include <pthread.h>
#include <stdio.h>

#include "agent/count/events.h"
#include "agent/system/memory_mmap.h"

#define THREADS     4
#define GENERATIONS 3
#define ROUNDS      10000
#define BLOCK_BYTES UINT64_C(16)

static _Atomic uint64_t mailboxes[THREADS]; /* 0: empty */
static pthread_barrier_t all_have_records;
static atomic_bool over;

/* What a hook's frame is; inlined in functions that call the hook. */
static inline __attribute__((always_inline)) struct call enter(const uintptr_t *frame) {
    return (struct call){.thread = threads_get(IMAGE_LOAD(&image->generation)),
                         .frame = frame,
                         .entry_point = AGENT_ENTRY_malloc};
}

static __attribute__((noinline)) void allocate(uint64_t block) {
    struct call call = enter(__builtin_frame_address(0));
    events_allocated(&call, block, BLOCK_BYTES);
}

static __attribute__((noinline)) void release(uint64_t block) {
    struct call call = enter(__builtin_frame_address(0));
    events_freed(&call, block);
}

static void hand_over(uint64_t number, uint64_t block) {
    uint64_t empty = 0;
    allocate(block);
    if (!atomic_compare_exchange_strong(&mailboxes[(number + 1) % THREADS], &empty, block))
        release(block);
    uint64_t mail = atomic_exchange(&mailboxes[number], 0);
    if (mail)
        release(mail);
}

/* Some stacks are deeper than others. */
static __attribute__((noinline)) void pairs(uint64_t first, int depth) {
    if (depth > 0)
        pairs(first, depth - 1);
    allocate(first + 16);
    release(first + 16);
    __asm__ volatile("");
}

/* No thread takes the record of one that ended just now: it is the kernel that says so, of which
 * the sanitizer knows nothing. */
static void *work(void *arg) {
    uint64_t number = (uint64_t)(uintptr_t)arg;
    uint64_t base = (number + 1) << 32;
    threads_get(IMAGE_LOAD(&image->generation));
    pthread_barrier_wait(&all_have_records);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t block = base + round % 64 * 4096;
        pairs(block, (int)(round % 8));
        hand_over(number, base + (1 << 30) + round * BLOCK_BYTES);
    }
    return NULL;
}

static void *start_anew(void *arg) {
    while (!atomic_load(&over))
        image_start();
    return arg;
}

static void run_generation(void) {
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        atomic_store(&mailboxes[i], 0);
}

/* Allocations, by the threads' counters less those by their sites'. */
static int64_t difference(const struct agent_thread *thread) {
    int64_t result = (int64_t)thread->allocations;
    for (uint64_t next = thread->first_site; next;) {
        const struct agent_site *site = (const struct agent_site *)(uintptr_t)next;
        result -= (int64_t)site->allocations;
        next = site->next;
    }
    return result;
}

/* An event doesn't count whose call was in progress when tracking was started anew. */
static bool is_right(bool all_count) {
    uint64_t allocations = 0, deallocations = 0;
    int records = 0;
    for (uint64_t next = image->first_thread; next; records++) {
        const struct agent_thread *thread = (const struct agent_thread *)(uintptr_t)next;
        next = thread->next;
        if (difference(thread) != 0 || thread->dropped)
            return false;
        allocations += thread->allocations;
        deallocations += thread->deallocations;
    }
    uint64_t pairs_made = 0;
    for (int round = 0; round < ROUNDS; round++)
        pairs_made += (uint64_t)round % 8 + 1;
    uint64_t expected = (pairs_made + ROUNDS) * THREADS * GENERATIONS;
    if (records > THREADS || deallocations > expected || allocations > expected)
        return false;
    return !all_count || allocations == expected;
}

static bool run(bool starting_anew) {
    pthread_t starter;
    image_reset();
    image_start();
    atomic_store(&over, false);
    if (starting_anew)
        pthread_create(&starter, NULL, start_anew, NULL);
    for (int i = 0; i < GENERATIONS; i++)
        run_generation();
    atomic_store(&over, true);
    if (starting_anew)
        pthread_join(starter, NULL);
    return is_right(!starting_anew);
}

int main(void) {
    struct image_options options = IMAGE_DEFAULTS;
    if (image_create(&options) || threads_init())
        return 2;
    pthread_barrier_init(&all_have_records, NULL, THREADS);
    bool right = run(false) && run(true);
    printf("%llu bytes\n", (unsigned long long)memory_mapped());
    return right ? 0 : 1;
}
