#include "cfi_rows.h"

#include <dwarf.h>
#include <string.h>

#include "../arena.h"
#include "../map.h"
#include "../memory.h"
#include "cfi_modules.h"
#include "cfi_operations.h"
#include "tmpalloc/tmpalloc.h"

struct cfi_rows {
    struct map map; /* pc and exactness -> struct cfi_row */
    struct arena arena;
    struct cfi_modules modules;
    struct cfi_program program; /* work area */
};

/* What a common information entry says about its functions. */
struct common {
    struct cfi_bytes instructions;
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t return_column;
    uint8_t pointer_encoding;
    bool sized; /* functions have augmentation data */
    bool signal;
};

int cfi_rows_create(struct cfi_rows **ret) {
    struct cfi_rows *rows = memory_allocate_zeroed(1, sizeof *rows);
    if (!rows)
        return TMPALLOC_E_NOMEM;
    *ret = rows;
    return TMPALLOC_OK;
}

void cfi_rows_destroy(struct cfi_rows *rows) {
    if (!rows)
        return;
    map_deinit(&rows->map);
    arena_deinit(&rows->arena);
    cfi_modules_deinit(&rows->modules);
    memory_release(rows);
}

void cfi_rows_clear(struct cfi_rows *rows) {
    map_clear(&rows->map);
    arena_deinit(&rows->arena);
    cfi_modules_clear(&rows->modules);
}

/* The entry of .eh_frame at an address: its bytes after the length; 0: where it begins. */
static struct cfi_bytes open_entry(const uint8_t *start) {
    struct cfi_bytes bytes = {.at = start, .end = start + 12};
    uint64_t size = cfi_bytes_unsigned(&bytes, 4);
    if (size == UINT32_MAX)
        size = cfi_bytes_unsigned(&bytes, 8);
    bytes.end = bytes.at + size;
    return bytes;
}

static void read_augmentation(struct cfi_bytes *bytes, const char *letters, struct common *ret) {
    for (; *letters && !bytes->failed; letters++) {
        uint8_t encoding;
        switch (*letters) {
        case 'R':
            ret->pointer_encoding = (uint8_t)cfi_bytes_unsigned(bytes, 1);
            break;
        case 'L':
            cfi_bytes_skip(bytes, 1);
            break;
        case 'P':
            encoding = (uint8_t)cfi_bytes_unsigned(bytes, 1);
            cfi_bytes_pointer(bytes, encoding, 0);
            break;
        case 'S':
            ret->signal = true;
            break;
        default:
            bytes->failed = true;
        }
    }
}

static const char *read_string(struct cfi_bytes *bytes) {
    const uint8_t *end = memchr(bytes->at, 0, (size_t)(bytes->end - bytes->at));
    const uint8_t *start = bytes->at;
    bytes->failed |= !end;
    if (end)
        bytes->at = end + 1;
    return end ? (const char *)start : "";
}

static bool read_common(const uint8_t *start, struct common *ret) {
    struct cfi_bytes bytes = open_entry(start);
    *ret = (struct common){.pointer_encoding = DW_EH_PE_absptr};
    bool is_common = cfi_bytes_unsigned(&bytes, 4) == 0;
    uint64_t version = cfi_bytes_unsigned(&bytes, 1);
    const char *letters = read_string(&bytes);
    if (version >= 4)
        cfi_bytes_skip(&bytes, 2); /* sizes of addresses and segments */
    ret->code_factor = cfi_bytes_uleb(&bytes);
    ret->data_factor = cfi_bytes_sleb(&bytes);
    ret->return_column = version == 1 ? cfi_bytes_unsigned(&bytes, 1) : cfi_bytes_uleb(&bytes);
    ret->sized = letters[0] == 'z';
    if (ret->sized) {
        uint64_t size = cfi_bytes_uleb(&bytes);
        struct cfi_bytes data = bytes;
        cfi_bytes_skip(&bytes, size);
        data.end = bytes.at;
        read_augmentation(&data, letters + 1, ret);
        bytes.failed |= data.failed;
    } else {
        bytes.failed |= letters[0] != 0;
    }
    ret->instructions = bytes;
    return is_common && !bytes.failed && ret->return_column < CFI_REGISTERS;
}

