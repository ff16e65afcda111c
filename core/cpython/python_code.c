#include "cpython/python_code.h"

#include <string.h>

#include "support/memory.h"
#include "tmpalloc/status.h"

/* Longer strings and tables are no code object's, but garbage. */
#define STRING_LIMIT (1 << 16)
#define TABLE_LIMIT  (1 << 24)

/* Bits of PyASCIIObject's state. */
#define STATE_KIND_SHIFT 2
#define STATE_KIND_MASK  UINT32_C(7)
#define STATE_COMPACT    (UINT32_C(1) << 5)
#define STATE_ASCII      (UINT32_C(1) << 6)

/* Strings. */

#define REPLACEMENT  0xfffd
#define LONE_BYTE    0xdc80 /* U+DC80 to U+DCFF are the bytes 0x80 to 0xff */
#define LONE_BYTES   0x80
#define SURROGATE    0xd800
#define SURROGATES   0x800
#define LARGEST_RUNE 0x10ffff

static uint32_t character_at(const unsigned char *characters, size_t i, uint32_t width) {
    uint32_t wide;
    uint16_t narrow;
    if (width == 1)
        return characters[i];
    if (width == 2) {
        memcpy(&narrow, characters + 2 * i, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, characters + 4 * i, sizeof wide);
    return wide;
}

static size_t encode_one(uint32_t rune, unsigned char *ret) {
    if (rune - LONE_BYTE < LONE_BYTES) {
        ret[0] = (unsigned char)rune;
        return 1;
    }
    if (rune - SURROGATE < SURROGATES || rune > LARGEST_RUNE)
        rune = REPLACEMENT;
    if (rune < 0x80) {
        ret[0] = (unsigned char)rune;
        return 1;
    }
    size_t length = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; rune >>= 6)
        ret[i] = 0x80 | (rune & 0x3f);
    ret[0] = (unsigned char)(0xf00 >> length | rune);
    return length;
}

size_t python_encode(const unsigned char *characters, size_t count, uint32_t width, char *ret) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += encode_one(character_at(characters, i, width), (unsigned char *)ret + length);
    return length;
}

/* A string object in the process. */
struct string {
    uint64_t characters;
    uint64_t count;
    uint32_t width;
};

/* In 3.14 the fields behind `interned` may have moved up by 14 bits: then nothing is where the kind
 * was, and a kind is never 0. */
static uint32_t state_of(uint32_t bits) {
    return bits >> STATE_KIND_SHIFT & STATE_KIND_MASK ? bits : bits >> 16 << STATE_KIND_SHIFT;
}

static bool find_string(const struct python_process *process, const struct python_offsets *offsets,
                        uint64_t address, struct string *ret) {
    uint32_t state;
    if (!python_read_word(process, address + offsets->string_length, &ret->count) ||
        !python_read(process, address + offsets->string_state, &state, sizeof state))
        return false;
    state = state_of(state);
    ret->width = state >> STATE_KIND_SHIFT & STATE_KIND_MASK;
    ret->characters = address + offsets->string_compact;
    if (state & STATE_COMPACT && state & STATE_ASCII)
        ret->characters = address + offsets->string_ascii;
    else if (!(state & STATE_COMPACT) &&
             !python_read_word(process, ret->characters, &ret->characters))
        return false;
    return (ret->width == 1 || ret->width == 2 || ret->width == 4) && ret->count <= STRING_LIMIT;
}

static int read_characters(const struct python_process *process, const struct string *string,
                           unsigned char *characters, char **ret) {
    if (!python_read(process, string->characters, characters, string->count * string->width))
        return TMPALLOC_E_HOST;
    char *copy = memory_allocate(4 * string->count + 1);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    copy[python_encode(characters, string->count, string->width, copy)] = '\0';
    *ret = copy;
    return TMPALLOC_OK;
}

/* Copies the string that the pointer at `place` points to. */
static int python_code_copy_string(const struct python_process *process,
                                   const struct python_offsets *offsets, uint64_t place,
                                   char **ret) {
    uint64_t address;
    struct string string;
    if (!python_read_word(process, place, &address) ||
        !find_string(process, offsets, address, &string))
        return TMPALLOC_E_HOST;
    unsigned char *characters = memory_allocate(string.count * string.width + 1);
    if (!characters)
        return TMPALLOC_E_NOMEM;
    int status = read_characters(process, &string, characters, ret);
    memory_release(characters);
    return status;
}

/* Copying. */

static int copy_lines(const struct python_process *process, const struct python_offsets *offsets,
                      uint64_t place, struct python_code *code) {
    uint64_t address, size;
    if (!python_read_word(process, place, &address) ||
        !python_read_word(process, address + offsets->bytes_size, &size) || size > TABLE_LIMIT)
        return TMPALLOC_E_HOST;
    code->lines = memory_allocate(size + 1);
    code->lines_bytes = (uint32_t)size;
    if (!code->lines)
        return TMPALLOC_E_NOMEM;
    return python_read(process, address + offsets->bytes_data, code->lines, size) ? TMPALLOC_OK
                                                                                  : TMPALLOC_E_HOST;
}

