/* Call stacks, each distinct one stored once.
 *
 * A frame is kept relative to its module, so that a library that is loaded again elsewhere gives
 * the same stack, and one that replaced another at the same address gives a different one. */
#ifndef TMPALLOC_STACKS_H
#define TMPALLOC_STACKS_H

#include <stdbool.h>
#include <stdint.h>

/* Module number of an address that belongs to no known file; its offset is the address itself. */
#define FRAME_NO_MODULE UINT32_MAX

/* Module number of a Python frame; its offset is a number of symbolizer_add_python(). */
#define FRAME_PYTHON (UINT32_MAX - 1)

struct frame {
    uint64_t offset; /* link-time address within the module's file */
    uint32_t module; /* number in struct modules, or FRAME_NO_MODULE */
    uint32_t exact;  /* 1: the offset is where execution was (innermost or interrupted by a signal);
                        0: it is a return address, the call ends one byte before */
};

struct stack {
    const struct frame *frames; /* innermost first */
    uint32_t count;
    uint32_t
        truncated; /* 1: the depth limit or an error ended the walk before the outermost frame */
};

struct stacks;

int stacks_create(struct stacks **ret); /* TMPALLOC_OK or TMPALLOC_E_NOMEM */
void stacks_destroy(struct stacks *stacks);

/* Stores the number of the stack with these frames in *ret, adding it when it is new.  Numbers
 * count from 0 without gaps.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int stacks_intern(struct stacks *stacks, const struct stack *stack, uint32_t *ret);

/* The stack with this number, below stacks_count(); valid until stacks_destroy(). */
const struct stack *stacks_get(const struct stacks *stacks, uint32_t number);
uint32_t stacks_count(const struct stacks *stacks);

#endif
