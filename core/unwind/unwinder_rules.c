#include "unwind/unwinder_rules.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "support/arena.h"
#include "support/map.h"
#include "support/memory.h"

struct unwind_rules {
    const struct processor *processor;
    struct modules *modules;
    struct map rows; /* hash of module and offset -> struct unwinder_row */
    struct arena arena;
    struct unwinder_row made_at_run_time; /* for code of no file */
};

static struct unwind_rule at_offset(uint32_t target, int64_t offset) {
    return (struct unwind_rule){
        .kind = UNWIND_AT_OFFSET, .target = (uint8_t)target, .offset = offset};
}

/* The return address on top, and the frame pointer of the caller below it if it was pushed. */
static void set_frame(const struct processor *processor, struct unwind_row *row, uint32_t base,
                      bool pushed) {
    const struct processor_frames *frames = &processor->frames;
    int64_t bytes = frames->frame_bytes;
    row->simple = true;
    row->cfa = (struct unwind_rule){
        .kind = UNWIND_REGISTER, .number = (uint8_t)base, .offset = pushed ? bytes : bytes / 2};
    row->return_address = at_offset(unwind_program_counter(processor), -bytes / 2);
    row->count = 0;
    if (pushed)
        row->rules[row->count++] = at_offset(frames->frame_pointer, -bytes);
}

static void unwinder_rules_guess(const struct processor *processor, struct unwind_row *row,
                                 bool known) {
    set_frame(processor, row, processor->frames.frame_pointer, true);
    row->guessed = true;
    row->known = known;
}

static int init_row(struct unwind_rules *rules, struct unwind_row *row) {
    row->cfa.kind = UNWIND_UNDEFINED;
    row->return_address.kind = UNWIND_UNDEFINED;
    row->rules =
        arena_allocate(&rules->arena, rules->processor->frames.count, sizeof row->rules[0]);
    return row->rules ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
}

int unwind_rules_create(const struct processor *processor, struct modules *modules,
                        struct unwind_rules **ret) {
    struct unwind_rules *rules = memory_allocate_zeroed(1, sizeof *rules);
    if (!rules)
        return TMPALLOC_E_NOMEM;
    rules->processor = processor;
    rules->modules = modules;
    if (init_row(rules, &rules->made_at_run_time.row) != TMPALLOC_OK) {
        unwind_rules_destroy(rules);
        return TMPALLOC_E_NOMEM;
    }
    if (processor->frame_agrees)
        unwinder_rules_guess(processor, &rules->made_at_run_time.row, false);
    *ret = rules;
    return TMPALLOC_OK;
}

void unwind_rules_destroy(struct unwind_rules *rules) {
    if (!rules)
        return;
    map_deinit(&rules->rows);
    arena_deinit(&rules->arena);
    memory_release(rules);
}

/* The operations belong to libdw, some of them only as long as its frame. */
static int keep_expression(struct unwind_rules *rules, const Dwarf_Op *operations, size_t count,
                           struct unwind_rule *ret) {
    Dwarf_Op *copy = arena_allocate(&rules->arena, count, sizeof *copy);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    memcpy(copy, operations, count * sizeof *copy);
    ret->operations = copy;
    ret->operation_count = (uint32_t)count;
    return TMPALLOC_OK;
}

/* register + offset, as most rules for the CFA are. */
static bool is_register_offset(const Dwarf_Op *operation, struct unwind_rule *ret) {
    uint8_t atom = operation->atom;
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
        *ret = (struct unwind_rule){.kind = UNWIND_REGISTER,
                                    .number = atom - DW_OP_breg0,
                                    .offset = (int64_t)operation->number};
    else if (atom == DW_OP_bregx && operation->number < PROCESSOR_REGISTERS)
        *ret = (struct unwind_rule){.kind = UNWIND_REGISTER,
                                    .number = (uint8_t)operation->number,
                                    .offset = (int64_t)operation->number2};
    return ret->kind == UNWIND_REGISTER;
}

static int read_cfa(struct unwind_rules *rules, Dwarf_Frame *frame, struct unwind_row *row) {
    Dwarf_Op *operations;
    size_t count;
    if (dwarf_frame_cfa(frame, &operations, &count) != 0 || count == 0 ||
        (count == 1 && is_register_offset(operations, &row->cfa)))
        return TMPALLOC_OK;
    row->cfa.kind = UNWIND_VALUE;
    return keep_expression(rules, operations, count, &row->cfa);
}

static bool is_register(const Dwarf_Op *operation, uint64_t *ret) {
    uint8_t atom = operation->atom;
    if (atom != DW_OP_regx && (atom < DW_OP_reg0 || atom > DW_OP_reg31))
        return false;
    *ret = atom == DW_OP_regx ? operation->number : (uint64_t)atom - DW_OP_reg0;
    return true;
}

