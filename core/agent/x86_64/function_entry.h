/* The machine code before function_hooks.c. */
#ifndef TMPALLOC_FUNCTION_ENTRY_H
#define TMPALLOC_FUNCTION_ENTRY_H

#define FUNCTION_ENTRIES     24
#define FUNCTION_ENTRY_BYTES 16 /* of each hook */

/* Room for a struct function_frame, a multiple of 16, and where fields of it are. */
#define FUNCTION_FRAME_BYTES  528
#define FUNCTION_FRAME_REAL   336
#define FUNCTION_FRAME_CAUGHT 344

#ifndef __ASSEMBLER__

#include <stdint.h>

/* The hooks, one after the other. */
extern const char function_entries[];
/* Where they stop at what is caught. */
extern const char function_catch_place[];

/* Registers with arguments: rdi, rsi, rdx, rcx, r8, r9, rax, r10, r11; after the call rdx and rax
 * are its results. */
struct function_registers {
    uint64_t integers[10];
    uint8_t vectors[16][16]; /* xmm0 and so on */
};

#define FUNCTION_RESULT 6 /* among the integers */

/* What they call: function_hooks.c says whom. */
struct function_frame;

/* Begins a call that came with this frame pointer and return address on the stack, as
 * hook_calls_enter() has them.  How many bytes of its arguments on the stack are to be copied, a
 * multiple of 16; negative: the function does the rest alone. */
extern int64_t (*const function_entry_begin)(struct function_frame *frame, const uintptr_t *caller,
                                             uint32_t i);
/* The function has returned. */
extern void (*const function_entry_end)(struct function_frame *frame);

#endif

#endif
