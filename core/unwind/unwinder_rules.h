/* How to get from a frame to its caller, cached per address: by call frame information, else by
 * what the function's code shows. */
#ifndef TMPALLOC_UNWINDER_RULES_H
#define TMPALLOC_UNWINDER_RULES_H

#include "names/modules.h"
#include "platform/processor.h"
#include "unwind/unwinder_expression.h"

enum unwind_rule_kind {
    UNWIND_UNDEFINED,  /* it can't be recovered */
    UNWIND_SAME,       /* as it was in the called frame */
    UNWIND_AT_OFFSET,  /* in memory at CFA + offset */
    UNWIND_OFFSET,     /* CFA + offset */
    UNWIND_REGISTER,   /* what the register `number` is, plus offset */
    UNWIND_AT_ADDRESS, /* in memory at the address that the expression gives */
    UNWIND_VALUE       /* what the expression gives */
};

struct unwind_rule {
    enum unwind_rule_kind kind;
    uint32_t number;
    int64_t offset;
    struct expression expression;
};

struct unwind_row {
    struct frame place;            /* an exact one */
    struct unwind_rule cfa;        /* UNWIND_REGISTER, UNWIND_VALUE or UNWIND_UNDEFINED */
    struct unwind_rule *registers; /* as many as the processor's frames have */
    bool signal; /* the frame called a signal handler: its caller was interrupted */
    /* Where the row holds, as link-time addresses. */
    uint64_t start;
    uint64_t end;
    /* There is no call frame information: the row is a frame pointer's, and holds as far as
     * processor->frame_agrees() says.  known: the function that the code belongs to sets it. */
    bool guessed;
    bool known;
};

/* The number of the program counter, whose rule is where the return address is. */
static inline uint32_t unwind_program_counter(const struct processor *processor) {
    return processor->frames.count - 1;
}

struct unwind_rules;

int unwind_rules_create(const struct processor *processor, struct modules *modules,
                        struct unwind_rules **ret);
void unwind_rules_destroy(struct unwind_rules *rules);

/* The rules for a frame; *ret is NULL when there are none for it.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM.  Valid until destroy. */
int unwind_rules_find(struct unwind_rules *rules, const struct frame *frame,
                      const struct unwind_row **ret);

#endif
