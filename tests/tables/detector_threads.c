/* Lets threads meet at the same words of one detector and checks every verdict.
 *
 * Each thread allocates and frees at addresses that share words with those of all others.  It hands
 * some blocks to its neighbour, which frees them and gets them again itself: some while the owner
 * waits, others while it goes on and uses their places in its window for new ones.  The status is 1
 * when a verdict or a distance was wrong. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "support/memory.h"
#include "tables/detector.h"

#define THREADS         3
#define ROUNDS          20000
#define PLACES          8
#define HANDOVER_PERIOD 100
#define LETTER_PERIOD   3
#define RACES           1000000
#define LONGEST_WAIT    200
/* Addresses that differ by this share a word. */
#define WORD_PERIOD (UINT64_C(1) << 36)

struct worker {
    struct detector *detector;
    struct window *window;
    struct worker *neighbour;
    uint64_t number;
    _Atomic uint64_t mailbox; /* 0: empty; its sender waits */
    _Atomic uint64_t letter;  /* 0: none; its sender doesn't */
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

/* By now it may have left its owner's window. */
static void free_letter(struct worker *worker) {
    struct detector_block block;
    uint64_t address = atomic_load(&worker->letter);
    if (!address)
        return;
    worker->wrong +=
        detector_freed(worker->detector, worker->window, address, &block) == DETECTOR_TEMPORARY;
    detector_allocated(worker->detector, worker->window, address, 4, worker);
    enum detector_verdict verdict =
        detector_freed(worker->detector, worker->window, address, &block);
    worker->wrong += verdict != DETECTOR_TEMPORARY || block.distance != 0 || block.size_bytes != 4;
    atomic_store(&worker->letter, 0);
}

static void send_letter(struct worker *worker, uint64_t address) {
    if (atomic_load(&worker->neighbour->letter))
        return;
    detector_allocated(worker->detector, worker->window, address, 5, worker);
    atomic_store(&worker->neighbour->letter, address);
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
        if (round % LETTER_PERIOD == 0)
            send_letter(worker, address + 2 * THREADS * WORD_PERIOD);
        free_mail(worker);
        free_letter(worker);
    }
    atomic_fetch_sub(&running, 1);
    while (atomic_load(&running))
        free_mail(worker);
    return NULL;
}

/* Two threads, one of which frees a block at about the time when the owner, whose window holds two,
 * uses its place for another one. */

static void *free_letters(void *arg) {
    struct worker *worker = arg;
    while (atomic_load(&running))
        free_letter(worker);
    return NULL;
}

static uint64_t race(void) {
    struct worker workers[2] = {{.neighbour = &workers[1], .number = 0}, {.number = 1}};
    struct detector *detector;
    pthread_t thread;
    if (detector_create(1, NULL, &detector))
        return 1;
    for (int i = 0; i < 2; i++) {
        workers[i].detector = detector;
        if (detector_add_window(detector, &workers[i], &workers[i].window))
            return 1;
    }
    atomic_store(&running, 1);
    pthread_create(&thread, NULL, free_letters, &workers[1]);
    for (uint64_t round = 0; round < RACES; round++) {
        send_letter(&workers[0], 16);
        for (uint64_t i = 0; i < round % LONGEST_WAIT; i++)
            atomic_signal_fence(memory_order_seq_cst);
        nest(&workers[0], 32, 48);
    }
    atomic_store(&running, 0);
    pthread_join(thread, NULL);
    detector_destroy(detector);
    return workers[0].wrong + workers[1].wrong;
}

static uint64_t run(uint32_t max_threshold) {
    struct worker workers[THREADS] = {0};
    pthread_t threads[THREADS];
    struct detector *detector;
    uint64_t wrong = 0;
    if (detector_create(max_threshold, NULL, &detector))
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
    return wrong;
}

int main(void) {
    /* The smallest window that holds two blocks, so that places are used again at once. */
    uint64_t wrong = run(1) + run(16) + race();
    printf("%llu\n", (unsigned long long)wrong);
    return wrong != 0 || memory_in_use() != 0;
}
