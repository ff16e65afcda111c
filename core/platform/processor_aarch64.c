#include <elf.h>
#include <string.h>

#include "platform/processor.h"

/* DWARF for the Arm 64-bit Architecture, 4.1. */
static const char *const frame_registers[] = {
    "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10",
    "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
    "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp"};

#define INSTRUCTION_BYTES 4

/* BL has 100101 in its highest bits, and below them the distance from itself, in instructions. */
static uint64_t call_target(const uint8_t *code, uint64_t return_address) {
    uint32_t instruction;
    memcpy(&instruction, code, sizeof instruction);
    if (instruction >> 26 != 0x25)
        return 0;
    int64_t distance = (int32_t)(instruction << 6) / (1 << 6);
    return return_address - INSTRUCTION_BYTES + (uint64_t)(distance * INSTRUCTION_BYTES);
}

/* ldr x16, target; br x16 */
static void processor_aarch64_write_stub(uint8_t ret[PROCESSOR_STUB_BYTES], uint64_t target) {
    static const uint32_t jump[] = {0x58000050, 0xd61f0200};
    memcpy(ret, jump, sizeof jump);
    memcpy(ret + sizeof jump, &target, sizeof target);
}

/* Procedure Call Standard for the Arm 64-bit Architecture, 6.  A frame record doesn't tell where
 * its frame ends, so that nothing is read off the code. */
const struct processor processor_aarch64 = {
    .name = "aarch64",
    .elf_machine = EM_AARCH64,
    .word_bytes = 8,
    .watch_bytes = 8,
    .stack_pointer = "sp",
    .result = "x0",
    .arguments = {"x0", "x1", "x2", "x3", "x4", "x5"},
    .thread_pointer = "tpidr",
    /* Above 48 bits there may be a pointer authentication code. */
    .returns = {.in_register = "x30", .taken_bytes = 0, .mask = (UINT64_C(1) << 48) - 1},
    .frames = {.names = frame_registers,
               .count = sizeof frame_registers / sizeof frame_registers[0] + 1,
               .stack_pointer = 31,
               .frame_pointer = 29},
    .breakpoint_bytes = INSTRUCTION_BYTES,
    .breakpoint = {0x00, 0x00, 0x20, 0xd4}, /* brk #0 */
    .call_bytes = INSTRUCTION_BYTES,
    .call_target = call_target,
    .write_stub = processor_aarch64_write_stub,
};
