/* Feeds a tracker with allocations and frees and prints how many events per second it takes.
 *
 *     detector_throughput [EVENTS]
 *
 * Output, one number a line: events per second, then the core's memory in bytes after a tenth of
 * the events and after all of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "support/memory.h"
#include "tables/tracker.h"

#define SITES          256
#define LIVE_BLOCKS    4096
#define DEFAULT_EVENTS UINT64_C(20000000)

struct load {
    struct tracker *tracker;
    struct tracker_thread *thread;
    uint64_t random;
    uint64_t live[LIVE_BLOCKS]; /* long-lived blocks, freed when their place is taken again */
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint64_t next_random(struct load *load) {
    load->random ^= load->random << 13;
    load->random ^= load->random >> 7;
    load->random ^= load->random << 17;
    return load->random;
}

static uint64_t allocate(struct load *load, uint64_t random) {
    uint64_t address = UINT64_C(0x7f0000000000) + (random >> 20) % (1 << 22) * 16;
    uint32_t stack = (uint32_t)(random % SITES);
    tracker_allocated(load->tracker, load->thread, address, random % 512, stack, NULL);
    return address;
}

static void release(struct load *load, uint64_t address) {
    struct tracker_release release;
    tracker_freed(load->tracker, load->thread, address, false, &release);
}

/* One long-lived block, two temporaries, one of them within the other: six events. */
static void feed(struct load *load) {
    uint64_t random = next_random(load);
    uint64_t *place = &load->live[random % LIVE_BLOCKS];
    uint64_t outer = allocate(load, random);
    uint64_t inner = allocate(load, next_random(load));
    release(load, inner);
    release(load, outer);
    release(load, *place);
    *place = allocate(load, next_random(load));
}

static int add_stacks(struct stacks *stacks) {
    for (uint64_t i = 0; i < SITES; i++) {
        struct frame frame = {.offset = i, .module = FRAME_NO_MODULE};
        struct stack stack = {.frames = &frame, .count = 1};
        uint32_t number;
        if (stacks_intern(stacks, &stack, &number))
            return -1;
    }
    return 0;
}

/* A site's first growth chain takes memory. */
static void grow_everywhere(struct load *load) {
    for (uint32_t stack = 0; stack < SITES; stack++) {
        tracker_allocated(load->tracker, load->thread, 0x1000, 1, stack, NULL);
        tracker_allocated(load->tracker, load->thread, 0x2000, 2, stack, NULL);
        release(load, 0x1000);
        release(load, 0x2000);
    }
}

int main(int argc, char **argv) {
    uint64_t rounds = (argc > 1 ? strtoull(argv[1], NULL, 10) : DEFAULT_EVENTS) / 6;
    struct load *load = calloc(1, sizeof *load);
    if (!load || tracker_create(16, &load->tracker) || add_stacks(tracker_stacks(load->tracker)))
        return 1;
    load->random = 88172645463325252;
    load->thread = tracker_get_thread(load->tracker, 1, 1);
    if (!load->thread)
        return 1;
    grow_everywhere(load);
    size_t early_bytes = 0;
    double begin = now();
    for (uint64_t i = 0; i < rounds; i++) {
        if (i == rounds / 10)
            early_bytes = memory_in_use();
        feed(load);
    }
    printf("%.0f\n%zu\n%zu\n", (double)rounds * 6 / (now() - begin), early_bytes, memory_in_use());
    tracker_destroy(load->tracker);
    free(load);
    return memory_in_use() != 0;
}
