/* A lock for short sections without system calls in between, held by nobody during user code but of
 * a signal handler that interrupted its holder, which may fork. */
#ifndef TMPALLOC_LOCK_H
#define TMPALLOC_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lock {
    _Atomic(const char *) owner; /* NULL: nobody */
    uint32_t forks;              /* in progress that found it taken by their own thread */
};

#define LOCK_INIT                                                                                  \
    { NULL }

/* Of each thread and user of this header another address. */
static __thread char lock_self __attribute__((tls_model("initial-exec"), unused));

/* Fork waits so many rounds for a thread that may itself wait for what the forking one holds. */
#define LOCK_FORK_ROUNDS (1 << 20)

static inline bool lock_try(struct lock *lock) {
    const char *nobody = NULL;
    return atomic_load_explicit(&lock->owner, memory_order_relaxed) == NULL &&
           atomic_compare_exchange_strong_explicit(&lock->owner, &nobody, &lock_self,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void lock_take(struct lock *lock) {
    while (!lock_try(lock))
        continue;
}

static inline void lock_give(struct lock *lock) {
    atomic_store_explicit(&lock->owner, NULL, memory_order_release);
}

static inline bool lock_is_own(const struct lock *lock) {
    return atomic_load_explicit(&lock->owner, memory_order_relaxed) == &lock_self;
}

/* Around fork.  What the thread has taken already, where the signal handler that forks has
 * interrupted it, it gives back itself, in the child as well.  False: another thread doesn't give
 * it back. */
static inline bool lock_before_fork(struct lock *lock) {
    if (lock_is_own(lock)) {
        lock->forks++;
        return true;
    }
    for (int i = 0; i < LOCK_FORK_ROUNDS; i++) {
        if (lock_try(lock))
            return true;
    }
    return false;
}

static inline void lock_after_fork(struct lock *lock) {
    if (!lock_is_own(lock))
        return;
    if (lock->forks > 0)
        lock->forks--;
    else
        lock_give(lock);
}

#endif
