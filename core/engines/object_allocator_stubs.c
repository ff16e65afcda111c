#include "engines/object_allocator_stubs.h"

#include <string.h>

/* As the processor writes it: its last word is where it jumps to. */
struct stub {
    uint8_t code[PROCESSOR_STUB_BYTES - sizeof(uint64_t)];
    uint64_t function;
};

_Static_assert(sizeof(struct stub) == PROCESSOR_STUB_BYTES, "nothing is between");

static const struct entry_signature signatures[OBJECT_ALLOCATOR_WORDS] = {
    [OBJECT_ALLOCATOR_MALLOC] = {.role = ENTRY_ALLOCATE, .size = 2},
    [OBJECT_ALLOCATOR_CALLOC] = {.role = ENTRY_ALLOCATE, .count = 2, .size = 3},
    [OBJECT_ALLOCATOR_REALLOC] = {.role = ENTRY_REALLOCATE, .pointer = 2, .size = 3},
    [OBJECT_ALLOCATOR_FREE] = {.role = ENTRY_FREE, .pointer = 2},
};

const struct entry_point *object_allocator_stubs_at(const struct object_allocator_stubs *stubs,
                                                    uint64_t address) {
    for (size_t i = 0; i < stubs->count; i++) {
        if (stubs->functions[i].address == address)
            return &stubs->functions[i];
    }
    return NULL;
}

/* Stubs. */

static uint64_t stub_address(const struct object_allocator_stubs *stubs, size_t i) {
    return stubs->first_stub + i * sizeof(struct stub);
}

static bool is_stub(const struct object_allocator_stubs *stubs, uint64_t address) {
    return stubs->first_stub != 0 &&
           address - stubs->first_stub < stubs->count * sizeof(struct stub);
}

static int find_room(struct object_allocator_stubs *stubs, struct error *error) {
    size_t count = modules_loaded_count(stubs->modules);
    for (size_t i = 0; i < count && stubs->first_stub == 0; i++)
        modules_find_room(stubs->modules, modules_loaded(stubs->modules, i),
                          OBJECT_ALLOCATOR_FUNCTIONS * sizeof(struct stub), &stubs->first_stub);
    return stubs->first_stub != 0 ? TMPALLOC_OK
                                  : error_set(error, TMPALLOC_E_UNSUPPORTED,
                                              "there is no room for stubs in the loaded files");
}

static struct entry_point stubs_describe(const struct object_allocator_stubs *stubs,
                                         uint64_t function, enum object_allocator_word word) {
    return (struct entry_point){
        .signature = signatures[word],
        .address = function,
        .module = modules_frame(stubs->modules, function, true).module,
    };
}

/* A debugger that let the process go has left the tables as they were. */
static int adopt_stub(struct object_allocator_stubs *stubs, uint64_t address,
                      enum object_allocator_word word, struct error *error) {
    struct stub stub;
    uint64_t i = (address - stubs->first_stub) / sizeof(stub);
    if (i >= OBJECT_ALLOCATOR_FUNCTIONS)
        return TMPALLOC_OK;
    int status = host_read_data(stubs->host, address, &stub, sizeof(stub), error);
    if (status != TMPALLOC_OK)
        return status;
    stubs->functions[i] = stubs_describe(stubs, stub.function, word);
    if (stubs->count <= i)
        stubs->count = i + 1;
    return TMPALLOC_OK;
}

static int add_stub(struct object_allocator_stubs *stubs, uint64_t function,
                    enum object_allocator_word word, struct error *error) {
    uint8_t stub[PROCESSOR_STUB_BYTES];
    if (stubs->count == OBJECT_ALLOCATOR_FUNCTIONS)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "CPython's allocator is changed too often");
    stubs->host->processor->write_stub(stub, function);
    int status =
        host_write_data(stubs->host, stub_address(stubs, stubs->count), stub, sizeof(stub), error);
    if (status != TMPALLOC_OK)
        return status;
    stubs->functions[stubs->count++] = stubs_describe(stubs, function, word);
    return TMPALLOC_OK;
}

/* Tables. */

