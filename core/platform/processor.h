/* What a processor means, with the calling convention that goes with it: where a stopped program
 * keeps things, and what its code says.
 *
 * A struct for each, all of them in every library: which one counts is told by the process or by a
 * file.  All store a word with its lowest byte first.  processor_x86_64.c has all that there can
 * be, processor_aarch64.c and processor_riscv64.c what an engine of breakpoints needs. */
#ifndef TMPALLOC_PROCESSOR_H
#define TMPALLOC_PROCESSOR_H

#include "platform/frame_code.h"

/* At most, of each. */
#define PROCESSOR_ARGUMENTS         6
#define PROCESSOR_REGISTERS         33 /* that call frame information has rules for */
#define PROCESSOR_BREAKPOINT_BYTES  4
#define PROCESSOR_CALL_BYTES        8
#define PROCESSOR_INSTRUCTION_BYTES 8
#define PROCESSOR_STUB_BYTES        16

/* Where a function that begins finds the address that it returns to. */
struct processor_return {
    const char *in_register; /* NULL: it is the word at the stack pointer */
    uint32_t taken_bytes;    /* what the return takes off the stack */
    uint64_t mask;           /* of the bits that are address; others may sign it */
};

/* The registers that call frame information has rules for, by their numbers there. */
struct processor_frames {
    const char *const *names;
    uint32_t count; /* with the program counter, which has the last number and no name */
    uint32_t stack_pointer;
    uint32_t frame_pointer;
    uint32_t frame_bytes; /* from a frame pointer to the caller's stack pointer, where code tells */
};

/* What an instruction loads a word from. */
struct processor_load {
    uint64_t address; /* or what is added to a register, of which nothing is known */
    bool based;
};

struct processor {
    const char *name;
    const char *other_name; /* some debuggers' begins with this; NULL: none does */
    uint16_t elf_machine;   /* EM_* */
    uint8_t word_bytes;
    uint8_t watch_bytes; /* that one watchpoint can take */

    const char *stack_pointer;
    const char *result;
    const char *arguments[PROCESSOR_ARGUMENTS];
    const char *thread_pointer; /* what pthread_self() is made of */
    struct processor_return returns;
    struct processor_frames frames;

    uint8_t breakpoint_bytes;
    uint8_t breakpoint[PROCESSOR_BREAKPOINT_BYTES];

    /* Where the direct call goes that ends at `return_address`, from the call_bytes of code before
     * that; 0: it is none. */
    uint8_t call_bytes;
    uint64_t (*call_target)(const uint8_t *code, uint64_t return_address);

    /* Code that jumps to the address in its last word.  NULL where `load` is. */
    void (*write_stub)(uint8_t ret[PROCESSOR_STUB_BYTES], uint64_t target);

    /* Of an instruction at this address, with the byte before it: what it loads from, or goes
     * through; where it branches to under a condition (0: it doesn't).  NULL: code isn't read. */
    bool (*load)(const uint8_t code[PROCESSOR_INSTRUCTION_BYTES], uint64_t address,
                 struct processor_load *ret);
    uint64_t (*branch_target)(const uint8_t code[PROCESSOR_INSTRUCTION_BYTES], uint64_t address);

    /* What a function's code has done so far, and whether a frame whose frame pointer led to a
     * return address may be believed (address: of an instruction that the frame executes; known:
     * its function sets the frame pointer, else that is to be found out).  NULL: code isn't read.
     */
    enum frame_code (*frame_after)(const uint8_t *code, size_t count);
    bool (*frame_agrees)(frame_code_read read, void *arg, uint64_t address, bool known,
                         uint64_t return_address);
};

/* Every processor.  It is defined as processor_NAME in the file of that name. */
#define PROCESSORS_FOR_EACH(PROCESSOR)                                                             \
    PROCESSOR(x86_64)                                                                              \
    PROCESSOR(aarch64)                                                                             \
    PROCESSOR(riscv64)

#define PROCESSORS_DECLARE(name) extern const struct processor processor_##name;
PROCESSORS_FOR_EACH(PROCESSORS_DECLARE)
#undef PROCESSORS_DECLARE

/* The one that a debugger calls so; NULL: it isn't known. */
const struct processor *processor_find(const char *name);
/* That of an ELF file; NULL: it isn't known. */
const struct processor *processor_of_machine(uint16_t elf_machine);
/* Their names, for messages. */
const char *processor_names(void);

/* The number of the argument, from 1 on, that is in the register which call frame information has
 * this number for; 0: none is. */
uint32_t processor_argument(const struct processor *processor, uint64_t number);

#endif
