/* The frame code of x86-64.  Knows neither files nor processes: compiled into the agent as well. */
#ifndef TMPALLOC_FRAME_CODE_X86_64_H
#define TMPALLOC_FRAME_CODE_X86_64_H

#include "platform/frame_code.h"

/* From a frame pointer, with nothing known of the code, to the caller's: rbp is saved where it
 * points to, below the return address. */
#define FRAME_CODE_X86_64_BYTES 16

enum frame_code frame_code_x86_64_after(const uint8_t *code, size_t count);

/* Whether a frame whose frame pointer led to a return address may be believed.  address: of an
 * instruction that the frame executes; known: its function sets the frame pointer, else that is to
 * be found out. */
bool frame_code_x86_64_agrees(frame_code_read read, void *arg, uint64_t address, bool known,
                              uint64_t return_address);

#endif
