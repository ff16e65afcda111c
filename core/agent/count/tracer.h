/* Whether the debugger is still there.
 *
 * A debugger that is killed, or lets the process go, takes nothing back.  So every thread looks
 * once in a while, and tracking ends when no debugger traces the process any more; one that comes
 * later can start it again.  The answer is in /proc/thread-self/status, proc(5), read by plain
 * system calls: neither errno nor a lock nor memory is involved, and signal handlers may look, too.
 */
#ifndef TMPALLOC_AGENT_TRACER_H
#define TMPALLOC_AGENT_TRACER_H

#include <stdint.h>

/* A look costs some 10 us, this many allocations at least 5 ms. */
#define TRACER_PERIOD (UINT64_C(1) << 18)

/* From now on tracking ends with tracing.  Does nothing where the answer can't be had: without
 * /proc, or with a debugger outside of this PID namespace.  Looking ends when the process is found
 * to have entered a sandbox meanwhile, whose answer to a file being opened may be its end. */
void tracer_watch(void);

/* When the debugger is gone its own breakpoints, as far as the image knows them, are taken out,
 * too.
 */
void tracer_look(void) __attribute__((noinline, cold));

/* At each allocation of a thread, with its number. */
static inline void tracer_look_rarely(uint64_t allocations) {
    if (__builtin_expect(allocations % TRACER_PERIOD == 0, 0))
        tracer_look();
}

#endif
