/* Two threads, each with 200 pairs of malloc and free between begin_work() and end_work(). */
#include <pthread.h>
#include <stdlib.h>

static pthread_barrier_t barrier;

__attribute__((noinline)) void begin_work(void) {
    __asm__ volatile("");
}

__attribute__((noinline)) void end_work(void) {
    __asm__ volatile("");
}

static void *work(void *arg) {
    void *volatile block = malloc(1);
    free(block);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 200; i++) {
        block = malloc(100);
        free(block);
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return arg;
}

int main(void) {
    pthread_t threads[2];
    pthread_barrier_init(&barrier, NULL, 3);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    pthread_barrier_wait(&barrier);
    begin_work();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    end_work();
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