/* CFA [+ offset], as most rules for registers are. */
static bool is_cfa_offset(const Dwarf_Op *operations, size_t count, int64_t *ret) {
    if (count == 0 || count > 2 || operations[0].atom != DW_OP_call_frame_cfa ||
        (count == 2 && operations[1].atom != DW_OP_plus_uconst))
        return false;
    *ret = count == 2 ? (int64_t)operations[1].number : 0;
    return true;
}

/* Vector registers and the like have numbers too: rules for them go nowhere. */
static void unwinder_rules_set_register(struct unwind_rules *rules, uint64_t number,
                                        struct unwind_rule *rule) {
    bool fits = number < rules->processor->frames.count;
    rule->kind = fits ? UNWIND_REGISTER : UNWIND_UNDEFINED;
    rule->number = fits ? (uint8_t)number : 0;
}

/* The rule stays as it is where there is none. */
static int unwinder_rules_read_register(struct unwind_rules *rules, Dwarf_Frame *frame, int number,
                                        struct unwind_rule *rule) {
    Dwarf_Op memory[3];
    Dwarf_Op *operations;
    size_t count;
    uint64_t other;
    if (dwarf_frame_register(frame, number, memory, &operations, &count) != 0)
        return TMPALLOC_OK;
    if (count == 0) {
        rule->kind = operations ? UNWIND_UNDEFINED : UNWIND_SAME;
        return TMPALLOC_OK;
    }
    bool is_value = operations[count - 1].atom == DW_OP_stack_value;
    count -= is_value;
    if (count == 1 && is_register(operations, &other)) {
        unwinder_rules_set_register(rules, other, rule);
        return TMPALLOC_OK;
    }
    if (is_cfa_offset(operations, count, &rule->offset)) {
        rule->kind = is_value ? UNWIND_OFFSET : UNWIND_AT_OFFSET;
        return TMPALLOC_OK;
    }
    rule->kind = is_value ? UNWIND_VALUE : UNWIND_AT_ADDRESS;
    return keep_expression(rules, operations, count, rule);
}

