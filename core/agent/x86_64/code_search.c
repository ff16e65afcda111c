#include "agent/x86_64/code_search.h"

#include <string.h>

#include "agent/x86_64/code_instruction.h"

/* After so many bytes decoding has found where instructions begin, wherever it began. */
#define DECODED_BYTES 64

/* What an instruction has before its immediate operand of four bytes: Intel's manual, MOV and PUSH.
 */
#define MOV_TO_REGISTER 0xb8 /* and the seven after it */
#define MOV_TO_PLACE    0xc7
#define PUSH            0x68
#define LONGEST_PLACE   4 /* the opcode and the bytes that tell the place */

static bool is_moved(const uint8_t *number) {
    if ((number[-1] & 0xf8) == MOV_TO_REGISTER || number[-1] == PUSH)
        return true;
    for (int i = 2; i <= LONGEST_PLACE; i++) {
        if (number[-i] == MOV_TO_PLACE)
            return true;
    }
    return false;
}

static bool is_one_of(uint32_t number, const uint32_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

bool code_has_number(const uint8_t *code, size_t size, const uint32_t *numbers, size_t count) {
    for (size_t i = LONGEST_PLACE; i + sizeof(uint32_t) <= size; i++) {
        uint32_t number;
        memcpy(&number, code + i, sizeof number);
        if (is_one_of(number, numbers, count) && is_moved(code + i))
            return true;
    }
    return false;
}

/* Whether an instruction begins there: its bytes are found by chance within others, too. */
static bool is_instruction(const uint8_t *code, size_t size, size_t i) {
    struct code_instruction instruction;
    size_t at = i > DECODED_BYTES ? i - DECODED_BYTES : 0;
    while (at < i)
        at += code_decode(code + at, code + size, &instruction) ? instruction.length : 1;
    return at == i;
}

bool code_has_system_call(const uint8_t *code, size_t size) {
    for (size_t i = 0; i + 1 < size; i++) {
        if (code[i] == 0x0f && code[i + 1] == 0x05 && is_instruction(code, size, i))
            return true;
    }
    return false;
}
