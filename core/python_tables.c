#include "python_tables.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The loads are among a function's first instructions. */
#define CODE_BYTES 64

#define DISPLACEMENT_BYTES 4

/* What an instruction loads from, or jumps through. */
struct load {
    uint64_t address;
    bool of_runtime; /* or of another struct that a register points to */
};

struct loads {
    struct load items[CODE_BYTES];
    size_t count;
};

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
    if (!loads_word(code) || (!relative && !based))
        return;
    memcpy(&displacement, code + 3, sizeof displacement);
    uint64_t base = relative ? address + 3 + DISPLACEMENT_BYTES : runtime;
    loads->items[loads->count++] =
        (struct load){.address = base + (uint64_t)(int64_t)displacement, .of_runtime = based};
}

static bool has(const struct loads *loads, uint64_t address, bool of_runtime) {
    for (size_t i = 0; i < loads->count; i++) {
        if (loads->items[i].address == address && loads->items[i].of_runtime == of_runtime)
            return true;
    }
    return false;
}

/* A table whose context and first function are both loaded; 0: there is none. */
static uint64_t find_pair(const struct loads *loads) {
    for (size_t i = 0; i < loads->count; i++) {
        const struct load *load = &loads->items[i];
        if (has(loads, load->address + sizeof(uint64_t), load->of_runtime))
            return load->address;
    }
    return 0;
}

static uint64_t find_table(const struct python_process *process,
                           const struct python_runtime *runtime, const char *function) {
    /* A jump without a prefix is read from the byte before it. */
    uint8_t code[1 + CODE_BYTES + 3 + DISPLACEMENT_BYTES];
    struct loads loads = {.count = 0};
    uint64_t address = process->find(process->arg, function);
    if (!address || !python_read(process, address, code + 1, sizeof code - 1))
        return 0;
    code[0] = 0;
    for (size_t i = 0; i < CODE_BYTES; i++)
        add_load(&loads, runtime->address, address + i - 1, code + i);
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
