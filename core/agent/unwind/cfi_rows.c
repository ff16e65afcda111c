#include "agent/unwind/cfi_rows.h"

#include <dwarf.h>
#include <string.h>

#include "agent/unwind/cfi_functions.h"
#include "agent/unwind/cfi_modules.h"
#include "agent/unwind/cfi_operations.h"
#include "agent/unwind/cfi_program.h"
#include "agent/unwind/cfi_told.h"
#include "support/arena.h"
#include "support/map.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

struct cfi_rows {
    struct map rows_by_pc; /* pc and exactness -> struct cfi_row */
    struct arena arena;
    struct cfi_modules modules;
    struct cfi_program program;       /* work area */
    struct cfi_row *made_at_run_time; /* for code of no file */
};

static struct cfi_row *create_frame_pointer_row(void) {
    struct cfi_row *row = memory_allocate_zeroed(1, sizeof *row + sizeof row->rules[0]);
    if (!row)
        return NULL;
    row->rules[0] = (struct unwind_rule){
        .kind = UNWIND_AT_OFFSET, .target = CFI_FRAME_POINTER, .offset = -FRAME_POINTER_BYTES};
    row->row = (struct unwind_row){.guessed = true,
                                   .simple = true,
                                   .cfa = {.kind = UNWIND_REGISTER,
                                           .number = CFI_FRAME_POINTER,
                                           .offset = FRAME_POINTER_BYTES},
                                   .return_address = {.kind = UNWIND_AT_OFFSET,
                                                      .target = CFI_RETURN_ADDRESS,
                                                      .offset = -FRAME_POINTER_BYTES / 2},
                                   .rules = row->rules,
                                   .count = 1};
    return row;
}

int cfi_rows_create(struct cfi_rows **ret) {
    struct cfi_rows *rows = memory_allocate_zeroed(1, sizeof *rows);
    if (!rows)
        return TMPALLOC_E_NOMEM;
    rows->made_at_run_time = create_frame_pointer_row();
    if (!rows->made_at_run_time) {
        memory_release(rows);
        return TMPALLOC_E_NOMEM;
    }
    *ret = rows;
    return TMPALLOC_OK;
}

void cfi_rows_destroy(struct cfi_rows *rows) {
    if (!rows)
        return;
    map_deinit(&rows->rows_by_pc);
    arena_deinit(&rows->arena);
    cfi_modules_deinit(&rows->modules);
    memory_release(rows->made_at_run_time);
    memory_release(rows);
}

void cfi_rows_clear(struct cfi_rows *rows) {
    map_clear(&rows->rows_by_pc);
    arena_deinit(&rows->arena);
    cfi_modules_clear(&rows->modules);
}

/* Runs the instructions of the function, which the program's target is in.  False: they can't be
 * understood. */
static bool run_function(struct cfi_program *program, struct cfi_function *function) {
    program->code_factor = function->code_factor;
    program->data_factor = function->data_factor;
    program->pointer_encoding = function->pointer_encoding;
    program->location = function->start;
    program->depth = 0;
    memset(&program->state, 0, sizeof program->state);
    if (!cfi_program_run(program, &function->common_instructions))
        return false;
    program->initial = program->state;
    program->location = function->start;
    return cfi_program_run(program, &function->instructions);
}

static int cfi_rows_decode(struct arena *arena, const struct cfi_rule *rule, bool with_cfa,
                           struct unwind_rule *ret) {
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
        *ret = (struct unwind_rule){.kind = UNWIND_UNDEFINED, .target = ret->target};
    else
        *ret = (struct unwind_rule){.kind = rule->kind,
                                    .target = ret->target,
                                    .operations = operations,
                                    .operation_count = count};
    return TMPALLOC_OK;
}

static int cfi_rows_recover(struct arena *arena, const struct cfi_rule *rule, uint32_t target,
                            struct unwind_rule *ret) {
    *ret = (struct unwind_rule){.kind = rule->kind,
                                .target = (uint8_t)target,
                                .number = rule->source,
                                .offset = rule->offset};
    if (rule->kind == UNWIND_VALUE || rule->kind == UNWIND_AT_ADDRESS)
        return cfi_rows_decode(arena, rule, true, ret);
    return TMPALLOC_OK;
}

