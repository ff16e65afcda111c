#include "agent/count/children.h"

#include "agent/system/capture_pages.h"
#include "agent/system/sandbox_state.h"
#include "agent/x86_64/system_call.h"

/* Of so many children at once the end is known. */
#define APART 16

/* The kernel has yet to store the number. */
#define NOT_YET (-1)

static pid_t apart[APART]; /* 0: not in use */

void children_begin(void) {
    if (threads_self.children++ > 0)
        return;
    threads_self.kept = threads_self.thread;
    threads_self.thread = NULL;
}

void children_end(void) {
    if (--threads_self.children == 0)
        threads_self.thread = threads_self.kept;
}

pid_t *children_begin_apart(void) {
    for (int i = 0; i < APART && !threads_self.apart; i++) {
        pid_t unused = 0;
        if (!__atomic_compare_exchange_n(&apart[i], &unused, NOT_YET, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED))
            continue;
        threads_self.apart = &apart[i];
        children_begin();
        return threads_self.apart;
    }
    return NULL;
}

/* In a sandbox the kernel isn't asked: children have stacks of their own. */
static bool is_apart(void) {
    if (sandbox_entered())
        return !capture_pages_on_own_stack((uintptr_t)__builtin_frame_address(0));
    return system_call4(SYS_gettid, 0, 0, 0, 0) != threads_own_tid();
}

bool children_call(void) {
    if (!threads_self.apart)
        return true;
    if (__atomic_load_n(threads_self.apart, __ATOMIC_ACQUIRE) != 0)
        return threads_self.children > 1 || is_apart();
    threads_self.apart = NULL;
    children_end();
    return children_any();
}
