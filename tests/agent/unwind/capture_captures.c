/* Captures without a debuggee, for what a checking build can't show:
 *     capture_captures bench            nanoseconds per capture
 *     capture_captures faults           every allocation fails once
 *     capture_captures reuse            entries and walks of a cache that changes its thread
 *     capture_captures paths            64 stacks in no order
 *     capture_captures pointers         two stacks that differ in the frame pointer alone
 *     capture_captures unloaded A B     two libraries, one after the other at one address
 *     capture_captures broken           stacks with wrong frame information
 * Status 0 and no output but bench's: as it should be. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "agent/unwind/capture.h"
#include "check.h"
#include "support/memory.h"

/* Short and often: the best is one that nothing else disturbed. */
#define REPEATED 300
#define NOINLINE __attribute__((noinline, noclone))

static struct capture_cache *cache;
static struct capture_entry *entry;
static volatile unsigned sink;
static const char *plugins[2];

/* As a hook does. */
static NOINLINE void capture(void) {
    const uintptr_t *frame = __builtin_frame_address(0);
    entry = capture_stack(cache, (uintptr_t)(frame + 1), frame[0]);
}

static NOINLINE void capture_below(unsigned depth, unsigned path);

static NOINLINE void left(unsigned depth, unsigned path) {
    capture_below(depth, path);
    sink++;
}

static NOINLINE void right(unsigned depth, unsigned path) {
    capture_below(depth, path);
    sink--;
}

/* The lowest bits of the path choose the ways. */
static NOINLINE void capture_below(unsigned depth, unsigned path) {
    if (depth < 2)
        capture();
    else if (path & 1)
        left(depth - 2, path >> 1);
    else
        right(depth - 2, path >> 1);
    sink++;
}

static NOINLINE void repeat_below(unsigned depth, unsigned count) {
    if (depth) {
        repeat_below(depth - 1, count);
    } else {
        /* Twice in a loop would be two stacks. */
#pragma GCC unroll 1
        for (unsigned i = 0; i < count; i++)
            capture();
    }
    sink++;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void create(void) {
    CHECK(capture_cache_init(&cache) == 0);
}

static void destroy(void) {
    capture_cache_destroy(cache);
    CHECK(memory_in_use() == 0);
}

static void measure_depth(unsigned depth) {
    const unsigned count = 5000;
    double best = 1;
    create();
    for (unsigned i = 0; i < REPEATED; i++) {
        double start = seconds();
        repeat_below(depth, count);
        double taken = seconds() - start;
        best = taken < best ? taken : best;
    }
    printf("depth %u: %.1f ns\n", entry->count, best / count * 1e9);
    destroy();
}

static void measure_paths(void) {
    const unsigned rounds = 100;
    double best = 1;
    create();
    for (unsigned i = 0; i < REPEATED; i++) {
        double start = seconds();
        for (unsigned j = 0; j < rounds * 64; j++)
            capture_below(18, j % 64);
        double taken = seconds() - start;
        best = taken < best ? taken : best;
    }
    printf("64 paths, depth %u: %.1f ns with the calls, %lu walks\n", entry->count,
           best / (rounds * 64) * 1e9, capture_walks(cache));
    destroy();
}

static void bench(void) {
    measure_depth(1);
    measure_depth(16);
    measure_depth(56);
    measure_paths();
}

/* All paths, compared with what another cache has found. */
static NOINLINE uint64_t run_paths(uint64_t stacks[64]) {
    uint64_t missing = 0;
    for (unsigned i = 0; i < 128; i++) {
        capture_below(14, i % 64);
        missing += !entry;
        uint64_t hash = entry ? entry->count : 0;
        for (uint32_t j = 0; entry && j < entry->count - 6; j++)
            hash = hash * 31 + entry->pcs[j];
        if (stacks[i % 64] == 0)
            stacks[i % 64] = hash;
        CHECK(!entry || stacks[i % 64] == hash);
    }
    return missing;
}

static void faults(void) {
    uint64_t stacks[64] = {0};
    uint64_t reached = 0;
    create();
    CHECK(run_paths(stacks) == 0);
    destroy();
    for (uint64_t i = 1; reached == 0; i++) {
        memory_fail_after(i);
        uint64_t missing = 0;
        bool created = capture_cache_init(&cache) == 0;
        if (created)
            missing = run_paths(stacks);
        reached = memory_fail_after(0);
        CHECK(missing <= 1);
        if (created) {
            CHECK(run_paths(stacks) == 0);
            capture_cache_destroy(cache);
        }
        CHECK(memory_in_use() == 0);
    }
}

static void *use_cache(void *arg) {
    struct capture_entry **ret = arg;
    repeat_below(3, 2);
    *ret = entry;
    capture_cache_forget(cache);
    return NULL;
}

static struct capture_entry *capture_in_thread(void) {
    pthread_t thread;
    struct capture_entry *found = NULL;
    CHECK(pthread_create(&thread, NULL, use_cache, &found) == 0);
    pthread_join(thread, NULL);
    return found;
}

/* Another thread's equal stack at another place is the same entry, without a walk. */
static void reuse(void) {
    create();
    struct capture_entry *first = capture_in_thread();
    uint64_t walks = capture_walks(cache);
    CHECK(first && walks == 1);
    for (unsigned i = 0; i < 3; i++)
        CHECK(capture_in_thread() == first);
    CHECK(capture_walks(cache) == walks);
    capture_code_unloaded();
    CHECK(capture_in_thread() == first && capture_walks(cache) == walks);
    destroy();
}

/* In no order: the predictor knows little, and nothing is walked twice for that. */
static void paths(void) {
    uint64_t chance = 1;
    create();
    for (unsigned i = 0; i < 20000; i++) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        capture_below(14, chance >> 58);
    }
    CHECK(capture_walks(cache) == 64);
    destroy();
}

