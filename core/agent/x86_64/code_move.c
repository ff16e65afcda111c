#include "agent/x86_64/code_move.h"

#include <string.h>

/* Opcodes. */
#define JUMP             0xe9
#define CONDITIONAL_JUMP 0x80 /* after 0f; plus the condition */
#define JUMP_THROUGH     0x25 /* after ff: ModRM of jmp *disp32(%rip) */
#define CALL_THROUGH     0x15 /* the same of call */

struct writer {
    uintptr_t address; /* that the code is for */
    struct code_moved *moved;
    bool failed;
};

static void write_bytes(struct writer *writer, const void *bytes, size_t size) {
    struct code_moved *moved = writer->moved;
    if (size > sizeof moved->code - moved->size) {
        writer->failed = true;
        return;
    }
    memcpy(moved->code + moved->size, bytes, size);
    moved->size += (uint8_t)size;
}

static uintptr_t code_move_position(const struct writer *writer) {
    return writer->address + writer->moved->size;
}

/* The distance to a target from the end of an instruction. */
static bool code_move_distance(uintptr_t end, uintptr_t target, int32_t *ret) {
    int64_t difference = (int64_t)(target - end);
    *ret = (int32_t)difference;
    return *ret == difference;
}

/* An instruction that is an opcode and the distance to a target. */
static void write_relative(struct writer *writer, const uint8_t *opcode, size_t size,
                           uintptr_t target) {
    int32_t displacement;
    uintptr_t end = code_move_position(writer) + size + sizeof displacement;
    writer->failed |= !code_move_distance(end, target, &displacement);
    write_bytes(writer, opcode, size);
    write_bytes(writer, &displacement, sizeof displacement);
}

static void write_jump(struct writer *writer, uintptr_t target) {
    write_relative(writer, (const uint8_t[]){JUMP}, 1, target);
}

/* push $low; movl $high, 4(%rsp) */
static void write_push(struct writer *writer, uintptr_t value) {
    uint32_t low = (uint32_t)value;
    uint32_t high = (uint32_t)(value >> 32);
    write_bytes(writer, (const uint8_t[]){0x68}, 1);
    write_bytes(writer, &low, sizeof low);
    write_bytes(writer, (const uint8_t[]){0xc7, 0x44, 0x24, 0x04}, 4);
    write_bytes(writer, &high, sizeof high);
}

static void write_copy(struct writer *writer, const uint8_t *code,
                       const struct code_instruction *instruction) {
    uint8_t copy[CODE_INSTRUCTION_LIMIT];
    int32_t displacement;
    uintptr_t end = code_move_position(writer) + instruction->length;
    memcpy(copy, code, instruction->length);
    if (instruction->displacement_offset) {
        writer->failed |= !code_move_distance(end, code_operand(code, instruction), &displacement);
        memcpy(copy + instruction->displacement_offset, &displacement, sizeof displacement);
    }
    write_bytes(writer, copy, instruction->length);
}

/* Other indirect calls may use the stack pointer, or be followed by bytes that the jump replaces.
 */
static void write_indirect_call(struct writer *writer, const uint8_t *code,
                                const struct code_instruction *call) {
    uint8_t offset = call->displacement_offset;
    if (!offset || code[offset - 1] != CALL_THROUGH) {
        writer->failed = true;
        return;
    }
    write_push(writer, (uintptr_t)code + call->length);
    write_relative(writer, (const uint8_t[]){0xff, JUMP_THROUGH}, 2, code_operand(code, call));
}

static void write_instruction(struct writer *writer, const uint8_t *code,
                              const struct code_instruction *instruction) {
    switch (instruction->kind) {
    case CODE_PLAIN:
    case CODE_NOP:
    case CODE_INDIRECT_JUMP:
    case CODE_RETURN:
        write_copy(writer, code, instruction);
        break;
    case CODE_JUMP:
        write_jump(writer, instruction->target);
        break;
    case CODE_CONDITIONAL_JUMP:
        write_relative(writer, (const uint8_t[]){0x0f, CONDITIONAL_JUMP | instruction->condition},
                       2, instruction->target);
        break;
    case CODE_CALL:
        write_push(writer, (uintptr_t)code + instruction->length);
        write_jump(writer, instruction->target);
        break;
    case CODE_INDIRECT_CALL:
        write_indirect_call(writer, code, instruction);
        break;
    default:
        writer->failed = true;
    }
}

static bool code_move_goes_on(const struct code_instruction *instruction) {
    return instruction->kind != CODE_JUMP && instruction->kind != CODE_INDIRECT_JUMP &&
           instruction->kind != CODE_RETURN;
}

bool code_move(const uint8_t *start, const uint8_t *end, uintptr_t to, struct code_moved *ret) {
    struct writer writer = {.address = to, .moved = ret};
    struct code_instruction instruction = {0};
    const uint8_t *at = start;
    const uint8_t *jump_end = start + CODE_JUMP_BYTES;
    *ret = (struct code_moved){0};
    do {
        if (!code_decode(at, end, &instruction))
            return false;
        write_instruction(&writer, at, &instruction);
        at += instruction.length;
    } while (at < jump_end && code_move_goes_on(&instruction));
    write_jump(&writer, (uintptr_t)at);
    ret->taken = (uint8_t)(at - start);
    return !writer.failed;
}

bool code_jump(uintptr_t place, uintptr_t target, uint8_t ret[CODE_JUMP_BYTES]) {
    int32_t displacement;
    if (!code_move_distance(place + CODE_JUMP_BYTES, target, &displacement))
        return false;
    ret[0] = JUMP;
    memcpy(ret + 1, &displacement, sizeof displacement);
    return true;
}
