#include "agent/count/threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>

#include "agent/cpython/python_codes.h"
#include "agent/cpython/python_here.h"
#include "agent/system/c_library.h"
#include "agent/system/memory_mmap.h"
#include "support/lock.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

__thread struct threads_self threads_self __attribute__((tls_model("initial-exec")));

static struct detector *detector;
static struct lock lock = LOCK_INIT; /* for taking a record */
static pthread_mutexattr_t robust;

struct detector *threads_detector(void) {
    return detector;
}

/* glibc 2.32 and later; elsewhere NULL. */
extern char __libc_single_threaded __attribute__((weak));

_Static_assert(sizeof(struct window_entry) == sizeof(struct agent_window_entry) &&
                   offsetof(struct window_entry, address) ==
                       offsetof(struct agent_window_entry, address) &&
                   offsetof(struct window_entry, size_bytes) ==
                       offsetof(struct agent_window_entry, size_bytes) &&
                   offsetof(struct window_entry, site) == offsetof(struct agent_window_entry, site),
               "the debugger reads windows as they are");

_Static_assert(sizeof(struct chain_counters) == sizeof(struct agent_chains) &&
                   offsetof(struct chain_counters, largest) ==
                       offsetof(struct agent_chains, largest) &&
                   offsetof(struct chain_counters, final_sizes) ==
                       offsetof(struct agent_chains, final_sizes),
               "the debugger reads chains as they are");

int threads_init(void) {
    c_library_pthread_mutexattr_init(&robust);
    c_library_pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    int status = detector_create(image->max_threshold, &__libc_single_threaded, &detector);
    if (status != TMPALLOC_OK)
        return status;
    const struct window_layout layout = detector_window_layout(detector);
    image->window_allocations_off = layout.allocations_off;
    image->window_ring_off = layout.ring_off;
    image->window_entries = layout.ring_entries;
    return status;
}

static struct thread *record_at(uint64_t address) {
    return (struct thread *)(uintptr_t)address;
}

/* Looking doesn't change the mutex, as trying to lock would: many threads may look at once. */
static bool has_exited(const struct thread *thread) {
    int word = __atomic_load_n(&thread->life.__data.__lock, __ATOMIC_ACQUIRE);
    return word == 0 || (word & FUTEX_OWNER_DIED);
}

/* The C library knows it: no sandbox forbids to take a mutex. */
int64_t threads_own_tid(void) {
    pthread_mutex_t mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
    c_library_pthread_mutex_trylock(&mutex);
    return mutex.__data.__owner;
}

/* The caller becomes the record's thread. */
static void begin_life(struct thread *thread) {
    if (c_library_pthread_mutex_trylock(&thread->life) == EOWNERDEAD)
        c_library_pthread_mutex_consistent(&thread->life);
    thread->image.tid = threads_own_tid();
    thread->image.generation = 0;
    thread->visit = (uint64_t)(threads_life(thread->visit) + 1) << 32;
}

/* The window is emptied while the record still looks dead: nobody sees old blocks of a new thread.
 */
static struct thread *take_exited(void) {
    lock_take(&lock);
    struct thread *thread = record_at(image->first_thread);
    while (thread && !has_exited(thread))
        thread = record_at(thread->image.next);
    if (thread) {
        detector_flush_window(detector, thread->window);
        begin_life(thread);
    }
    lock_give(&lock);
    if (thread && thread->cache)
        capture_cache_forget(thread->cache);
    return thread;
}

struct agent_stack *threads_cut_stack(uint64_t return_address) {
    struct agent_stack *stack = memory_allocate_zeroed(1, sizeof *stack + sizeof stack->pcs[0]);
    if (!stack)
        return NULL;
    stack->count = return_address != 0;
    stack->truncated = 1;
    stack->pcs[0] = return_address;
    return stack;
}

static size_t free_bytes(void) {
    size_t distances = (size_t)image->max_threshold + 1;
    return sizeof(struct agent_free) + distances * sizeof(struct agent_distance);
}

/* The first way to free comes with the site: so there is always one to count at. */
struct agent_site *threads_add_site(struct thread *thread, struct agent_stack *stack,
                                    uint32_t entry_point) {
    struct agent_site *site = memory_allocate_zeroed(1, sizeof *site + free_bytes());
    if (!site)
        return NULL;
    site->stack = (uintptr_t)stack;
    site->entry_point = entry_point;
    site->first_free = (uintptr_t)(site + 1);
    site->same_stack = stack->owner;
    stack->owner = (uintptr_t)site;
    image_link(&thread->image.first_site, &site->next, site);
    IMAGE_STORE(&image->memory_bytes, memory_mapped());
    return site;
}

struct agent_free *threads_add_free(void) {
    return memory_allocate_zeroed(1, free_bytes());
}

static struct thread *allocate_record(void) {
    struct thread *thread = memory_allocate_zeroed(1, sizeof *thread);
    if (!thread)
        return NULL;
    map_init(&thread->lone_stacks);
    struct agent_stack *no_stack = threads_cut_stack(0);
    if (no_stack)
        thread->last_resort = threads_add_site(thread, no_stack, 0);
    if (!thread->last_resort || chains_create(detector, &thread->chains) ||
        detector_add_window(detector, thread, &thread->window)) {
        chains_destroy(thread->chains);
        memory_release(thread->last_resort);
        memory_release(no_stack);
        memory_release(thread);
        return NULL;
    }
    c_library_pthread_mutex_init(&thread->life, &robust);
    thread->image.window = (uintptr_t)thread->window;
    thread->image.life = (uintptr_t)&thread->life.__data.__lock;
    return thread;
}

