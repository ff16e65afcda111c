/* How to get from a frame to its caller, cached per address: by call frame information, else by
 * what the function's code shows. */
#ifndef TMPALLOC_UNWINDER_RULES_H
#define TMPALLOC_UNWINDER_RULES_H

#include "names/modules.h"
#include "platform/processor.h"
#include "unwind/unwind_row.h"

/* What is known of an address. */
struct unwinder_row {
    struct unwind_row row;
    struct frame place; /* an exact one */
    /* Where the row holds, as link-time addresses. */
    uint64_t start;
    uint64_t end;
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
                      const struct unwinder_row **ret);

#endif
