#include "cpython/python_tables.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The loads are among a function's first instructions.  Where it first compares a table's function,
 * the context is loaded where a jump behind that leads to: an optimized interpreter has the rest of
 * the function in between, and the other path perhaps in another section. */
#define CODE_BYTES       64
#define OTHER_PATH_BYTES 24

#define DISPLACEMENT_BYTES 4
/* The longest of what is looked for, from the byte before it. */
#define INSTRUCTION_BYTES (3 + DISPLACEMENT_BYTES)

#define LOADS (2 * CODE_BYTES)

/* What an instruction loads from, or jumps through. */
struct load {
    uint64_t address;
    bool of_runtime; /* or of another struct that a register points to */
};

struct loads {
    struct load items[LOADS];
    size_t count;
};

/* A piece of code, with the byte before it. */
struct piece {
    uint64_t address;
    size_t size_bytes;
    uint8_t bytes[1 + CODE_BYTES + INSTRUCTION_BYTES];
};

static bool read_piece(const struct python_process *process, uint64_t address, size_t size_bytes,
                       struct piece *ret) {
    *ret = (struct piece){.address = address, .size_bytes = size_bytes};
    return python_read(process, address, ret->bytes + 1, size_bytes + INSTRUCTION_BYTES);
}

/* mov from memory to a register of 64 bits, and call and jmp through memory. */
static bool loads_word(const uint8_t *code) {
    bool moves = (code[0] & 0xfb) == 0x48 && code[1] == 0x8b;
    bool goes = code[1] == 0xff && ((code[2] & 0x38) == 0x10 || (code[2] & 0x38) == 0x20);
    return moves || goes;
}

/* Instructions aren't told apart: bytes that only look like one make no pair of loads. */
static void add_load(struct loads *loads, uint64_t runtime, uint64_t address, const uint8_t *code) {
    uint8_t mode = code[2] & 0xc7;
    bool relative = mode == 0x05; /* to the next instruction */
    bool based = (code[2] & 0xc0) == 0x80 && (code[2] & 0x07) != 0x04;
    int32_t displacement;
    if (!loads_word(code) || (!relative && !based) || loads->count == LOADS)
        return;
    memcpy(&displacement, code + 3, sizeof displacement);
    uint64_t base = relative ? address + INSTRUCTION_BYTES : runtime;
    loads->items[loads->count++] =
        (struct load){.address = base + (uint64_t)(int64_t)displacement, .of_runtime = based};
}

/* A jump without a prefix is read from the byte before it. */
static void add_loads(struct loads *loads, uint64_t runtime, const struct piece *piece) {
    for (size_t i = 0; i < piece->size_bytes; i++)
        add_load(loads, runtime, piece->address + i - 1, piece->bytes + i);
}

/* Where a conditional jump leads to; 0: it is none. */
static uint64_t jump_target(const uint8_t *code, uint64_t address) {
    int32_t distance;
    if ((code[0] & 0xf0) == 0x70)
        return address + 2 + (uint64_t)(int64_t)(int8_t)code[1];
    if (code[0] != 0x0f || (code[1] & 0xf0) != 0x80)
        return 0;
    memcpy(&distance, code + 2, sizeof distance);
    return address + 2 + sizeof distance + (uint64_t)(int64_t)distance;
}

/* Jumps before the first load are about the size that is asked for. */
static void add_loads_of_other_paths(struct loads *loads, const struct python_process *process,
                                     uint64_t runtime, const struct piece *piece) {
    struct loads before = {.count = 0};
    struct piece path;
    for (size_t i = 1; i < piece->size_bytes; i++) {
        uint64_t target = jump_target(piece->bytes + i, piece->address + i - 1);
        add_load(&before, runtime, piece->address + i - 2, piece->bytes + i - 1);
        if (before.count != 0 && target && read_piece(process, target, OTHER_PATH_BYTES, &path))
            add_loads(loads, runtime, &path);
    }
}

/* The address of a table whose context and first function are loaded in either order; 0: there is
 * none. */
static uint64_t find_pair(const struct loads *loads) {
    for (size_t i = 0; i < loads->count; i++) {
        const struct load *load = &loads->items[i];
        for (size_t k = i + 1; k < loads->count; k++) {
            uint64_t distance = loads->items[k].address - load->address;
            if (loads->items[k].of_runtime != load->of_runtime)
                continue;
            if (distance == sizeof(uint64_t))
                return load->address;
            if (distance == -sizeof(uint64_t))
                return loads->items[k].address;
        }
    }
    return 0;
}

static uint64_t find_table(const struct python_process *process,
                           const struct python_runtime *runtime, const char *function) {
    struct loads loads = {.count = 0};
    struct piece code;
    uint64_t address = process->find(process->arg, function);
    if (!address || !read_piece(process, address, CODE_BYTES, &code))
        return 0;
    add_loads(&loads, runtime->address, &code);
    add_loads_of_other_paths(&loads, process, runtime->address, &code);
    return find_pair(&loads);
}

bool python_tables_find(const struct python_process *process, const struct python_runtime *runtime,
                        struct python_tables *ret) {
    static const char *const functions[PYTHON_TABLES] = {"PyMem_Malloc", "PyObject_Malloc"};
    uint64_t words[PYTHON_TABLE_WORDS];
    struct python_tables tables = {.settled =
                                       runtime->address + runtime->offsets.runtime_interpreters};
    for (size_t i = 0; i < COUNT(functions); i++) {
        tables.addresses[i] = find_table(process, runtime, functions[i]);
        if (!tables.addresses[i] || !python_read(process, tables.addresses[i], words, sizeof words))
            return false;
    }
    *ret = tables;
    return true;
}
