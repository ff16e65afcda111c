/* Whether a system call may be the process' end. */
#ifndef TMPALLOC_AGENT_SANDBOX_STATE_H
#define TMPALLOC_AGENT_SANDBOX_STATE_H

#include <stdatomic.h>
#include <stdbool.h>

extern atomic_uint sandbox_entries; /* that succeeded or are in progress */
extern bool sandbox_is_ruled_out;

static inline bool sandbox_entered(void) {
    return !sandbox_is_ruled_out &&
           atomic_load_explicit(&sandbox_entries, memory_order_acquire) != 0;
}

/* While the agent is set up, or the debugger calls it, which has asked the kernel: what a program
 * may do by code of its own it hasn't done.  No other thread runs meanwhile. */
void sandbox_rule_out(bool rules_out);

#endif
