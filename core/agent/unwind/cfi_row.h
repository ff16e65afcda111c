/* What is known of an address. */
#ifndef TMPALLOC_AGENT_CFI_ROW_H
#define TMPALLOC_AGENT_CFI_ROW_H

#include "unwind/unwind_row.h"

struct cfi_row {
    struct unwind_row row;
    uint32_t identity;          /* of the module */
    struct unwind_rule rules[]; /* of the row */
};

#endif