static int lead_to_stub(struct object_allocator_stubs *stubs, uint64_t cell, uint64_t function,
                        enum object_allocator_word word, struct error *error) {
    const struct entry_point *known = object_allocator_stubs_at(stubs, function);
    int status = known ? TMPALLOC_OK : add_stub(stubs, function, word, error);
    if (status != TMPALLOC_OK)
        return status;
    known = object_allocator_stubs_at(stubs, function);
    uint64_t stub = stub_address(stubs, (size_t)(known - stubs->functions));
    return host_write_data(stubs->host, cell, &stub, sizeof(stub), error);
}

/* What is to be done with a table's words, one after the other. */
typedef int visit_function(struct object_allocator_stubs *stubs, uint64_t cell, uint64_t function,
                           enum object_allocator_word word, struct error *error);

static int visit_tables(struct object_allocator_stubs *stubs, visit_function *visit,
                        struct error *error) {
    uint64_t words[OBJECT_ALLOCATOR_WORDS];
    int status = TMPALLOC_OK;
    for (size_t t = 0; t < OBJECT_ALLOCATOR_TABLES && status == TMPALLOC_OK; t++) {
        uint64_t table = stubs->tables.addresses[t];
        status = host_read_data(stubs->host, table, words, sizeof(words), error);
        for (uint32_t i = OBJECT_ALLOCATOR_MALLOC;
             i < OBJECT_ALLOCATOR_WORDS && status == TMPALLOC_OK; i++)
            status = visit(stubs, table + i * sizeof(words[0]), words[i],
                           (enum object_allocator_word)i, error);
    }
    return status;
}

/* What isn't in a loaded file will be, once the dynamic linker has relocated the table. */
static int stubs_follow_cell(struct object_allocator_stubs *stubs, uint64_t cell, uint64_t function,
                             enum object_allocator_word word, struct error *error) {
    if (is_stub(stubs, function) ||
        modules_frame(stubs->modules, function, true).module == FRAME_NO_MODULE)
        return TMPALLOC_OK;
    return lead_to_stub(stubs, cell, function, word, error);
}

static int stubs_adopt(struct object_allocator_stubs *stubs, uint64_t cell, uint64_t function,
                       enum object_allocator_word word, struct error *error) {
    (void)cell;
    return adopt_stub(stubs, function, word, error);
}

static int stubs_find_tables(struct object_allocator_stubs *stubs, struct error *error) {
    int status = interpreted_stacks_object_allocator(stubs->python, &stubs->tables, error);
    if (status == TMPALLOC_OK)
        status = find_room(stubs, error);
    if (status == TMPALLOC_OK)
        status = visit_tables(stubs, stubs_adopt, error);
    stubs->found = status == TMPALLOC_OK;
    return status;
}

static int lead_to_stubs(struct object_allocator_stubs *stubs, struct error *error) {
    uint64_t settled = 0;
    if (!stubs->python || stubs->settled)
        return TMPALLOC_OK;
    int status = stubs->found ? TMPALLOC_OK : stubs_find_tables(stubs, error);
    if (status == TMPALLOC_OK)
        status =
            host_read_data(stubs->host, stubs->tables.settled, &settled, sizeof(settled), error);
    if (status == TMPALLOC_OK)
        status = visit_tables(stubs, stubs_follow_cell, error);
    stubs->settled = status == TMPALLOC_OK && settled != 0;
    return status;
}

int object_allocator_stubs_follow(struct object_allocator_stubs *stubs,
                                  struct breakpoints *breakpoints, struct error *error) {
    size_t known = stubs->count;
    int status = lead_to_stubs(stubs, error);
    for (size_t i = known; i < stubs->count; i++) {
        uint64_t function = stubs->functions[i].address;
        int set = function
                      ? breakpoints_require(breakpoints, function, BREAKPOINT_ENTRY, NULL, error)
                      : TMPALLOC_OK;
        if (set != TMPALLOC_OK)
            return set;
    }
    return status;
}

static int stubs_restore_cell(struct object_allocator_stubs *stubs, uint64_t cell,
                              uint64_t function, enum object_allocator_word word,
                              struct error *error) {
    (void)word;
    if (!is_stub(stubs, function))
        return TMPALLOC_OK;
    size_t number = (size_t)(function - stubs->first_stub) / sizeof(struct stub);
    return host_write_data(stubs->host, cell, &stubs->functions[number].address, sizeof(function),
                           error);
}

void object_allocator_stubs_restore(struct object_allocator_stubs *stubs) {
    if (stubs->found)
        visit_tables(stubs, stubs_restore_cell, NULL);
    stubs->found = stubs->settled = false;
}
