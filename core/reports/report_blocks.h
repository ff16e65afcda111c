/* The blocks that can still become temporary, one by one. */
#ifndef TMPALLOC_REPORT_BLOCKS_H
#define TMPALLOC_REPORT_BLOCKS_H

#include "profile/profile.h"
#include "support/text.h"

/* Whether an address is the block's own, or within; of NULL none is. */
bool report_block_holds(const struct profile_block *block, uint64_t address);
/* The block that holds it; NULL: none that is known. */
const struct profile_block *report_find_block(const struct profile *profile, uint64_t address);

/* What is to be explained. */
struct report_place {
    uint64_t address;
    const char *member;                 /* that holds the address; NULL: none */
    const struct profile_block *caught; /* which is about to be freed; NULL: none */
    int64_t this_tid;                   /* of the thread that the user looks at; 0: unknown */
};

/* The block that holds the address, and what freeing it now would make of it. */
int report_explain(const struct profile *profile, const struct report_place *place,
                   struct text *text, struct error *error);

#endif
