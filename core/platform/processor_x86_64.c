#include <elf.h>
#include <string.h>

#include "platform/code_x86_64.h"
#include "platform/frame_code_x86_64.h"
#include "platform/processor.h"

/* System V Application Binary Interface, AMD64 supplement: 3.2 and figure 3.36. */
static const char *const frame_registers[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                              "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                              "r12", "r13", "r14", "r15"};

static void processor_x86_64_write_stub(uint8_t ret[PROCESSOR_STUB_BYTES], uint64_t target) {
    const struct code_x86_64_stub stub = CODE_X86_64_STUB(target);
    memcpy(ret, &stub, sizeof stub);
}

/* Of the longest instruction that is looked for, from the byte before it. */
#define DISPLACEMENT_BYTES 4
#define INSTRUCTION_BYTES  (3 + DISPLACEMENT_BYTES)

/* mov from memory to a register of 64 bits, and call and jmp through memory. */
static bool loads_word(const uint8_t *code) {
    bool moves = (code[0] & 0xfb) == 0x48 && code[1] == 0x8b;
    bool goes = code[1] == 0xff && ((code[2] & 0x38) == 0x10 || (code[2] & 0x38) == 0x20);
    return moves || goes;
}

/* A jump has no prefix: what is before it may be anything. */
static bool processor_x86_64_load(const uint8_t *code, uint64_t address,
                                  struct processor_load *ret) {
    uint8_t mode = code[2] & 0xc7;
    bool relative = mode == 0x05; /* to the next instruction */
    bool based = (code[2] & 0xc0) == 0x80 && (code[2] & 0x07) != 0x04;
    int32_t displacement;
    if (!loads_word(code) || (!relative && !based))
        return false;
    memcpy(&displacement, code + 3, sizeof displacement);
    uint64_t base = relative ? address + INSTRUCTION_BYTES : 0;
    *ret =
        (struct processor_load){.address = base + (uint64_t)(int64_t)displacement, .based = based};
    return true;
}

static uint64_t branch_target(const uint8_t *code, uint64_t address) {
    int32_t distance;
    if ((code[0] & 0xf0) == 0x70)
        return address + 2 + (uint64_t)(int64_t)(int8_t)code[1];
    if (code[0] != 0x0f || (code[1] & 0xf0) != 0x80)
        return 0;
    memcpy(&distance, code + 2, sizeof distance);
    return address + 2 + sizeof distance + (uint64_t)(int64_t)distance;
}

const struct processor processor_x86_64 = {
    .name = "x86_64",
    .other_name = "i386:x86-64",
    .elf_machine = EM_X86_64,
    .word_bytes = 8,
    .watch_bytes = 8, /* Intel SDM, volume 3, "Debug Address Registers" */
    .stack_pointer = "rsp",
    .result = "rax",
    .arguments = {"rdi", "rsi", "rdx", "rcx", "r8", "r9"},
    .thread_pointer = "fs_base",
    .returns = {.taken_bytes = 8, .mask = UINT64_MAX},
    .frames = {.names = frame_registers,
               .count = sizeof frame_registers / sizeof frame_registers[0] + 1,
               .stack_pointer = 7,
               .frame_pointer = 6,
               .frame_bytes = FRAME_CODE_X86_64_BYTES},
    .breakpoint_bytes = 1,
    .breakpoint = {CODE_X86_64_BREAKPOINT},
    .call_bytes = CODE_X86_64_CALL_BYTES,
    .call_target = code_x86_64_call_target,
    .write_stub = processor_x86_64_write_stub,
    .load = processor_x86_64_load,
    .branch_target = branch_target,
    .frame_after = frame_code_x86_64_after,
    .frame_agrees = frame_code_x86_64_agrees,
};
