/* What machine code shows of the stack where there is no call frame information: frame pointers.
 *
 * A frame pointer is only believed where the function's own code sets it, and where what it leads
 * to is a return address, one behind a call. */
#ifndef TMPALLOC_FRAME_CODE_H
#define TMPALLOC_FRAME_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No frame is larger: a frame pointer that is further away, or below, is none of the frame. */
#define FRAME_CODE_LIMIT (UINT64_C(16) << 20)

/* What the code of a function, from its first instruction up to where it is executed, has done so
 * far. */
enum frame_code {
    FRAME_CODE_UNKNOWN, /* none of these */
    FRAME_CODE_ENTERED, /* the return address is at the stack pointer */
    FRAME_CODE_PUSHED,  /* one word above it */
    FRAME_CODE_POINTER  /* the frame pointer is set */
};

/* Reads eight bytes at a multiple of eight; false: they can't be read. */
typedef bool (*frame_code_read)(void *arg, uint64_t address, uint64_t *ret);

#endif
