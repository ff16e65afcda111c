#include "engine_objects.h"

#include <string.h>

/* jmp *function(%rip) */
struct stub {
    uint8_t jump[8];
    uint64_t function;
};

#define JUMP                                                                                       \
    { 0xff, 0x25, 2, 0, 0, 0 }

_Static_assert(sizeof(struct stub) == 16, "the jump knows where the function is");

static const struct entry_signature signatures[PYTHON_TABLE_WORDS] = {
    [PYTHON_TABLE_MALLOC] = {.role = ENTRY_ALLOCATE, .size = 2},
    [PYTHON_TABLE_CALLOC] = {.role = ENTRY_ALLOCATE, .count = 2, .size = 3},
    [PYTHON_TABLE_REALLOC] = {.role = ENTRY_REALLOCATE, .pointer = 2, .size = 3},
    [PYTHON_TABLE_FREE] = {.role = ENTRY_FREE, .pointer = 2},
};

const struct entry_point *engine_objects_at(const struct engine_objects *objects,
                                            uint64_t address) {
    for (size_t i = 0; i < objects->count; i++) {
        if (objects->functions[i].address == address)
            return &objects->functions[i];
    }
    return NULL;
}

/* Stubs. */

static uint64_t stub_address(const struct engine_objects *objects, size_t i) {
    return objects->stubs + i * sizeof(struct stub);
}

static bool is_stub(const struct engine_objects *objects, uint64_t address) {
    return objects->stubs != 0 && address - objects->stubs < objects->count * sizeof(struct stub);
}

static int find_room(struct engine_objects *objects, struct error *error) {
    size_t count = modules_loaded_count(objects->modules);
    for (size_t i = 0; i < count && objects->stubs == 0; i++)
        modules_find_room(objects->modules, modules_loaded(objects->modules, i),
                          ENGINE_OBJECT_FUNCTIONS * sizeof(struct stub), &objects->stubs);
    return objects->stubs != 0 ? TMPALLOC_OK
                               : error_set(error, TMPALLOC_E_UNSUPPORTED,
                                           "there is no room for stubs in the loaded files");
}

static int add_stub(struct engine_objects *objects, uint64_t function, enum python_table_word word,
                    struct error *error) {
    struct stub stub = {.jump = JUMP, .function = function};
    if (objects->count == ENGINE_OBJECT_FUNCTIONS)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "CPython's allocator is changed too often");
    int status = objects->stubs == 0 ? find_room(objects, error) : TMPALLOC_OK;
    if (status == TMPALLOC_OK)
        status = host_write_data(objects->host, stub_address(objects, objects->count), &stub,
                                 sizeof(stub), error);
    if (status == TMPALLOC_OK)
        objects->functions[objects->count++] = (struct entry_point){
            .signature = signatures[word],
            .address = function,
            .module = modules_frame(objects->modules, function, true).module,
        };
    return status;
}

/* Tables. */

static int lead_to_stub(struct engine_objects *objects, uint64_t cell, uint64_t function,
                        enum python_table_word word, struct error *error) {
    const struct entry_point *known = engine_objects_at(objects, function);
    int status = known ? TMPALLOC_OK : add_stub(objects, function, word, error);
    if (status != TMPALLOC_OK)
        return status;
    known = engine_objects_at(objects, function);
    uint64_t stub = stub_address(objects, (size_t)(known - objects->functions));
    return host_write_data(objects->host, cell, &stub, sizeof(stub), error);
}

/* What isn't in a loaded file will be, once the dynamic linker has relocated the table. */
static int follow_table(struct engine_objects *objects, uint64_t table, struct error *error) {
    uint64_t words[PYTHON_TABLE_WORDS];
    int status = host_read_data(objects->host, table, words, sizeof(words), error);
    for (uint32_t i = PYTHON_TABLE_MALLOC; i < PYTHON_TABLE_WORDS && status == TMPALLOC_OK; i++) {
        if (is_stub(objects, words[i]) ||
            modules_frame(objects->modules, words[i], true).module == FRAME_NO_MODULE)
            continue;
        status = lead_to_stub(objects, table + i * sizeof(words[0]), words[i],
                              (enum python_table_word)i, error);
    }
    return status;
}

int engine_objects_follow(struct engine_objects *objects, struct error *error) {
    uint64_t settled = 0;
    if (!objects->python || objects->settled)
        return TMPALLOC_OK;
    int status = objects->found
                     ? TMPALLOC_OK
                     : interpreted_stacks_tables(objects->python, &objects->tables, error);
    objects->found = status == TMPALLOC_OK;
    if (status == TMPALLOC_OK)
        status = host_read_data(objects->host, objects->tables.settled, &settled, sizeof(settled),
                                error);
    for (size_t i = 0; i < PYTHON_TABLES && status == TMPALLOC_OK; i++)
        status = follow_table(objects, objects->tables.addresses[i], error);
    objects->settled = status == TMPALLOC_OK && settled != 0;
    return status;
}

static void restore_table(struct engine_objects *objects, uint64_t table) {
    uint64_t words[PYTHON_TABLE_WORDS];
    if (host_read_data(objects->host, table, words, sizeof(words), NULL) != TMPALLOC_OK)
        return;
    for (size_t i = PYTHON_TABLE_MALLOC; i < PYTHON_TABLE_WORDS; i++) {
        if (!is_stub(objects, words[i]))
            continue;
        size_t number = (size_t)(words[i] - objects->stubs) / sizeof(struct stub);
        host_write_data(objects->host, table + i * sizeof(words[0]),
                        &objects->functions[number].address, sizeof(words[0]), NULL);
    }
}

void engine_objects_restore(struct engine_objects *objects) {
    for (size_t i = 0; i < PYTHON_TABLES && objects->found; i++)
        restore_table(objects, objects->tables.addresses[i]);
    objects->found = objects->settled = false;
}
