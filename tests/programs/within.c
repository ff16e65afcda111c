/* Calls inside and outside of inner(), between case_begins() and case_ends(). */
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

__attribute__((noinline)) void case_begins(void) {
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void case_ends(void) {
    __asm__ volatile("" ::: "memory");
}

static jmp_buf jump;
static pthread_barrier_t barrier;

__attribute__((noinline)) static void allocate(size_t size) {
    free(malloc(size));
}

/* Allocates 10 + depth at each level. */
__attribute__((noinline)) void inner(int depth) {
    allocate(10 + (size_t)depth);
    if (depth > 0)
        inner(depth - 1);
    allocate(10 + (size_t)depth);
}

__attribute__((noinline)) void outer(int depth) {
    if (depth > 0)
        outer(depth - 1);
    else
        allocate(7);
    __asm__ volatile("");
}

static void *work(void *arg) {
    pthread_barrier_wait(&barrier);
    allocate(100);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    allocate(101);
    inner(0);
    allocate(102);
    pthread_barrier_wait(&barrier);
    return arg;
}

int main(void) {
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, work, NULL);
    case_begins();
    allocate(200);
    inner(2);
    allocate(201);
    if (setjmp(jump) == 0) {
        void (*volatile leave)(jmp_buf, int) = longjmp;
        inner(0);
        allocate(202);
        leave(jump, 1);
    }
    pthread_barrier_wait(&barrier); /* the other one allocates, outside */
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* and now inside, too */
    pthread_barrier_wait(&barrier);
    outer(20);
    case_ends();
    pthread_join(thread, NULL);
    return 0;
}
