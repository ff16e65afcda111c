#include "cpython/object_allocator_tables.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The loads are among a function's first instructions.  Where it first compares a table's function,
 * the context is loaded where a jump behind that leads to: an optimized interpreter has the rest of
 * the function in between, and the other path perhaps in another section. */
#define CODE_BYTES       64
#define OTHER_PATH_BYTES 24

#define LOADS (2 * CODE_BYTES)

/* What code loads from, or goes through. */
struct loads {
    const struct processor *processor;
    uint64_t runtime; /* what registers that loads are based on are taken to point to */
    struct processor_load items[LOADS];
    size_t count;
};

/* A piece of code, with the byte before it. */
struct piece {
    uint64_t address;
    size_t size_bytes;
    uint8_t bytes[1 + CODE_BYTES + PROCESSOR_INSTRUCTION_BYTES];
};

static bool tables_read_piece(const struct python_process *process, uint64_t address,
                              size_t size_bytes, struct piece *ret) {
    *ret = (struct piece){.address = address, .size_bytes = size_bytes};
    return python_read(process, address, ret->bytes + 1, size_bytes + PROCESSOR_INSTRUCTION_BYTES);
}

/* Instructions aren't told apart: bytes that only look like one make no pair of loads. */
static void tables_add_load(struct loads *loads, const struct piece *piece, size_t i) {
    struct processor_load load;
    if (loads->count == LOADS ||
        !loads->processor->load(piece->bytes + i, piece->address + i - 1, &load))
        return;
    load.address += load.based ? loads->runtime : 0;
    loads->items[loads->count++] = load;
}

static void add_loads(struct loads *loads, const struct piece *piece) {
    for (size_t i = 0; i < piece->size_bytes; i++)
        tables_add_load(loads, piece, i);
}

/* Jumps before the first load are about the size that is asked for. */
static void add_loads_of_other_paths(struct loads *loads, const struct python_process *process,
                                     const struct piece *piece) {
    struct loads before = {.processor = loads->processor};
    struct piece path;
    for (size_t i = 1; i < piece->size_bytes; i++) {
        uint64_t target = loads->processor->branch_target(piece->bytes + i, piece->address + i - 1);
        tables_add_load(&before, piece, i - 1);
        if (before.count != 0 && target &&
            tables_read_piece(process, target, OTHER_PATH_BYTES, &path))
            add_loads(loads, &path);
    }
}

/* The address of a table whose context and first function are loaded in either order; 0: there is
 * none. */
static uint64_t tables_find_pair(const struct loads *loads) {
    for (size_t i = 0; i < loads->count; i++) {
        const struct processor_load *load = &loads->items[i];
        for (size_t k = i + 1; k < loads->count; k++) {
            uint64_t distance = loads->items[k].address - load->address;
            if (loads->items[k].based != load->based)
                continue;
            if (distance == sizeof(uint64_t))
                return load->address;
            if (distance == -sizeof(uint64_t))
                return loads->items[k].address;
        }
    }
    return 0;
}

static uint64_t find_table(const struct processor *processor, const struct python_process *process,
                           const struct python_runtime *runtime, const char *function) {
    struct loads loads = {.processor = processor, .runtime = runtime->address};
    struct piece code;
    uint64_t address = process->find(process->arg, function);
    if (!address || !tables_read_piece(process, address, CODE_BYTES, &code))
        return 0;
    add_loads(&loads, &code);
    add_loads_of_other_paths(&loads, process, &code);
    return tables_find_pair(&loads);
}

bool object_allocator_tables_find(const struct processor *processor,
                                  const struct python_process *process,
                                  const struct python_runtime *runtime,
                                  struct object_allocator_tables *ret) {
    static const char *const functions[OBJECT_ALLOCATOR_TABLES] = {"PyMem_Malloc",
                                                                   "PyObject_Malloc"};
    uint64_t words[OBJECT_ALLOCATOR_WORDS];
    struct object_allocator_tables tables = {.settled = runtime->address +
                                                        runtime->offsets.runtime_interpreters};
    if (!processor->load)
        return false;
    for (size_t i = 0; i < COUNT(functions); i++) {
        tables.addresses[i] = find_table(processor, process, runtime, functions[i]);
        if (!tables.addresses[i] || !python_read(process, tables.addresses[i], words, sizeof words))
            return false;
    }
    *ret = tables;
    return true;
}
