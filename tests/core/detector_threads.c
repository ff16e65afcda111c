/* Lets threads meet at the same words of one detector and checks every verdict.
 *
 * Each thread allocates and frees at addresses that share words with those of all others, and hands
 * some blocks to its neighbour, which frees it while the owner waits.  The status is 1 when a
 * verdict or a distance was wrong. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "detector.h"
#include "memory.h"

#define THREADS         3
#define ROUNDS          20000
#define PLACES          8
#define HANDOVER_PERIOD 100
/* Addresses that differ by this share a word. */
#define WORD_PERIOD (UINT64_C(1) << 36)

struct worker {
    struct detector *detector;
    struct window *window;
    struct worker *neighbour;
    uint64_t number;
    _Atomic uint64_t mailbox; /* 0: empty */
    uint64_t wrong;
};

static atomic_uint running;

static void free_mail(struct worker *worker) {
    struct detector_block block;
    uint64_t address = atomic_load(&worker->mailbox);
    if (!address)
        return;
    enum detector_verdict verdict =
        detector_freed(worker->detector, worker->window, address, &block);
    worker->wrong += verdict != DETECTOR_CROSS_THREAD || block.address != address;
    atomic_store(&worker->mailbox, 0);
}

static void hand_over(struct worker *worker, uint64_t address) {
    struct worker *to = worker->neighbour;
    uint64_t empty = 0;
    struct detector_block block;
    detector_allocated(worker->detector, worker->window, address, 1, worker);
    atomic_compare_exchange_strong(&to->mailbox, &empty, address);
    while (atomic_load(&to->mailbox))
        free_mail(worker);
    worker->wrong +=
        detector_freed(worker->detector, worker->window, address, &block) != DETECTOR_PLAIN;
}

static void nest(struct worker *worker, uint64_t outer, uint64_t inner) {
    struct detector_block block;
    detector_allocated(worker->detector, worker->window, outer, 2, worker);
    detector_allocated(worker->detector, worker->window, inner, 3, worker);
    enum detector_verdict verdict = detector_freed(worker->detector, worker->window, inner, &block);
    worker->wrong += verdict != DETECTOR_TEMPORARY || block.distance != 0 || block.size_bytes != 3;
    verdict = detector_freed(worker->detector, worker->window, outer, &block);
    worker->wrong += verdict != DETECTOR_TEMPORARY || block.distance != 1 || block.size_bytes != 2;
}

static void *work(void *arg) {
    struct worker *worker = arg;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t address = 16 * (1 + round % PLACES) + worker->number * WORD_PERIOD;
        nest(worker, address, address + THREADS * WORD_PERIOD);
        if (round % HANDOVER_PERIOD == 0)
            hand_over(worker, address);
        free_mail(worker);
    }
    atomic_fetch_sub(&running, 1);
    while (atomic_load(&running))
        free_mail(worker);
    return NULL;
}

int main(void) {
    static struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct detector *detector;
    uint64_t wrong = 0;
    if (detector_create(16, NULL, &detector))
        return 1;
    atomic_store(&running, THREADS);
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i].detector = detector;
        workers[i].neighbour = &workers[(i + 1) % THREADS];
        workers[i].number = i;
        if (detector_add_window(detector, &workers[i], &workers[i].window))
            return 1;
    }
    for (uint64_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, &workers[i]);
    for (uint64_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong += workers[i].wrong;
    }
    detector_destroy(detector);
    printf("%llu\n", (unsigned long long)wrong);
    return wrong != 0 || memory_in_use() != 0;
}
