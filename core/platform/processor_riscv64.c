#include <elf.h>
#include <string.h>

#include "platform/processor.h"

/* RISC-V DWARF Specification, 1.0: x0 to x31, by the names of the calling convention. */
static const char *const frame_registers[] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                              "fp",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                              "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                              "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

#define INSTRUCTION_BYTES 4
#define RA                1
/* ra, sp, gp, tp, fp, s1, s2 to s11. */
#define PRESERVED UINT64_C(0x0ffc031e)

/* The unprivileged instruction set, 2.3: an opcode in the lowest 7 bits, then the register that
 * takes the result. */
static bool is_linking(uint32_t instruction, uint32_t opcode) {
    return (instruction & 0xfff) == (opcode | RA << 7);
}

/* JAL has its distance in bits 20, 10:1, 11 and 19:12 from the highest one down. */
static int64_t jal_distance(uint32_t instruction) {
    int64_t sign = (int32_t)(instruction & 0x80000000) >> 11;
    return sign | (instruction & 0xff000) | (instruction >> 9 & 0x800) |
           (instruction >> 20 & 0x7fe);
}

/* JAL, or AUIPC and a JALR that adds to what it has made. */
static uint64_t call_target(const uint8_t *code, uint64_t return_address) {
    uint32_t pair[2];
    memcpy(pair, code, sizeof pair);
    if (is_linking(pair[1], 0x6f))
        return return_address - INSTRUCTION_BYTES + (uint64_t)jal_distance(pair[1]);
    bool follows = (pair[0] & 0x7f) == 0x17 && is_linking(pair[1], 0x67) &&
                   (pair[1] >> 15 & 0x1f) == (pair[0] >> 7 & 0x1f);
    if (!follows)
        return 0;
    int64_t high = (int32_t)(pair[0] & 0xfffff000), low = (int32_t)pair[1] >> 20;
    return return_address - sizeof pair + (uint64_t)(high + low);
}

/* RISC-V ABIs Specification, 1.0.  Nothing is read off the code. */
const struct processor processor_riscv64 = {
    .name = "riscv64",
    .other_name = "riscv:rv64",
    .elf_machine = EM_RISCV,
    .word_bytes = 8,
    .watch_bytes = 8,
    .stack_pointer = "sp",
    .result = "a0",
    .arguments = {"a0", "a1", "a2", "a3", "a4", "a5"},
    .thread_pointer = "tp",
    .returns = {.in_register = "ra", .taken_bytes = 0, .mask = UINT64_MAX},
    .frames = {.names = frame_registers,
               .count = sizeof frame_registers / sizeof frame_registers[0] + 1,
               .stack_pointer = 2,
               .frame_pointer = 8},
    .breakpoint_bytes = INSTRUCTION_BYTES,
    .breakpoint = {0x73, 0x00, 0x10, 0x00}, /* ebreak */
    .call_bytes = 2 * INSTRUCTION_BYTES,
    .call_target = call_target,
};
