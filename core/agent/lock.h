/* A lock for short sections without system calls in between, held by nobody during user code. */
#ifndef TMPALLOC_LOCK_H
#define TMPALLOC_LOCK_H

#include <stdatomic.h>

#include "system_call.h"

struct lock {
    atomic_flag taken;
};

#define LOCK_INIT                                                                                  \
    { ATOMIC_FLAG_INIT }

static inline void lock_take(struct lock *lock) {
    while (atomic_flag_test_and_set_explicit(&lock->taken, memory_order_acquire))
        system_call4(SYS_sched_yield, 0, 0, 0, 0);
}

static inline void lock_give(struct lock *lock) {
    atomic_flag_clear_explicit(&lock->taken, memory_order_release);
}

#endif