/* The description of the last function that doesn't begin after the address; NULL: none. */
static const uint8_t *search_table(const uint8_t *header, uintptr_t address) {
    uint32_t count;
    memcpy(&count, header + CFI_TABLE_COUNT_OFFSET, sizeof count);
    const struct cfi_table_entry *table = (const void *)(header + CFI_TABLE_OFFSET);
    int64_t wanted = (int64_t)(address - (uintptr_t)header);
    uint32_t low = 0;
    for (uint32_t high = count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (table[middle].function <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? header + table[low - 1].description : NULL;
}

/* Runs the instructions of the function at the program's target.  False: there is no such function,
 * or its instructions can't be understood. */
static bool run_function(struct cfi_program *program, const uint8_t *description,
                         struct common *ret) {
    struct cfi_bytes bytes = open_entry(description);
    const uint8_t *distance_at = bytes.at;
    uint64_t distance = cfi_bytes_unsigned(&bytes, 4);
    if (bytes.failed || distance == 0 || !read_common(distance_at - distance, ret))
        return false;
    uintptr_t start = cfi_bytes_pointer(&bytes, ret->pointer_encoding, 0);
    uintptr_t size = cfi_bytes_pointer(&bytes, ret->pointer_encoding & 0x0f, 0);
    if (ret->sized)
        cfi_bytes_skip(&bytes, cfi_bytes_uleb(&bytes));
    if (bytes.failed || program->target - start >= size)
        return false;
    program->code_factor = ret->code_factor;
    program->data_factor = ret->data_factor;
    program->pointer_encoding = ret->pointer_encoding;
    program->location = start;
    program->depth = 0;
    memset(&program->state, 0, sizeof program->state);
    if (!cfi_program_run(program, &ret->instructions))
        return false;
    program->initial = program->state;
    program->location = start;
    return cfi_program_run(program, &bytes);
}

static int decode(struct arena *arena, const struct cfi_rule *rule, bool with_cfa,
                  struct cfi_recovery *ret) {
    struct cfi_bytes bytes = {.at = rule->expression, .end = rule->expression + rule->size};
    Dwarf_Op *operations = arena_allocate(arena, rule->size + 1, sizeof *operations);
    uint32_t count = 0;
    if (!operations)
        return TMPALLOC_E_NOMEM;
    if (with_cfa)
        operations[count++] = (Dwarf_Op){.atom = DW_OP_call_frame_cfa};
    while (bytes.at < bytes.end && !bytes.failed)
        operations[count++] = cfi_operation_read(&bytes);
    if (bytes.failed)
        *ret = (struct cfi_recovery){.kind = CFI_UNDEFINED, .target = ret->target};
    else
        *ret = (struct cfi_recovery){.kind = rule->kind,
                                     .target = ret->target,
                                     .operations = operations,
                                     .operation_count = count};
    return TMPALLOC_OK;
}

static int recover(struct arena *arena, const struct cfi_rule *rule, uint32_t target,
                   struct cfi_recovery *ret) {
    *ret = (struct cfi_recovery){.kind = rule->kind,
                                 .target = (uint8_t)target,
                                 .source = rule->source,
                                 .offset = rule->offset};
    if (rule->kind == CFI_EXPRESSION || rule->kind == CFI_AT_EXPRESSION)
        return decode(arena, rule, true, ret);
    return TMPALLOC_OK;
}

static uint32_t count_recoveries(const struct cfi_state *state, uint64_t return_column) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < CFI_REGISTERS; i++)
        count += i != return_column && state->registers[i].kind != CFI_SAME;
    return count;
}

static int fill_row(struct arena *arena, const struct cfi_state *state, uint64_t return_column,
                    struct cfi_row *row) {
    row->cfa = (struct cfi_recovery){
        .kind = state->cfa.kind, .source = state->cfa.source, .offset = state->cfa.offset};
    int status = state->cfa.kind == CFI_EXPRESSION ? decode(arena, &state->cfa, false, &row->cfa)
                                                   : TMPALLOC_OK;
    if (status == TMPALLOC_OK)
        status = recover(arena, &state->registers[return_column], CFI_RETURN_ADDRESS,
                         &row->return_address);
    for (uint32_t i = 0; i < CFI_REGISTERS && status == TMPALLOC_OK; i++) {
        if (i != return_column && state->registers[i].kind != CFI_SAME)
            status = recover(arena, &state->registers[i], i, &row->recoveries[row->count++]);
    }
    return status;
}

static int create_row(struct cfi_rows *rows, uintptr_t pc, bool exact, struct cfi_row **ret) {
    const struct cfi_module *module;
    struct common common;
    struct cfi_program *program = &rows->program;
    program->target = pc - !exact;
    if (cfi_modules_find(&rows->modules, program->target, &module) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    const uint8_t *description =
        module && module->header ? search_table(module->header, program->target) : NULL;
    if (!description || !run_function(program, description, &common))
        return TMPALLOC_OK;
    uint32_t count = count_recoveries(&program->state, common.return_column);
    struct cfi_row *row =
        arena_allocate(&rows->arena, 1, sizeof *row + count * sizeof row->recoveries[0]);
    if (!row)
        return TMPALLOC_E_NOMEM;
    row->pc = pc;
    row->exact = exact;
    row->signal = common.signal;
    row->identity = module->identity;
    *ret = row;
    return fill_row(&rows->arena, &program->state, common.return_column, row);
}

/* Addresses of code leave the top bit free. */
static uint64_t key_of(uintptr_t pc, bool exact) {
    return pc << 1 | exact;
}

int cfi_rows_find(struct cfi_rows *rows, uintptr_t pc, bool exact, const struct cfi_row **ret) {
    uint64_t value;
    struct cfi_row *row = NULL;
    *ret = NULL;
    if (map_get(&rows->map, key_of(pc, exact), &value)) {
        *ret = (const struct cfi_row *)(uintptr_t)value;
        return TMPALLOC_OK;
    }
    if (create_row(rows, pc, exact, &row) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    /* That there is none isn't kept: a library may appear at that place. */
    if (row && map_put(&rows->map, key_of(pc, exact), (uintptr_t)row))
        return TMPALLOC_E_NOMEM;
    *ret = row;
    return TMPALLOC_OK;
}
