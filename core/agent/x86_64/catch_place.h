/* Where a hook stops for the debugger: the hook itself does, so that its caller is the next frame.
 */
#ifndef TMPALLOC_AGENT_CATCH_PLACE_H
#define TMPALLOC_AGENT_CATCH_PLACE_H

#include <stddef.h>

/* Stops at `caught`, which is the first argument there, unless it is NULL.  The place is called
 * `symbol`. */
#define CATCH_PLACE(symbol, caught)                                                                \
    do {                                                                                           \
        if (__builtin_expect((caught) != NULL, 0))                                                 \
            __asm__ volatile(".globl " symbol "\n\t"                                               \
                             ".hidden " symbol "\n" symbol ": nop" ::"D"(caught)                   \
                             : "memory");                                                          \
    } while (0)

#endif
