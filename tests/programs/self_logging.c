/* A program that logs its own heap calls.
 *
 *     self_logging SEED OPERATIONS THREADS LOG
 *
 * makes OPERATIONS pseudo-random heap operations and writes LOG, one event a line:
 *
 *     a TID ADDR SIZE SITE     allocation
 *     f TID ADDR               free
 *     r TID OLD NEW SIZE SITE  realloc; OLD 0: plain allocation, NEW 0: plain free
 *     x TID                    thread exit
 *
 * SITE is the function with the program's one call of that allocator, so that a call stack has one
 * site and a site one call stack per kind of thread.  The log holds exactly the events between
 * log_begins() and log_ends(); blocks that are older are freed in between, too.
 *
 * With one thread, main does everything and the sequence depends on SEED alone.  With more, ROUNDS
 * generations of threads do the work, freeing each other's blocks.  A heap call and its log entry
 * are made under one mutex, so the log is the true order.  Nothing else calls the heap meanwhile:
 * logging uses a static buffer, and the C library takes thread stacks from its cache, which is
 * filled before log_begins().  A thread's exit is logged when the system has forgotten it, and
 * nobody calls the heap while threads exit; so all observers agree on when that was. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS      3
#define THREADS_MAX 16
#define SLOTS       24 /* per thread, and as many that all share */
#define STACK_BYTES (256 * 1024)
#define HUGE_BYTES  ((size_t)PTRDIFF_MAX - 4096)
/* Keeps a call from becoming a jump: its return address must be in the function that makes it. */
#define STAY() __asm__ volatile("" ::: "memory")

struct slot {
    void *block;
};