static uint32_t count_recoveries(const struct cfi_state *state, uint64_t return_column) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < CFI_REGISTERS; i++)
        count += i != return_column && state->registers[i].kind != UNWIND_SAME;
    return count;
}

static int fill_row(struct arena *arena, const struct cfi_state *state, uint64_t return_column,
                    struct unwind_row *row) {
    row->cfa = (struct unwind_rule){
        .kind = state->cfa.kind, .number = state->cfa.source, .offset = state->cfa.offset};
    int status = state->cfa.kind == UNWIND_VALUE
                     ? cfi_rows_decode(arena, &state->cfa, false, &row->cfa)
                     : TMPALLOC_OK;
    if (status == TMPALLOC_OK)
        status = cfi_rows_recover(arena, &state->registers[return_column], CFI_RETURN_ADDRESS,
                                  &row->return_address);
    for (uint32_t i = 0; i < CFI_REGISTERS && status == TMPALLOC_OK; i++) {
        if (i != return_column && state->registers[i].kind != UNWIND_SAME)
            status = cfi_rows_recover(arena, &state->registers[i], i, &row->rules[row->count++]);
    }
    return status;
}

static bool is_simple(const struct unwind_row *row) {
    bool simple = row->return_address.kind == UNWIND_AT_OFFSET;
    for (uint32_t i = 0; i < row->count; i++)
        simple &= row->rules[i].kind == UNWIND_AT_OFFSET;
    return simple;
}

static int cfi_rows_create_row(struct cfi_rows *rows, const struct cfi_module *module,
                               const struct cfi_function *function, const struct cfi_row **ret) {
    const struct cfi_state *state = &rows->program.state;
    uint32_t count = count_recoveries(state, function->return_column);
    struct cfi_row *row =
        arena_allocate(&rows->arena, 1, sizeof *row + count * sizeof row->rules[0]);
    if (!row)
        return TMPALLOC_E_NOMEM;
    row->row = (struct unwind_row){.signal = function->signal, .rules = row->rules};
    row->identity = module->identity;
    *ret = row;
    int status = fill_row(&rows->arena, state, function->return_column, &row->row);
    row->row.simple = is_simple(&row->row);
    return status;
}

static int cfi_rows_find_row(struct cfi_rows *rows, uintptr_t target, const struct cfi_row **ret) {
    const struct cfi_module *module;
    struct cfi_function function;
    rows->program.target = target;
    if (cfi_modules_find(&rows->modules, target, &module) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    if (!module) {
        *ret = rows->made_at_run_time;
        return TMPALLOC_OK;
    }
    if (!module->header || !cfi_function_find(module->header, target, &function) ||
        !run_function(&rows->program, &function))
        return cfi_told_find(target, module->identity, ret);
    return cfi_rows_create_row(rows, module, &function, ret);
}

/* Addresses of code leave the top bit free. */
static uint64_t cfi_rows_key_of(uintptr_t pc, bool exact) {
    return pc << 1 | exact;
}

int cfi_rows_find(struct cfi_rows *rows, uintptr_t pc, bool exact, const struct cfi_row **ret) {
    uint64_t value;
    const struct cfi_row *row = NULL;
    *ret = NULL;
    if (map_get(&rows->rows_by_pc, cfi_rows_key_of(pc, exact), &value)) {
        *ret = (const struct cfi_row *)(uintptr_t)value;
        return TMPALLOC_OK;
    }
    int status = cfi_rows_find_row(rows, pc - !exact, &row);
    if (status != TMPALLOC_OK)
        return status;
    /* That there is none isn't kept: a library may appear at that place. */
    if (row && row != rows->made_at_run_time)
        status = map_put(&rows->rows_by_pc, cfi_rows_key_of(pc, exact), (uintptr_t)row);
    if (status != TMPALLOC_OK)
        return status;
    *ret = row;
    return TMPALLOC_OK;
}
