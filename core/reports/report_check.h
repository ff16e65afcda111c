/* The verdict on results: whether their temporaries are within limits. */
#ifndef TMPALLOC_REPORT_CHECK_H
#define TMPALLOC_REPORT_CHECK_H

#include "reports/report_selection.h"

#define CHECK_NO_LIMIT UINT64_MAX

enum check_verdict { CHECK_PASSED = 0, CHECK_FAILED = 1, CHECK_NOTHING = 2 };

struct check_limits {
    uint64_t most_count; /* CHECK_NO_LIMIT: any */
    uint64_t most_bytes;
    uint64_t most_allocations;      /* temporary or not */
    uint64_t most_new_sites;        /* with temporaries, that the baseline lacks */
    const struct profile *baseline; /* at the same threshold; NULL: none */
    const char *baseline_name;
    uint64_t tolerance_percent; /* by which count and bytes may exceed the baseline's */
    const regex_t *at;          /* only stacks that match; NULL: all */
    const char *at_pattern;
    bool path_known;  /* no allocation means that there was none where they are looked for */
    bool any_status;  /* an exit status that isn't 0 doesn't matter */
    uint32_t columns; /* of the lines that it will be wrapped to; 0: any */
};

/* Whether temporaries exceed most_count or most_bytes. */
bool check_exceeds(const struct check_limits *limits, const struct report_amount *amount);
/* Whether their number or bytes are more than before and that many percent of it, rounded down. */
bool check_is_more(const struct report_amount *now, const struct report_amount *before,
                   uint64_t percent);

/* Appends "2 temporaries of 24B". */
void report_check_append_amount(struct text *text, struct report_amount amount);

/* Judges the profile's temporaries as a whole and appends the verdict: one line, and when it is
 * CHECK_FAILED the site with most bytes, or with the largest growth if the baseline is exceeded,
 * and its innermost frames, ten lines at most.  CHECK_NOTHING: no allocation was seen, no stack
 * matches (of a known path that proves most_allocations, if nothing else is asked), or the way in
 * which the process ended leaves them without worth, or within the limits with too little.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int report_check(const struct profile *profile, const struct check_limits *limits,
                 struct text *text, enum check_verdict *ret, struct error *error);

#endif