static int read_rules(struct unwind_rules *rules, Dwarf_Frame *frame, struct unwind_row *row) {
    uint32_t pc = unwind_program_counter(rules->processor);
    for (uint32_t i = 0; i < pc; i++) {
        struct unwind_rule rule = {.kind = UNWIND_UNDEFINED, .target = (uint8_t)i};
        if (unwinder_rules_read_register(rules, frame, (int)i, &rule) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
        if (rule.kind != UNWIND_SAME)
            row->rules[row->count++] = rule;
    }
    return TMPALLOC_OK;
}

static int read_row(struct unwind_rules *rules, Dwarf_Frame *frame, struct unwinder_row *ret) {
    struct unwind_row *row = &ret->row;
    int column = dwarf_frame_info(frame, &ret->start, &ret->end, &row->signal);
    uint32_t pc = unwind_program_counter(rules->processor);
    row->return_address.target = (uint8_t)pc;
    int status = read_cfa(rules, frame, row);
    if (status == TMPALLOC_OK)
        status = read_rules(rules, frame, row);
    if (status == TMPALLOC_OK)
        status = unwinder_rules_read_register(rules, frame, column, &row->return_address);
    if (column != (int)pc && row->return_address.kind == UNWIND_SAME)
        unwinder_rules_set_register(rules, (uint64_t)column, &row->return_address);
    return status;
}

/* What libdw makes of a frame; NULL: nothing.  To be released with free(). */
static Dwarf_Frame *unwinder_rules_find_frame(Dwfl_Module *file, uint64_t address) {
    Dwarf_Frame *frame;
    Dwarf_Addr bias = 0;
    Dwarf_CFI *cfi = dwfl_module_eh_cfi(file, &bias);
    if (cfi && dwarf_cfi_addrframe(cfi, address - bias, &frame) == 0)
        return frame;
    cfi = dwfl_module_dwarf_cfi(file, &bias);
    if (cfi && dwarf_cfi_addrframe(cfi, address - bias, &frame) == 0)
        return frame;
    return NULL;
}

/* The file's bytes from an address on, as many as are loaded of it in one piece; NULL: none. */
static const uint8_t *unwinder_rules_find_code(Dwfl_Module *file, uint64_t address,
                                               uint64_t *count_ret) {
    GElf_Addr bias;
    GElf_Phdr segment;
    size_t size;
    Elf *elf = dwfl_module_getelf(file, &bias);
    const char *bytes = elf ? elf_rawfile(elf, &size) : NULL;
    for (int i = 0; bytes && gelf_getphdr(elf, i, &segment); i++) {
        uint64_t offset = address - segment.p_vaddr;
        if (segment.p_type != PT_LOAD || offset >= segment.p_filesz || segment.p_offset > size ||
            segment.p_filesz > size - segment.p_offset)
            continue;
        *count_ret = segment.p_filesz - offset;
        return (const uint8_t *)bytes + segment.p_offset + offset;
    }
    return NULL;
}

/* A function that begins without a frame pointer and hasn't pushed it yet is about to. */
static void unwinder_rules_read_code(const struct processor *processor, Dwfl_Module *file,
                                     uint64_t start, struct unwinder_row *ret) {
    struct unwind_row *row = &ret->row;
    uint32_t stack_pointer = processor->frames.stack_pointer;
    uint64_t left, count = ret->place.offset - start;
    const uint8_t *code = unwinder_rules_find_code(file, start, &left);
    if (!code || left < count)
        return;
    switch (processor->frame_after(code, count)) {
    case FRAME_CODE_ENTERED:
        set_frame(processor, row, stack_pointer, false);
        return;
    case FRAME_CODE_PUSHED:
        set_frame(processor, row, stack_pointer, true);
        return;
    case FRAME_CODE_POINTER:
        unwinder_rules_guess(processor, row, true);
        return;
    case FRAME_CODE_UNKNOWN:
        return;
    }
}

/* Before a function's first instruction nothing is on the stack yet. */
static void set_entered(const struct processor *processor, struct unwind_row *row) {
    const struct processor_frames *frames = &processor->frames;
    row->cfa =
        (struct unwind_rule){.kind = UNWIND_REGISTER, .number = (uint8_t)frames->stack_pointer};
    for (uint8_t i = 0; i < frames->count - 1; i++) {
        if (strcmp(frames->names[i], processor->returns.in_register) == 0)
            row->return_address = (struct unwind_rule){.kind = UNWIND_REGISTER, .number = i};
    }
}

static int guess_row(struct unwind_rules *rules, Dwfl_Module *file, struct unwinder_row *row) {
    const struct processor *processor = rules->processor;
    const struct intervals *functions;
    uint64_t start;
    row->start = row->place.offset;
    row->end = row->start + 1;
    if (modules_functions(rules->modules, row->place.module, &functions) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    bool covered = function_symbols_covering(functions, row->place.offset, &start);
    if (processor->frame_after && covered)
        unwinder_rules_read_code(processor, file, start, row);
    else if (processor->frame_after)
        unwinder_rules_guess(processor, &row->row, false);
    else if (processor->returns.in_register && covered && start == row->place.offset)
        set_entered(processor, &row->row);
    return TMPALLOC_OK;
}

/* A row without rules remembers that there are none. */
static int unwinder_rules_create_row(struct unwind_rules *rules, const struct frame *place,
                                     struct unwinder_row **ret) {
    struct unwinder_row *row = arena_allocate(&rules->arena, 1, sizeof *row);
    if (!row || init_row(rules, &row->row) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    row->place = *place;
    *ret = row;
    Dwfl_Module *file = modules_dwfl(rules->modules, place->module);
    if (!file)
        return TMPALLOC_OK;
    Dwarf_Frame *frame = unwinder_rules_find_frame(file, place->offset);
    int status = frame ? read_row(rules, frame, row) : guess_row(rules, file, row);
    free(frame);
    return status;
}

static struct unwinder_row *unwinder_rules_find_row(struct unwind_rules *rules, uint64_t hash,
                                                    const struct frame *place) {
    uint64_t value;
    if (!map_get(&rules->rows, hash, &value))
        return NULL;
    struct unwinder_row *row = (struct unwinder_row *)(uintptr_t)value;
    bool same = row->place.module == place->module && row->place.offset == place->offset;
    return same ? row : NULL;
}

int unwind_rules_find(struct unwind_rules *rules, const struct frame *frame,
                      const struct unwinder_row **ret) {
    *ret = NULL;
    if (frame->module == FRAME_NO_MODULE) {
        *ret = rules->made_at_run_time.row.guessed ? &rules->made_at_run_time : NULL;
        return TMPALLOC_OK;
    }
    struct frame place = {
        .module = frame->module, .offset = frame->offset - !frame->exact, .exact = 1};
    uint64_t hash = map_hash(place.offset) ^ map_hash(place.module);
    struct unwinder_row *row = unwinder_rules_find_row(rules, hash, &place);
    if (!row) {
        int status = unwinder_rules_create_row(rules, &place, &row);
        if (status == TMPALLOC_OK)
            status = map_put(&rules->rows, hash, (uintptr_t)row);
        if (status != TMPALLOC_OK)
            return status;
    }
    if (row->row.cfa.kind != UNWIND_UNDEFINED)
        *ret = row;
    return TMPALLOC_OK;
}
