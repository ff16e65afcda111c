/* A server under load: threads that allocate in different ways until the process is killed.  In the
 * file that the first argument names it keeps, for each thread, its rounds and its longest pause
 * between two of them in nanoseconds. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4

struct record {
    volatile uint64_t rounds;
    volatile uint64_t longest_ns;
};

static struct record *records;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Small blocks: the thread's cache. */
static void *small_blocks(void) {
    return malloc(24);
}

/* A growing buffer, by realloc, past the size from which blocks are mappings. */
static void *growing_block(void) {
    void *block = NULL;
    for (size_t size = 64; size < 300000; size *= 3)
        block = realloc(block, size);
    return block;
}

static void *aligned_blocks(void) {
    void *block = NULL;
    free(calloc(7, 100));
    return posix_memalign(&block, 256, 2000) ? NULL : block;
}

/* What libc allocates itself, and blocks that consolidate in the arena. */
static void *strings(void) {
    char *text = strdup("a string");
    free(malloc(5000));
    free(text);
    return malloc(1500);
}

static void *(*const ways[THREADS])(void) = {small_blocks, growing_block, aligned_blocks, strings};

static void *serve(void *arg) {
    int number = *(int *)arg;
    struct record *record = &records[number];
    for (uint64_t last = now_ns(), now;; last = now) {
        for (int i = 0; i < 50; i++)
            free(ways[number]());
        usleep(100);
        now = now_ns();
        record->rounds++;
        if (now - last > record->longest_ns)
            record->longest_ns = now - last;
    }
    return NULL;
}

int main(int count, char **arguments) {
    static int numbers[THREADS];
    if (count < 2)
        return 2;
    int file = open(arguments[1], O_RDWR | O_CREAT, 0600);
    size_t size = THREADS * sizeof *records;
    if (file < 0 || ftruncate(file, (off_t)size))
        return 3;
    records = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        numbers[i] = i;
        pthread_create(&thread, NULL, serve, &numbers[i]);
    }
    for (;;)
        pause();
}
