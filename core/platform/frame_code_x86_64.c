#include "platform/frame_code_x86_64.h"

#include <string.h>

#include "platform/code_x86_64.h"

#define WORD_BYTES      8
#define CALL_BYTES      7  /* of the longest call, without prefixes */
#define GAP_BYTES       16 /* of what a compiler puts between the two halves of a prologue */
#define PROLOGUE_BYTES  4  /* of both, without a gap */
#define SEARCHED_BYTES  4096
#define PUSH_RBP        0x55
#define REX_B           0x41
#define ENDBR_BYTES     4
#define JUMP_SEEN_BYTES 8

static const uint8_t endbr[ENDBR_BYTES] = {0xf3, 0x0f, 0x1e, 0xfa};

/* mov %rsp,%rbp, in both encodings. */
static bool is_move(const uint8_t *code) {
    static const uint8_t moves[2][3] = {{0x48, 0x89, 0xe5}, {0x48, 0x8b, 0xec}};
    return memcmp(code, moves[0], sizeof moves[0]) == 0 ||
           memcmp(code, moves[1], sizeof moves[1]) == 0;
}

/* Whether bytes may be a push, or a sub from the stack pointer; some others may pass for them. */
static bool may_change_stack(const uint8_t *code, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if ((code[i] & 0xf8) == 0x50 || (i > 0 && code[i] == 0xec))
            return true;
    }
    return false;
}

/* Whether the frame pointer is pushed before a move of the stack pointer to it, and nothing else
 * is pushed in between. */
static bool is_pushed_before(const uint8_t *code, size_t move) {
    for (size_t gap = 0; gap < GAP_BYTES && gap < move; gap++) {
        size_t push = move - 1 - gap;
        if (code[push] == PUSH_RBP && (push == 0 || code[push - 1] != REX_B))
            return !may_change_stack(code + push + 1, gap);
    }
    return false;
}

enum frame_code frame_code_x86_64_after(const uint8_t *code, size_t count) {
    size_t first = count >= ENDBR_BYTES && memcmp(code, endbr, ENDBR_BYTES) == 0 ? ENDBR_BYTES : 0;
    if (count == first || count == 0)
        return FRAME_CODE_ENTERED;
    if (count == first + 1 && code[first] == PUSH_RBP)
        return FRAME_CODE_PUSHED;
    for (size_t i = 1; i + 3 <= count; i++) {
        if (is_move(code + i) && is_pushed_before(code, i))
            return FRAME_CODE_POINTER;
    }
    return FRAME_CODE_UNKNOWN;
}

static bool frame_code_x86_64_read_code(frame_code_read read, void *arg, uint64_t address,
                                        uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count;) {
        uint64_t word;
        size_t skipped = (address + i) % WORD_BYTES;
        size_t part = WORD_BYTES - skipped < count - i ? WORD_BYTES - skipped : count - i;
        if (!read(arg, address + i - skipped, &word))
            return false;
        memcpy(bytes + i, (const uint8_t *)&word + skipped, part);
        i += part;
    }
    return true;
}

/* Length of a ModRM byte's operand, with that byte. */
static size_t operand_bytes(uint8_t modrm, uint8_t sib) {
    uint8_t mode = modrm >> 6;
    uint8_t base = modrm & 7;
    if (mode == 3)
        return 1;
    size_t bytes = base == 4 ? 2 : 1;
    if (mode == 1)
        return bytes + 1;
    if (mode == 2 || base == 5 || (base == 4 && (sib & 7) == 5))
        return bytes + 4;
    return bytes;
}

/* The first byte may be a breakpoint's. */
static bool is_opcode(uint8_t byte, uint8_t opcode) {
    return byte == opcode || byte == CODE_X86_64_BREAKPOINT;
}

/* Whether an indirect call ends where the bytes end. */
static bool ends_in_indirect_call(const uint8_t *end) {
    for (size_t length = 2; length <= CALL_BYTES; length++) {
        const uint8_t *code = end - length;
        uint8_t sib = length > 2 ? code[2] : 0;
        if (is_opcode(code[0], 0xff) && (code[1] >> 3 & 7) == 2 &&
            1 + operand_bytes(code[1], sib) == length)
            return true;
    }
    return false;
}

static bool ends_in_direct_call(const uint8_t *end) {
    return is_opcode(end[-5], 0xe8);
}

/* A function that goes on elsewhere: one of a linkage table, say. */
static bool begins_with_jump(const uint8_t code[JUMP_SEEN_BYTES]) {
    if (memcmp(code, endbr, ENDBR_BYTES) == 0)
        code += ENDBR_BYTES;
    if (*code == 0xf2) /* bnd */
        code++;
    return *code == 0xe9 || *code == 0xeb || (code[0] == 0xff && code[1] == 0x25);
}

/* The last prologue before an address; 0: there is none near. */
static uint64_t find_prologue(frame_code_read read, void *arg, uint64_t address) {
    uint8_t bytes[2 * WORD_BYTES] = {0};
    uint64_t end = address / WORD_BYTES * WORD_BYTES + WORD_BYTES;
    for (uint64_t start = end; end - start < SEARCHED_BYTES;) {
        start -= WORD_BYTES;
        memcpy(bytes + WORD_BYTES, bytes, WORD_BYTES);
        if (!frame_code_x86_64_read_code(read, arg, start, bytes, WORD_BYTES))
            return 0;
        for (size_t i = WORD_BYTES; i > 0; i--) {
            uint64_t prologue = start + i - 1;
            if (bytes[i - 1] == PUSH_RBP && is_move(bytes + i) &&
                prologue + PROLOGUE_BYTES <= address)
                return prologue;
        }
    }
    return 0;
}

/* Whether the function at `target` is the one that begins with a prologue, or leads there. */
static bool frame_code_x86_64_reaches(frame_code_read read, void *arg, uint64_t target,
                                      uint64_t prologue) {
    uint8_t code[JUMP_SEEN_BYTES];
    if (prologue - target <= ENDBR_BYTES)
        return true;
    return frame_code_x86_64_read_code(read, arg, target, code, sizeof code) &&
           begins_with_jump(code);
}

bool frame_code_x86_64_agrees(frame_code_read read, void *arg, uint64_t address, bool known,
                              uint64_t return_address) {
    uint8_t code[CALL_BYTES];
    const uint8_t *end = code + CALL_BYTES;
    if (return_address < CALL_BYTES ||
        !frame_code_x86_64_read_code(read, arg, return_address - CALL_BYTES, code, sizeof code))
        return false;
    bool direct = ends_in_direct_call(end);
    if (!direct && !ends_in_indirect_call(end))
        return false;
    if (known)
        return true;
    uint64_t prologue = find_prologue(read, arg, address);
    if (!prologue || !direct)
        return prologue != 0;
    int32_t distance;
    memcpy(&distance, end - sizeof distance, sizeof distance);
    return frame_code_x86_64_reaches(read, arg, return_address + (uint64_t)(int64_t)distance,
                                     prologue);
}
