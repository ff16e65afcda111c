#include "engines/engine_objects.h"

#include <string.h>

/* As the processor writes it: its last word is where it jumps to. */
struct stub {
    uint8_t code[PROCESSOR_STUB_BYTES - sizeof(uint64_t)];
    uint64_t function;
};

_Static_assert(sizeof(struct stub) == PROCESSOR_STUB_BYTES, "nothing is between");

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

static struct entry_point describe(const struct engine_objects *objects, uint64_t function,
                                   enum python_table_word word) {
    return (struct entry_point){
        .signature = signatures[word],
        .address = function,
        .module = modules_frame(objects->modules, function, true).module,
    };
}

/* A debugger that let the process go has left the tables as they were. */
static int adopt_stub(struct engine_objects *objects, uint64_t address, enum python_table_word word,
                      struct error *error) {
    struct stub stub;
    uint64_t i = (address - objects->stubs) / sizeof(stub);
    if (i >= ENGINE_OBJECT_FUNCTIONS)
        return TMPALLOC_OK;
    int status = host_read_data(objects->host, address, &stub, sizeof(stub), error);
    if (status != TMPALLOC_OK)
        return status;
    objects->functions[i] = describe(objects, stub.function, word);
    if (objects->count <= i)
        objects->count = i + 1;
    return TMPALLOC_OK;
}

static int add_stub(struct engine_objects *objects, uint64_t function, enum python_table_word word,
                    struct error *error) {
    uint8_t stub[PROCESSOR_STUB_BYTES];
    if (objects->count == ENGINE_OBJECT_FUNCTIONS)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "CPython's allocator is changed too often");
    objects->host->processor->write_stub(stub, function);
    int status = host_write_data(objects->host, stub_address(objects, objects->count), stub,
                                 sizeof(stub), error);
    if (status == TMPALLOC_OK)
        objects->functions[objects->count++] = describe(objects, function, word);
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

/* What is to be done with a table's words, one after the other. */
typedef int visit_function(struct engine_objects *objects, uint64_t cell, uint64_t function,
                           enum python_table_word word, struct error *error);

static int visit_tables(struct engine_objects *objects, visit_function *visit,
                        struct error *error) {
    uint64_t words[PYTHON_TABLE_WORDS];
    int status = TMPALLOC_OK;
    for (size_t t = 0; t < PYTHON_TABLES && status == TMPALLOC_OK; t++) {
        uint64_t table = objects->tables.addresses[t];
        status = host_read_data(objects->host, table, words, sizeof(words), error);
        for (uint32_t i = PYTHON_TABLE_MALLOC; i < PYTHON_TABLE_WORDS && status == TMPALLOC_OK; i++)
            status = visit(objects, table + i * sizeof(words[0]), words[i],
                           (enum python_table_word)i, error);
    }
    return status;
}

/* What isn't in a loaded file will be, once the dynamic linker has relocated the table. */
static int follow(struct engine_objects *objects, uint64_t cell, uint64_t function,
                  enum python_table_word word, struct error *error) {
    if (is_stub(objects, function) ||
        modules_frame(objects->modules, function, true).module == FRAME_NO_MODULE)
        return TMPALLOC_OK;
    return lead_to_stub(objects, cell, function, word, error);
}

static int adopt(struct engine_objects *objects, uint64_t cell, uint64_t function,
                 enum python_table_word word, struct error *error) {
    (void)cell;
    return adopt_stub(objects, function, word, error);
}

static int find(struct engine_objects *objects, struct error *error) {
    int status = interpreted_stacks_tables(objects->python, &objects->tables, error);
    if (status == TMPALLOC_OK)
        status = find_room(objects, error);
    if (status == TMPALLOC_OK)
        status = visit_tables(objects, adopt, error);
    objects->found = status == TMPALLOC_OK;
    return status;
}

static int lead_to_stubs(struct engine_objects *objects, struct error *error) {
    uint64_t settled = 0;
    if (!objects->python || objects->settled)
        return TMPALLOC_OK;
    int status = objects->found ? TMPALLOC_OK : find(objects, error);
    if (status == TMPALLOC_OK)
        status = host_read_data(objects->host, objects->tables.settled, &settled, sizeof(settled),
                                error);
    if (status == TMPALLOC_OK)
        status = visit_tables(objects, follow, error);
    objects->settled = status == TMPALLOC_OK && settled != 0;
    return status;
}

int engine_objects_follow(struct engine_objects *objects, struct breakpoints *breakpoints,
                          struct error *error) {
    size_t known = objects->count;
    int status = lead_to_stubs(objects, error);
    for (size_t i = known; i < objects->count; i++) {
        uint64_t function = objects->functions[i].address;
        int set = function
                      ? breakpoints_require(breakpoints, function, BREAKPOINT_ENTRY, NULL, error)
                      : TMPALLOC_OK;
        if (set != TMPALLOC_OK)
            return set;
    }
    return status;
}

static int restore(struct engine_objects *objects, uint64_t cell, uint64_t function,
                   enum python_table_word word, struct error *error) {
    (void)word;
    if (!is_stub(objects, function))
        return TMPALLOC_OK;
    size_t number = (size_t)(function - objects->stubs) / sizeof(struct stub);
    return host_write_data(objects->host, cell, &objects->functions[number].address,
                           sizeof(function), error);
}

void engine_objects_restore(struct engine_objects *objects) {
    if (objects->found)
        visit_tables(objects, restore, NULL);
    objects->found = objects->settled = false;
}
