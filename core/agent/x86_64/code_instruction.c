#include "agent/x86_64/code_instruction.h"

#include <string.h>

/* What follows an opcode. */
enum form {
    NOTHING = '.',
    MODRM = 'M',       /* and what it brings: SIB byte, displacement */
    BYTE = 'b',        /* immediates */
    FULL = 'z',        /* four bytes, or two with an operand-size prefix */
    WORD = 'w',        /* two bytes */
    ENTER = 'e',       /* two and one */
    QUAD = 'v',        /* as FULL, but eight with REX.W */
    ADDRESS = 'o',     /* of the address size */
    MODRM_BYTE = 'B',  /* ModRM and immediates */
    MODRM_FULL = 'Z',  /* the same */
    TEST_BYTE = 't',   /* an immediate only in the first two of the ModRM byte's eight opcodes */
    TEST_FULL = 'T',   /* the same */
    BRANCH_BYTE = 'j', /* displacements */
    BRANCH_FULL = 'J', /* of four bytes, whatever the prefixes */
    UNKNOWN = '-',     /* or a prefix, or the way to another map */
};

static const char one_byte_forms[] = "MMMMbz--MMMMbz--"  /* 00 */
                                     "MMMMbz--MMMMbz--"  /* 10 */
                                     "MMMMbz--MMMMbz--"  /* 20 */
                                     "MMMMbz--MMMMbz--"  /* 30 */
                                     "----------------"  /* 40 */
                                     "................"  /* 50 */
                                     "---M----zZbB...."  /* 60 */
                                     "jjjjjjjjjjjjjjjj"  /* 70 */
                                     "BZ-BMMMMMMMMMMMM"  /* 80 */
                                     "..........-....."  /* 90 */
                                     "oooo....bz......"  /* a0 */
                                     "bbbbbbbbvvvvvvvv"  /* b0 */
                                     "BBw.--BZe.w..b-."  /* c0 */
                                     "MMMM---.MMMMMMMM"  /* d0 */
                                     "jjjjbbbbJJ-j...."  /* e0 */
                                     "-.--..tT......MM"; /* f0 */

static const char two_byte_forms[] = "MMMM-.....-.-M.B"  /* 00 */
                                     "MMMMMMMMMMMMMMMM"  /* 10 */
                                     "MMMM----MMMMMMMM"  /* 20 */
                                     "......-.--------"  /* 30 */
                                     "MMMMMMMMMMMMMMMM"  /* 40 */
                                     "MMMMMMMMMMMMMMMM"  /* 50 */
                                     "MMMMMMMMMMMMMMMM"  /* 60 */
                                     "BBBBMMM.MM--MMMM"  /* 70 */
                                     "JJJJJJJJJJJJJJJJ"  /* 80 */
                                     "MMMMMMMMMMMMMMMM"  /* 90 */
                                     "...MBM--...MBMMM"  /* a0 */
                                     "MMMMMMMMMMBMMMMM"  /* b0 */
                                     "MMBMBBBM........"  /* c0 */
                                     "MMMMMMMMMMMMMMMM"  /* d0 */
                                     "MMMMMMMMMMMMMMMM"  /* e0 */
                                     "MMMMMMMMMMMMMMMM"; /* f0 */

static const uint8_t legacy_prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
                                          0x66, 0x67, 0xf0, 0xf2, 0xf3};

/* The numbers that VEX, EVEX and XOP give to the maps, and 0 for that of one byte. */
enum map {
    ONE_BYTE,
    MAP_0F,
    MAP_0F38,
    MAP_0F3A,
    MAP_FP16 = 5,
    MAP_FP16_MORE,
    MAP_XOP8 = 8,
    MAP_XOP9,
    MAP_XOPA
};

struct decoder {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
    bool operand_size; /* the prefix 66 */
    bool address_size; /* 67 */
    bool wide;         /* REX.W */
    bool vector;       /* VEX, EVEX or XOP */
    enum map map;
    uint8_t opcode;
    uint8_t modrm;
    uint8_t displacement_offset;
};

static uint8_t code_instruction_take(struct decoder *decoder) {
    if (decoder->at == decoder->end) {
        decoder->failed = true;
        return 0;
    }
    return *decoder->at++;
}

static void code_instruction_skip(struct decoder *decoder, size_t bytes) {
    if (bytes > (size_t)(decoder->end - decoder->at))
        decoder->failed = true;
    else
        decoder->at += bytes;
}

static int64_t signed_at(const uint8_t *at, size_t bytes) {
    uint64_t value = 0;
    size_t shift = 64 - bytes * 8;
    memcpy(&value, at, bytes);
    return (int64_t)(value << shift) >> shift;
}

