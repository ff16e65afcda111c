/* Whether the process has entered a sandbox, in which a system call may be its end.
 *
 * From then on the agent makes none: memory was mapped ahead, the debugger is taken to be there,
 * and what the kernel had to be asked is judged by what the thread is known to have. */
#ifndef TMPALLOC_AGENT_SANDBOX_H
#define TMPALLOC_AGENT_SANDBOX_H

#include "image.h"

extern atomic_uint sandbox_entries; /* that succeeded or are in progress */

extern bool sandbox_is_ruled_out;

static inline bool sandbox_entered(void) {
    return !sandbox_is_ruled_out &&
           (atomic_load_explicit(&sandbox_entries, memory_order_acquire) != 0 ||
            IMAGE_LOAD(&image->sandboxed) != 0);
}

/* While the agent is set up, or the debugger calls it, which has asked the kernel: what a program
 * may do by code of its own it hasn't done.  No other thread runs meanwhile. */
void sandbox_rule_out(bool rules_out);

/* Before a call that may enter one, and when it has failed. */
void sandbox_begin(void);
void sandbox_take_back(void);

/* One may be entered without such a call. */
void sandbox_expect(void);

#endif