struct worker {
    pthread_t thread;
    uint64_t random;
    long operations;
    pid_t tid;
    int latest; /* the slot that was filled last */
    struct slot slots[SLOTS];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t round_done;
static struct worker workers[THREADS_MAX];
static struct slot shared[SLOTS];
static char log_buffer[1 << 16];
static size_t log_length;
static int log_fd;

static void log_flush(void) {
    for (size_t done = 0; done < log_length;) {
        ssize_t written = write(log_fd, log_buffer + done, log_length - done);
        if (written < 0 && errno != EINTR)
            _exit(3);
        done += written > 0 ? (size_t)written : 0;
    }
    log_length = 0;
}

static void log_character(char character) {
    if (log_length == sizeof log_buffer)
        log_flush();
    log_buffer[log_length++] = character;
}

static void log_word(const char *word) {
    log_character(' ');
    while (*word)
        log_character(*word++);
}

static void log_number(uint64_t number, unsigned base) {
    char digits[24];
    char *digit = digits + sizeof digits;
    *--digit = '\0';
    do
        *--digit = "0123456789abcdef"[number % base];
    while (number /= base);
    if (base == 16) {
        *--digit = 'x';
        *--digit = '0';
    }
    log_word(digit);
}

static void log_event(char kind) {
    log_character(kind);
    log_number((uint64_t)gettid(), 10);
}

static void log_address(uintptr_t address) {
    log_number(address, 16);
}

static void log_allocation(const void *block, size_t size, const char *site) {
    if (!block)
        return;
    log_event('a');
    log_address((uintptr_t)block);
    log_number(size, 10);
    log_word(site);
    log_character('\n');
}

static void log_realloc(uintptr_t old, const void *block, size_t size, const char *site) {
    if (!block && !(old && size == 0))
        return;
    log_event('r');
    log_address(old);
    log_address((uintptr_t)block);
    log_number(size, 10);
    log_word(site);
    log_character('\n');
}

__attribute__((noinline)) static void release(void *block) {
    if (block) {
        log_event('f');
        log_address((uintptr_t)block);
        log_character('\n');
    }
    free(block);
    STAY();
}

__attribute__((noinline)) static void *site_malloc(size_t size) {
    void *block = malloc(size);
    STAY();
    log_allocation(block, size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_calloc(size_t count, size_t size) {
    void *block = calloc(count, size);
    STAY();
    log_allocation(block, count * size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_realloc(void *old, size_t size) {
    uintptr_t address = (uintptr_t)old;
    void *block = realloc(old, size);
    STAY();
    log_realloc(address, block, size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_reallocarray(void *old, size_t count, size_t size) {
    uintptr_t address = (uintptr_t)old;
    void *block = reallocarray(old, count, size);
    STAY();
    log_realloc(address, block, count * size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_aligned_alloc(size_t size) {
    void *block = aligned_alloc(64, size);
    STAY();
    log_allocation(block, size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_memalign(size_t size) {
    void *block = memalign(256, size);
    STAY();
    log_allocation(block, size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_posix_memalign(size_t alignment, size_t size) {
    void *block = NULL;
    if (posix_memalign(&block, alignment, size) != 0)
        block = NULL;
    STAY();
    log_allocation(block, size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_valloc(size_t size) {
    void *block = valloc(size);
    STAY();
    log_allocation(block, size, __func__);
    return block;
}

__attribute__((noinline)) static void *site_pvalloc(size_t size) {
    void *block = pvalloc(size);
    STAY();
    log_allocation(block, size, __func__);
    return block;
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL >> 16;
}

/* Mostly small, sometimes nothing, sometimes more than there is. */
static size_t random_size(uint64_t *state) {
    uint64_t draw = next_random(state);
    if (draw % 16 == 0)
        return 0;
    if (draw % 16 == 1)
        return HUGE_BYTES;
    return 1 + draw / 16 % (draw % 16 == 2 ? 5000 : 200);
}

static void *allocate(uint64_t *state) {
    size_t size = random_size(state);
    switch (next_random(state) % 16) {
    case 0:
        return site_aligned_alloc(size);
    case 1:
        return site_memalign(size);
    case 2:
        return site_posix_memalign(size % 3 == 0 ? 24 : 32, size); /* 24 is refused */
    case 3:
        return site_valloc(size);
    case 4:
        return site_pvalloc(size);
    case 5:
    case 6:
    case 7:
        return site_calloc(1 + size % 3, size);
    default:
        return site_malloc(size);
    }
}

/* What a slot holds after a realloc: a failed one leaves the block as it was. */
static void resize(struct slot *slot, uint64_t *state) {
    size_t size = random_size(state);
    void *block = next_random(state) % 4 == 0 ? site_reallocarray(slot->block, 1 + size % 3, size)
                                              : site_realloc(slot->block, size);
    if (block || size == 0)
        slot->block = block;
}

static void replace(struct slot *slot, uint64_t *state) {
    release(slot->block);
    slot->block = allocate(state);
}

static void operate(struct worker *worker) {
    uint64_t draw = next_random(&worker->random);
    int i = (int)(draw / 64 % SLOTS);
    struct slot *slot = draw / 16 % 4 == 0 ? &shared[i] : &worker->slots[i];
    if (draw % 16 < 4) {
        release(worker->slots[worker->latest].block); /* at once: a temporary */
        worker->slots[worker->latest].block = NULL;
    } else if (draw % 16 < 6) {
        release(slot->block);
        slot->block = NULL;
    } else if (draw % 16 < 10) {
        resize(slot, &worker->random);
    } else {
        replace(slot, &worker->random);
    }
    if (slot == &worker->slots[i])
        worker->latest = i;
}

static void work(struct worker *worker) {
    worker->tid = gettid();
    for (long i = 0; i < worker->operations; i++) {
        pthread_mutex_lock(&mutex);
        operate(worker);
        pthread_mutex_unlock(&mutex);
    }
}

static void *run_worker(void *argument) {
    work(argument);
    pthread_barrier_wait(&round_done);
    return NULL;
}

static void start_threads(int threads, long operations) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_barrier_init(&round_done, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        workers[i].operations = operations;
        if (pthread_create(&workers[i].thread, &attributes, run_worker, &workers[i]) != 0)
            _exit(4);
    }
    pthread_attr_destroy(&attributes);
}

static void end_threads(int threads) {
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        while (syscall(SYS_tgkill, getpid(), workers[i].tid, 0) == 0)
            sched_yield(); /* a debugger may not have seen the end of it yet */
    }
    pthread_barrier_destroy(&round_done);
}

static void log_thread_exits(int threads) {
    for (int i = 0; i < threads; i++) {
        log_character('x');
        log_number((uint64_t)workers[i].tid, 10);
        log_character('\n');
    }
}

/* The blocks of threads that are gone, freed by a thread that has never allocated. */
static void release_shared(void) {
    for (int i = 0; i < SLOTS; i += 2) {
        release(shared[i].block);
        shared[i].block = NULL;
    }
}

/* There when an observer is preloaded. */
__attribute__((weak)) void observe_begins(void);
__attribute__((weak)) void observe_ends(void);

/* Different, or compilers make one function of them. */
__attribute__((noinline)) static void log_begins(void) {
    __asm__ volatile("# begins" ::: "memory");
}

__attribute__((noinline)) static void log_ends(void) {
    __asm__ volatile("# ends" ::: "memory");
}

static void prepare(uint64_t seed, int threads) {
    for (int i = 0; i < THREADS_MAX; i++)
        workers[i].random = seed * 1000 + (uint64_t)i + 1;
    for (int i = 0; i < SLOTS; i++)
        shared[i].block = malloc(32);
    if (threads > 1) { /* fills the cache of thread stacks */
        start_threads(threads, 0);
        end_threads(threads);
    }
}

static void run(int threads, long operations) {
    if (threads == 1) {
        workers[0].operations = operations;
        work(&workers[0]);
        return;
    }
    for (int round = 0; round < ROUNDS; round++) {
        start_threads(threads, operations / threads / ROUNDS);
        end_threads(threads);
        log_thread_exits(threads);
        release_shared();
    }
}

int main(int argc, char **argv) {
    int threads = argc == 5 ? atoi(argv[3]) : 0;
    if (threads < 1 || threads > THREADS_MAX)
        return 2;
    log_fd = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return 3;
    prepare(strtoull(argv[1], NULL, 10), threads);
    log_begins();
    if (observe_begins)
        observe_begins();
    run(threads, atol(argv[2]));
    if (observe_ends)
        observe_ends();
    log_ends();
    log_flush();
    return 0;
}