/* The first byte that is no prefix.  A REX prefix counts only directly before the opcode. */
static uint8_t take_prefixes(struct decoder *decoder) {
    for (;;) {
        uint8_t byte = code_instruction_take(decoder);
        bool is_rex = (byte & 0xf0) == 0x40;
        if (!is_rex && !memchr(legacy_prefixes, byte, sizeof legacy_prefixes))
            return byte;
        decoder->operand_size |= byte == 0x66;
        decoder->address_size |= byte == 0x67;
        decoder->wide = is_rex && byte & 8;
    }
}

static void take_escaped(struct decoder *decoder) {
    uint8_t byte = code_instruction_take(decoder);
    decoder->map = byte == 0x38 ? MAP_0F38 : byte == 0x3a ? MAP_0F3A : MAP_0F;
    decoder->opcode = decoder->map == MAP_0F ? byte : code_instruction_take(decoder);
}

/* c5 has one more byte, c4 and 8f two, 62 three. */
static void take_vector(struct decoder *decoder, uint8_t first) {
    uint8_t byte = code_instruction_take(decoder);
    decoder->vector = true;
    decoder->map = first == 0xc5 ? MAP_0F : (enum map)(byte & (first == 0x62 ? 0x07 : 0x1f));
    code_instruction_skip(decoder, first == 0xc5 ? 0 : first == 0x62 ? 2 : 1);
    decoder->opcode = code_instruction_take(decoder);
    decoder->failed |= first != 0x62 && (decoder->map > MAP_0F3A) != (first == 0x8f);
}

/* Else it is pop, whose ModRM byte is never so. */
static bool is_xop(const struct decoder *decoder) {
    return decoder->at < decoder->end && (*decoder->at & 0x1f) >= MAP_XOP8;
}

static void take_opcode(struct decoder *decoder) {
    uint8_t byte = take_prefixes(decoder);
    if (byte == 0x0f) {
        take_escaped(decoder);
    } else if (byte == 0xc4 || byte == 0xc5 || byte == 0x62 || (byte == 0x8f && is_xop(decoder))) {
        take_vector(decoder, byte);
    } else {
        decoder->map = ONE_BYTE;
        decoder->opcode = byte;
    }
}

static char form_of(const struct decoder *decoder) {
    uint8_t opcode = decoder->opcode;
    switch (decoder->map) {
    case ONE_BYTE:
        return decoder->vector ? UNKNOWN : one_byte_forms[opcode];
    case MAP_0F:
        if (!decoder->vector || opcode == 0x77 || two_byte_forms[opcode] == MODRM_BYTE)
            return two_byte_forms[opcode];
        return MODRM;
    case MAP_XOP9:
        return MODRM;
    case MAP_0F3A:
    case MAP_XOP8:
        return MODRM_BYTE;
    case MAP_XOPA:
        return MODRM_FULL;
    case MAP_0F38:
    case MAP_FP16:
    case MAP_FP16_MORE:
        return MODRM;
    default:
        return UNKNOWN;
    }
}

static void take_modrm(struct decoder *decoder) {
    uint8_t modrm = decoder->modrm = code_instruction_take(decoder);
    uint8_t mode = modrm >> 6;
    bool has_sib = mode != 3 && (modrm & 7) == 4;
    uint8_t base = has_sib ? code_instruction_take(decoder) & 7 : modrm & 7;
    if (mode == 0 && base == 5 && !has_sib)
        decoder->displacement_offset = (uint8_t)(decoder->at - decoder->start);
    code_instruction_skip(decoder, mode == 1 ? 1 : mode == 2 || (mode == 0 && base == 5) ? 4 : 0);
}

static size_t full_size(const struct decoder *decoder) {
    return decoder->operand_size && !decoder->wide ? 2 : 4;
}

static size_t immediate_size(const struct decoder *decoder, char form) {
    bool is_test = (decoder->modrm & 0x30) == 0;
    switch (form) {
    case BYTE:
    case MODRM_BYTE:
    case BRANCH_BYTE:
        return 1;
    case FULL:
    case MODRM_FULL:
        return full_size(decoder);
    case TEST_BYTE:
        return is_test ? 1 : 0;
    case TEST_FULL:
        return is_test ? full_size(decoder) : 0;
    case WORD:
        return 2;
    case ENTER:
        return 3;
    case BRANCH_FULL:
        return 4;
    case QUAD:
        return decoder->wide ? 8 : full_size(decoder);
    case ADDRESS:
        return decoder->address_size ? 4 : 8;
    default:
        return 0;
    }
}

