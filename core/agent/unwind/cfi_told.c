#include "agent/unwind/cfi_told.h"

#include "agent/x86_64/frame_registers.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

struct told {
    struct told *next;
    uint64_t start;
    uint64_t end;
    uint32_t identity; /* of the module */
    const struct cfi_row *row;
};

_Static_assert(AGENT_REGISTERS == CFI_REGISTERS, "rules are of the same registers");

static cfi_ask asked;
static struct told *first;

void cfi_told_by(cfi_ask ask) {
    asked = ask;
}

static bool is_expression(const struct agent_rule *rule) {
    return rule->kind == AGENT_RULE_AT_ADDRESS || rule->kind == AGENT_RULE_VALUE;
}

static struct unwind_rule cfi_told_recover(const struct agent_rule *rule, uint32_t target,
                                           const Dwarf_Op *operations) {
    struct unwind_rule recovery = {.kind = rule->kind,
                                   .target = (uint8_t)target,
                                   .number = rule->source,
                                   .operation_count = rule->operation_count};
    if (is_expression(rule))
        recovery.operations = operations + rule->first_operation;
    else
        recovery.offset = rule->offset;
    return recovery;
}

/* Walks take the stack pointer for the CFA by themselves. */
static bool needs_recovery(const struct agent_code *code, uint32_t i) {
    const struct agent_rule *rule = &code->registers[i];
    return i != CFI_RETURN_ADDRESS && rule->kind != AGENT_RULE_SAME &&
           !(i == CFI_STACK_POINTER && rule->kind == AGENT_RULE_OFFSET && rule->offset == 0);
}

static uint32_t count_operations(const struct agent_code *code) {
    uint32_t count = (uint32_t)code->cfa.first_operation + code->cfa.operation_count;
    for (uint32_t i = 0; i < CFI_REGISTERS; i++) {
        const struct agent_rule *rule = &code->registers[i];
        uint32_t end = (uint32_t)rule->first_operation + rule->operation_count;
        count = end > count ? end : count;
    }
    return count;
}

static Dwarf_Op *copy_operations(const struct agent_code *code) {
    uint32_t count = count_operations(code);
    Dwarf_Op *copy = memory_allocate_zeroed(count + 1, sizeof *copy);
    for (uint32_t i = 0; copy && i < count; i++) {
        copy[i].atom = (uint8_t)code->operations[i].atom;
        copy[i].number = code->operations[i].number;
        copy[i].number2 = code->operations[i].number2;
    }
    return copy;
}

static struct cfi_row *cfi_told_create_row(const struct agent_code *code, uint32_t identity) {
    struct cfi_row *row =
        memory_allocate_zeroed(1, sizeof *row + CFI_REGISTERS * sizeof row->rules[0]);
    const Dwarf_Op *operations = row ? copy_operations(code) : NULL;
    if (!operations) {
        memory_release(row);
        return NULL;
    }
    row->identity = identity;
    row->row =
        (struct unwind_row){.signal = code->signal,
                            .guessed = code->answer != AGENT_FRAME_KNOWN,
                            .known = code->answer != AGENT_FRAME_UNSURE,
                            .cfa = cfi_told_recover(&code->cfa, 0, operations),
                            .return_address = cfi_told_recover(&code->registers[CFI_RETURN_ADDRESS],
                                                               CFI_RETURN_ADDRESS, operations),
                            .rules = row->rules};
    for (uint32_t i = 0; i < CFI_REGISTERS; i++) {
        if (needs_recovery(code, i))
            row->rules[row->row.count++] = cfi_told_recover(&code->registers[i], i, operations);
    }
    return row;
}

/* Two threads may ask for the same at once: either answer is as good. */
static int cfi_told_keep(const struct agent_code *code, uint32_t identity,
                         const struct cfi_row **ret) {
    const struct cfi_row *row = NULL;
    struct told *told = memory_allocate(sizeof *told);
    if (told && code->answer != AGENT_STACK_ENDS && !(row = cfi_told_create_row(code, identity))) {
        memory_release(told);
        told = NULL;
    }
    if (!told)
        return TMPALLOC_E_NOMEM;
    *told = (struct told){.next = __atomic_load_n(&first, __ATOMIC_RELAXED),
                          .start = code->start,
                          .end = code->end,
                          .identity = identity,
                          .row = row};
    while (!__atomic_compare_exchange_n(&first, &told->next, told, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        continue;
    *ret = row;
    return TMPALLOC_OK;
}

static int cfi_told_ask(uintptr_t address, uint32_t identity, const struct cfi_row **ret) {
    struct agent_code *code = asked ? memory_allocate_zeroed(1, sizeof *code) : NULL;
    if (!code)
        return asked ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
    code->address = address;
    int status = TMPALLOC_OK;
    if (asked(code))
        status =
            code->answer == AGENT_UNANSWERED ? TMPALLOC_E_BUSY : cfi_told_keep(code, identity, ret);
    memory_release(code);
    return status;
}

int cfi_told_find(uintptr_t address, uint32_t identity, const struct cfi_row **ret) {
    *ret = NULL;
    const struct told *told = __atomic_load_n(&first, __ATOMIC_ACQUIRE);
    while (told && (told->identity != identity || address < told->start || address >= told->end))
        told = told->next;
    if (!told)
        return cfi_told_ask(address, identity, ret);
    *ret = told->row;
    return TMPALLOC_OK;
}
