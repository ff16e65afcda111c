// Two threads keep blocks, and say themselves which of them can still become temporary: a line
// "ADDRESS SIZE AGE TID" for each.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LATEST 17 /* of the default max-threshold */

struct thread_log {
    long tid;
    long made;
    struct {
        void *block;
        size_t size;
    } blocks[64];
};

static struct thread_log logs[2];
static pthread_barrier_t barrier;
char *held, *old, *freed;
char text[16];

static void __attribute__((noinline)) note(struct thread_log *log, void *block, size_t size) {
    log->blocks[log->made].block = block;
    log->blocks[log->made].size = size;
    log->made++;
}

static void __attribute__((noinline)) make(struct thread_log *log, size_t size) {
    note(log, malloc(size), size);
}

static void __attribute__((noinline)) drop(struct thread_log *log, long number) {
    free(log->blocks[number].block);
    log->blocks[number].block = NULL;
}

// Without an allocation, as dprintf() makes one.
static void print(const struct thread_log *log) {
    char line[64];
    for (long i = log->made - 1; i >= 0 && i >= log->made - LATEST; i--) {
        if (log->blocks[i].block)
            write(1, line,
                  snprintf(line, sizeof line, "%p %zu %ld %ld\n", log->blocks[i].block,
                           log->blocks[i].size, log->made - 1 - i, log->tid));
    }
}

static void __attribute__((noinline)) stage(void) {
    __asm__ volatile("" : : : "memory");
}

static void *work(void *arg) {
    struct thread_log *log = (struct thread_log *)arg;
    log->tid = gettid();
    for (int i = 0; i < 20; i++)
        make(log, 700 + i);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void) {
    pthread_t thread;
    logs[0].tid = getpid();
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, work, &logs[1]);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 30; i++)
        make(&logs[0], 600 + i);
    note(&logs[0], new char[500], 500);
    freed = (char *)logs[0].blocks[25].block;
    drop(&logs[0], 25);
    drop(&logs[1], 18); // another thread's: out of its window
    held = (char *)logs[0].blocks[28].block;
    old = (char *)logs[0].blocks[2].block;
    print(&logs[0]);
    print(&logs[1]);
    stage();
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    stage();
    return 0;
}
