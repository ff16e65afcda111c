/* What machine code shows of the stack where there is no call frame information: frame pointers.
 *
 * A frame pointer is only believed where the function's own code sets it, and where what it leads
 * to is a return address, one behind a call.  Knows neither files nor processes: compiled into the
 * agent as well.  x86-64. */
#ifndef TMPALLOC_UNWINDER_CODE_H
#define TMPALLOC_UNWINDER_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From a frame pointer, with nothing known of the code, to the caller's: rbp is saved where it
 * points to, below the return address. */
#define CODE_FRAME_BYTES 16

/* No frame is larger: a frame pointer that is further away, or below, is none of the frame. */
#define CODE_FRAME_LIMIT (UINT64_C(16) << 20)

enum code_frame {
    CODE_FRAME_UNKNOWN, /* none of these */
    CODE_FRAME_ENTERED, /* the return address is at the stack pointer */
    CODE_FRAME_PUSHED,  /* one word above it */
    CODE_FRAME_POINTER  /* the frame pointer is set */
};

/* What the code of a function, from its first instruction up to where it is executed, has done so
 * far. */
enum code_frame code_frame_after(const uint8_t *code, size_t count);

/* Reads eight bytes at a multiple of eight; false: they can't be read. */
typedef bool (*code_read)(void *arg, uint64_t address, uint64_t *ret);

/* Whether a frame whose frame pointer led to a return address may be believed.  address: of an
 * instruction that the frame executes; known: its function sets the frame pointer, else that is to
 * be found out. */
bool code_frame_agrees(code_read read, void *arg, uint64_t address, bool known,
                       uint64_t return_address);

#endif
