#include "engines/engine_agent_answer.h"

#include <stddef.h>

#include "unwind/unwinder_rules.h"

/* Here and in the agent (cfi_told.c). */
_Static_assert((int)AGENT_RULE_SAME == UNWIND_SAME &&
                   (int)AGENT_RULE_UNDEFINED == UNWIND_UNDEFINED &&
                   (int)AGENT_RULE_AT_OFFSET == UNWIND_AT_OFFSET &&
                   (int)AGENT_RULE_OFFSET == UNWIND_OFFSET &&
                   (int)AGENT_RULE_REGISTER == UNWIND_REGISTER &&
                   (int)AGENT_RULE_AT_ADDRESS == UNWIND_AT_ADDRESS &&
                   (int)AGENT_RULE_VALUE == UNWIND_VALUE,
               "rules mean the same");

struct filling {
    struct agent_code *code;
    size_t operation_count;
    bool fits;
};

static struct agent_rule engine_agent_answer_translate(struct filling *filling,
                                                       const struct unwind_rule *rule) {
    size_t first = filling->operation_count, count = rule->operation_count;
    filling->fits &= count <= AGENT_OPERATIONS - first;
    for (size_t i = 0; i < count && filling->fits; i++) {
        const Dwarf_Op *from = &rule->operations[i];
        filling->code->operations[filling->operation_count++] = (struct agent_operation){
            .atom = from->atom, .number = from->number, .number2 = from->number2};
    }
    return (struct agent_rule){.kind = rule->kind,
                               .source = rule->number,
                               .first_operation = (uint8_t)first,
                               .operation_count = (uint8_t)count,
                               .offset = count ? 0 : rule->offset};
}

static enum agent_answer answer_of(const struct unwind_row *row) {
    if (!row->guessed)
        return AGENT_FRAME_KNOWN;
    return row->known ? AGENT_FRAME_POINTER : AGENT_FRAME_UNSURE;
}

/* Rules that don't fit are as good as none. */
static void engine_agent_answer_fill(struct agent_code *code, const struct unwind_row *row) {
    struct filling filling = {.code = code, .fits = true};
    code->signal = row->signal;
    code->cfa = engine_agent_answer_translate(&filling, &row->cfa);
    for (size_t i = 0; i < AGENT_REGISTERS; i++)
        code->registers[i] = (struct agent_rule){.kind = AGENT_RULE_SAME};
    for (uint32_t i = 0; i < row->count; i++)
        code->registers[row->rules[i].target] =
            engine_agent_answer_translate(&filling, &row->rules[i]);
    code->registers[row->return_address.target] =
        engine_agent_answer_translate(&filling, &row->return_address);
    code->answer = filling.fits ? answer_of(row) : AGENT_STACK_ENDS;
}

int engine_agent_answer(struct engine_agent *agent, uint64_t address, struct error *error) {
    struct engine_parts *parts = &agent->parts;
    struct agent_code code;
    const struct unwinder_row *row;
    int status = host_read_data(parts->host, address, &code, sizeof(code), error);
    if (status != TMPALLOC_OK)
        return status;
    struct frame place = modules_frame(parts->modules, code.address, true);
    status = unwinder_row(parts->unwinder, &place, error, &row);
    if (status != TMPALLOC_OK)
        return status;
    if (parts->host->processor->frames.count != AGENT_REGISTERS)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "the agent is of another processor");
    code.answer = AGENT_STACK_ENDS;
    code.start = code.address;
    code.end = code.address + 1;
    if (row)
        engine_agent_answer_fill(&code, &row->row);
    if (row && row->end > row->start) {
        code.start += row->start - place.offset;
        code.end = code.start + (row->end - row->start);
    }
    return host_write_data(parts->host, address, &code, sizeof(code), error);
}