/* Opcodes that aren't CODE_PLAIN. */
static const struct {
    uint8_t map; /* enum map */
    uint8_t first;
    uint8_t last;
    uint8_t kind; /* enum code_kind */
} kinds[] = {
    {ONE_BYTE, 0x70, 0x7f, CODE_CONDITIONAL_JUMP},
    {ONE_BYTE, 0xc2, 0xc3, CODE_RETURN},
    {ONE_BYTE, 0xca, 0xcb, CODE_RETURN},
    {ONE_BYTE, 0xcc, 0xcc, CODE_BREAKPOINT},
    {ONE_BYTE, 0xcf, 0xcf, CODE_RETURN},
    {ONE_BYTE, 0xe0, 0xe3, CODE_SHORT_BRANCH},
    {ONE_BYTE, 0xe8, 0xe8, CODE_CALL},
    {ONE_BYTE, 0xe9, 0xe9, CODE_JUMP},
    {ONE_BYTE, 0xeb, 0xeb, CODE_JUMP},
    {ONE_BYTE, 0xf4, 0xf4, CODE_RETURN},
    {MAP_0F, 0x07, 0x07, CODE_RETURN},
    {MAP_0F, 0x0b, 0x0b, CODE_RETURN},
    {MAP_0F, 0x1f, 0x1f, CODE_NOP},
    {MAP_0F, 0x35, 0x35, CODE_RETURN},
    {MAP_0F, 0x80, 0x8f, CODE_CONDITIONAL_JUMP},
    {MAP_0F, 0xb9, 0xb9, CODE_RETURN},
    {MAP_0F, 0xff, 0xff, CODE_RETURN},
};

static enum code_kind kind_by_modrm(const struct decoder *decoder) {
    uint8_t operation = decoder->modrm >> 3 & 7;
    if (decoder->opcode == 0xc7 && decoder->modrm == 0xf8)
        return CODE_SHORT_BRANCH;
    if (decoder->opcode != 0xff || operation < 2 || operation > 5)
        return CODE_PLAIN;
    return operation < 4 ? CODE_INDIRECT_CALL : CODE_INDIRECT_JUMP;
}

/* 90 and 66 90: with other prefixes it is another instruction. */
static bool is_short_nop(const struct decoder *decoder) {
    ptrdiff_t length = decoder->at - decoder->start;
    return decoder->map == ONE_BYTE && decoder->opcode == 0x90 &&
           length == 1 + decoder->operand_size;
}

static enum code_kind code_instruction_kind_of(const struct decoder *decoder) {
    if (decoder->vector)
        return CODE_PLAIN;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (decoder->map == kinds[i].map && decoder->opcode >= kinds[i].first &&
            decoder->opcode <= kinds[i].last)
            return kinds[i].kind;
    }
    if (is_short_nop(decoder))
        return CODE_NOP;
    return decoder->map == ONE_BYTE ? kind_by_modrm(decoder) : CODE_PLAIN;
}

static void read_target(const struct decoder *decoder, size_t size,
                        struct code_instruction *instruction) {
    instruction->condition = decoder->opcode & 0x0f;
    instruction->target = (uintptr_t)decoder->at + (uintptr_t)signed_at(decoder->at - size, size);
}

/* An operand relative to eip is for 32-bit pointers; a branch with an operand-size prefix has two
 * bytes on AMD's processors and four on Intel's. */
static bool is_ambiguous(const struct decoder *decoder, char form) {
    return (decoder->address_size && decoder->displacement_offset) ||
           (form == BRANCH_FULL && decoder->operand_size && !decoder->wide);
}

bool code_decode(const uint8_t *code, const uint8_t *end, struct code_instruction *ret) {
    if (end - code > CODE_INSTRUCTION_LIMIT)
        end = code + CODE_INSTRUCTION_LIMIT;
    struct decoder decoder = {.start = code, .at = code, .end = end};
    take_opcode(&decoder);
    char form = form_of(&decoder);
    if (form == UNKNOWN || decoder.failed)
        return false;
    if (strchr("MBZtT", form))
        take_modrm(&decoder);
    size_t size = immediate_size(&decoder, form);
    code_instruction_skip(&decoder, size);
    if (decoder.failed || is_ambiguous(&decoder, form))
        return false;
    *ret = (struct code_instruction){.length = (uint8_t)(decoder.at - code),
                                     .kind = code_instruction_kind_of(&decoder),
                                     .displacement_offset = decoder.displacement_offset};
    if (form == BRANCH_BYTE || form == BRANCH_FULL || ret->kind == CODE_SHORT_BRANCH)
        read_target(&decoder, size, ret);
    return true;
}

uintptr_t code_operand(const uint8_t *code, const struct code_instruction *instruction) {
    return (uintptr_t)code + instruction->length +
           (uintptr_t)signed_at(code + instruction->displacement_offset, 4);
}