/* Its callers' frame is found by the frame pointer. */
static NOINLINE uintptr_t place_with_frame_pointer(size_t size) {
    volatile char *room = __builtin_alloca(size);
    room[0] = 1;
    capture();
    sink += (unsigned)room[0];
    return (uintptr_t)entry->pcs[0];
}

/* One piece of stack, two frame pointers into it. */
static void pointers(void) {
    create();
    uint64_t stack[8] = {place_with_frame_pointer(sink % 8 + 8)};
    stack[3] = 0x1000;
    stack[5] = 0x2000;
    for (unsigned i = 0; i < 8; i++) {
        unsigned frame = i / 2 % 2 ? 4 : 2;
        entry = capture_stack(cache, (uintptr_t)stack, (uintptr_t)&stack[frame]);
        CHECK(entry && entry->count == 2 && entry->pcs[1] == stack[frame + 1]);
    }
    destroy();
}

static int capture_called(int argument) {
    capture();
    return argument;
}

/* The stack beneath the only function of a library that is loaded for the time being. */
static NOINLINE struct capture_entry *capture_in_plugin(const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    CHECK(library);
    int (*call)(int (*)(int), int) = (int (*)(int (*)(int), int))dlsym(library, "plugin_call");
    call(capture_called, 1);
    dlclose(library);
    capture_code_unloaded();
    return entry;
}

/* Two libraries with equal addresses have stacks of their own, which come back with them. */
static void unloaded(void) {
    struct capture_entry *found[6];
    create();
    for (unsigned i = 0; i < 6; i++)
        found[i] = capture_in_plugin(plugins[i % 2]);
    CHECK(found[0]->count == found[1]->count && found[0]->pcs[1] == found[1]->pcs[1]);
    CHECK(found[0] != found[1] && found[1]->generation != found[0]->generation);
    for (unsigned i = 2; i < 6; i++)
        CHECK(found[i] == found[i % 2]);
    destroy();
}

/* A return slot at the end of readable memory, and the return address of this function, whose frame
 * would go on beyond. */
static NOINLINE void broken(void) {
    const size_t page = 4096;
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED && mprotect(memory + page, page, PROT_NONE) == 0);
    uintptr_t slot = (uintptr_t)(memory + page - sizeof(uintptr_t));
    *(uintptr_t *)slot = (uintptr_t)__builtin_return_address(0);
    create();
    capture();
    uint64_t walks = capture_walks(cache);
    for (unsigned i = 0; i < 3; i++) {
        entry = capture_stack(cache, slot, slot);
        CHECK(entry && entry->count == 1 && entry->truncated);
        entry = capture_stack(cache, slot, slot + 1);
        CHECK(entry && entry->count == 1 && entry->truncated);
    }
    *(uintptr_t *)slot = slot;
    entry = capture_stack(cache, slot, 0);
    CHECK(entry && entry->count == 1 && entry->truncated);
    CHECK(capture_walks(cache) > walks);
    destroy();
    munmap(memory, 2 * page);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"bench", bench},  {"faults", faults},     {"reuse", reuse},
                 {"paths", paths},  {"pointers", pointers}, {"unloaded", unloaded},
                 {"broken", broken}};
    if (argc == 4)
        memcpy(plugins, argv + 2, sizeof plugins);
    for (size_t i = 0; argc >= 2 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run();
            return 0;
        }
    }
    return 2;
}