int python_code_copy(const struct python_process *process, const struct python_runtime *runtime,
                     uint64_t address, struct python_code *ret) {
    const struct python_offsets *offsets = &runtime->offsets;
    struct python_code code = {.lines_format = offsets->lines};
    int status = TMPALLOC_E_HOST;
    if (python_read(process, address + offsets->code_first_line, &code.first_line,
                    sizeof code.first_line))
        status =
            python_code_copy_string(process, offsets, address + offsets->code_name, &code.name);
    if (status == TMPALLOC_OK)
        status =
            python_code_copy_string(process, offsets, address + offsets->code_file, &code.file);
    if (status == TMPALLOC_OK)
        status = copy_lines(process, offsets, address + offsets->code_lines, &code);
    if (status == TMPALLOC_OK)
        *ret = code;
    else
        python_code_deinit(&code);
    return status;
}

void python_code_deinit(struct python_code *code) {
    memory_release(code->name);
    memory_release(code->file);
    memory_release(code->lines);
    *code = (struct python_code){0};
}

/* Lines. */

/* co_lnotab: pairs of an unsigned step in bytes and a signed one in lines, which takes effect where
 * the first has led to.  Objects/lnotab_notes.txt of 3.9. */
static int32_t line_by_lnotab(const struct python_code *code, int32_t instruction) {
    uint32_t line = (uint32_t)code->first_line;
    int32_t address = 0;
    for (uint32_t i = 0; i + 1 < code->lines_bytes; i += 2) {
        address += code->lines[i];
        if (address > instruction)
            break;
        line += (uint32_t)(int8_t)code->lines[i + 1];
    }
    return (int32_t)line;
}

#define NO_LINE (-128)

/* co_linetable of 3.10: pairs of the bytes of a range and the step from the line of the range
 * before; NO_LINE: the range has no line, nor is it a step.  Objects/lnotab_notes.txt of 3.10. */
static int32_t line_by_ranges(const struct python_code *code, int32_t instruction) {
    uint32_t line = (uint32_t)code->first_line;
    int32_t end = 0;
    for (uint32_t i = 0; i + 1 < code->lines_bytes; i += 2) {
        int8_t step = (int8_t)code->lines[i + 1];
        end += code->lines[i];
        if (step != NO_LINE)
            line += (uint32_t)step;
        if (instruction < end)
            return step == NO_LINE ? 0 : (int32_t)line;
    }
    return 0;
}

/* co_linetable since 3.11, Objects/locations.md: entries begin with a byte with the highest bit
 * set, four bits of kind and three with the number of code units less one.  Numbers follow in
 * groups of six bits, the lowest first, with a bit that says that more follow. */

#define ENTRY_BIT       0x80
#define ENTRY_KIND(b)   (((b) >> 3) & 15)
#define ENTRY_BYTES(b)  ((((b)&7) + 1) * 2)
#define NUMBER_BITS     6
#define NUMBER_CONTINUE 0x40

enum entry_kind {
    ENTRY_ONE_LINE = 10, /* and 11, 12: so many lines on */
    ENTRY_NO_COLUMNS = 13,
    ENTRY_LONG = 14,
    ENTRY_NONE = 15
};

/* A signed number, whose sign is its lowest bit. */
static int32_t signed_number(const struct python_code *code, uint32_t i) {
    uint32_t value = 0;
    for (uint32_t shift = 0; i < code->lines_bytes && shift < 32; shift += NUMBER_BITS) {
        value |= (uint32_t)(code->lines[i] & (NUMBER_CONTINUE - 1)) << shift;
        if (!(code->lines[i++] & NUMBER_CONTINUE))
            break;
    }
    return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

static int32_t line_step(const struct python_code *code, uint32_t entry) {
    uint32_t kind = ENTRY_KIND(code->lines[entry]);
    if (kind == ENTRY_NO_COLUMNS || kind == ENTRY_LONG)
        return signed_number(code, entry + 1);
    return kind >= ENTRY_ONE_LINE && kind < ENTRY_NO_COLUMNS ? (int32_t)kind - ENTRY_ONE_LINE : 0;
}

static int32_t line_by_locations(const struct python_code *code, int32_t instruction) {
    uint32_t line = (uint32_t)code->first_line;
    int32_t end = 0;
    for (uint32_t i = 0; i < code->lines_bytes; i++) {
        unsigned char first = code->lines[i];
        if (!(first & ENTRY_BIT))
            continue;
        line += (uint32_t)line_step(code, i);
        end += ENTRY_BYTES(first);
        if (instruction < end)
            return ENTRY_KIND(first) == ENTRY_NONE ? 0 : (int32_t)line;
    }
    return 0;
}

int32_t python_code_line(const struct python_code *code, int32_t instruction) {
    if (instruction < 0)
        return code->first_line;
    switch (code->lines_format) {
    case PYTHON_LNOTAB:
        return line_by_lnotab(code, instruction);
    case PYTHON_LINETABLE:
        return line_by_ranges(code, instruction);
    default:
        return line_by_locations(code, instruction);
    }
}