static struct thread *add_record(void) {
    memory_use_reserve(true);
    struct thread *thread = allocate_record();
    memory_use_reserve(false);
    if (!thread)
        return NULL;
    if (capture_cache_init(&thread->cache))
        thread->cache = NULL;
    begin_life(thread);
    thread->image.reset_generation = image->reset_generation;
    lock_take(&lock);
    image_link(&image->first_thread, &thread->image.next, thread);
    lock_give(&lock);
    return thread;
}

static void release_site_threads(struct agent_site *site) {
    uint64_t next = site->threads;
    site->threads = 0;
    while (next) {
        struct agent_site_thread *released = (struct agent_site_thread *)(uintptr_t)next;
        next = released->next;
        memory_release(released);
    }
}

static void reset_site(struct agent_site *site) {
    struct chain_counters *chains = (struct chain_counters *)(uintptr_t)site->chains;
    release_site_threads(site);
    if (chains)
        *chains = (struct chain_counters){0};
    site->allocations = site->allocated_bytes = 0;
    site->min_size = site->max_size = 0;
    site->larger = site->equal = site->by_realloc = 0;
    site->same_free = 0;
    for (uint64_t next = site->first_free; next;) {
        struct agent_free *free_site = (struct agent_free *)(uintptr_t)next;
        memset(free_site->by_distance, 0, free_bytes() - sizeof *free_site);
        next = free_site->next;
    }
}

static void reset_counters(struct thread *thread, uint64_t reset_generation) {
    for (uint64_t next = thread->image.first_site; next;) {
        struct agent_site *site = (struct agent_site *)(uintptr_t)next;
        reset_site(site);
        next = site->next;
    }
    struct agent_thread *counters = &thread->image;
    counters->allocations = counters->allocated_bytes = 0;
    counters->deallocations = counters->cross_thread_frees = counters->dropped = 0;
    counters->entries = 0;
    thread->visit++;
    IMAGE_STORE(&counters->reset_generation, reset_generation);
}

static bool is_excluded(uint64_t generation) {
    if (threads_self.excluded == generation)
        return true;
    int64_t only_tid = IMAGE_LOAD(&image->only_tid);
    if (only_tid == 0 || only_tid == threads_own_tid())
        return false;
    threads_self.excluded = generation;
    return true;
}

/* Python may have run without being seen since the generation before. */
static void follow_python(struct thread *thread) {
    thread->python = NULL;
    if (!IMAGE_LOAD(&image->python) || !python_here())
        return;
    if (!thread->merged && merged_stacks_create(&thread->merged) != TMPALLOC_OK)
        return;
    merged_stacks_forget(thread->merged);
    thread->python = thread->merged;
}

static struct thread *threads_renew_own(uint64_t generation) {
    struct thread **place = threads_self.children > 0 ? &threads_self.kept : &threads_self.thread;
    struct thread *thread = *place;
    if (thread && thread->image.generation == generation)
        return thread;
    if (is_excluded(generation))
        return NULL;
    if (!thread)
        thread = take_exited();
    if (!thread)
        thread = add_record();
    if (!thread)
        return NULL;
    *place = thread;
    uint64_t reset_generation = IMAGE_LOAD(&image->reset_generation);
    if (thread->image.reset_generation != reset_generation)
        reset_counters(thread, reset_generation);
    threads_flush(thread);
    follow_python(thread);
    thread->within_slot = 0;
    thread->everywhere_generation = IMAGE_LOAD(&image->within) ? 0 : generation;
    IMAGE_STORE(&thread->image.generation, generation);
    return thread;
}

struct thread *threads_renew(uint64_t generation) {
    uintptr_t call_slot = threads_self.call_slot;
    threads_self.call_slot = call_slot & ~CALL_IN_FUNCTION;
    atomic_signal_fence(memory_order_seq_cst);
    struct thread *thread = threads_renew_own(generation);
    atomic_signal_fence(memory_order_seq_cst);
    threads_self.call_slot = call_slot;
    return thread;
}

void threads_flush(struct thread *thread) {
    detector_flush_window(detector, thread->window);
}

bool threads_window_holds(const struct thread *thread, uint64_t generation) {
    return IMAGE_LOAD(&thread->image.generation) == generation && !has_exited(thread);
}

/* Some thread may be in the middle of a change while this one forks. */
static __thread bool torn __attribute__((tls_model("initial-exec")));

/* Handlers aren't told whether fork has failed: only then it sets errno. */
static __thread int errno_before __attribute__((tls_model("initial-exec")));

void threads_before_fork(void) {
    bool whole = python_codes_before_fork();
    whole = lock_before_fork(&lock) && whole;
    whole = detector_before_fork(detector) && whole;
    torn = !memory_before_fork() || !whole;
    image_before_fork();
    errno_before = *c_library___errno_location();
    *c_library___errno_location() = 0;
}

static void after_fork(void) {
    memory_after_fork();
    detector_after_fork(detector);
    lock_after_fork(&lock);
    python_codes_after_fork();
}

void threads_in_parent(void) {
    after_fork();
    if (*c_library___errno_location() != 0)
        return;
    *c_library___errno_location() = errno_before;
    image_count_child();
}

/* Only the thread that forked lives on; it keeps its record. */
void threads_in_child(void) {
    image_in_child();
    after_fork();
    *c_library___errno_location() = errno_before;
    if (torn)
        image_end(image->generation);
    for (struct thread *t = record_at(image->first_thread); t; t = record_at(t->image.next))
        c_library_pthread_mutex_init(&t->life, &robust);
    if (threads_self.thread)
        begin_life(threads_self.thread);
    image->pid = threads_own_tid();
}
