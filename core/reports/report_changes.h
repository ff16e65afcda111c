/* What became of the call sites of older results. */
#ifndef TMPALLOC_REPORT_CHANGES_H
#define TMPALLOC_REPORT_CHANGES_H

#include "reports/report_pairs.h"

enum report_change_kind { CHANGE_NEW, CHANGE_WORSE, CHANGE_BETTER, CHANGE_GONE, CHANGE_NONE };

#define CHANGE_KINDS 5

extern const char *const report_change_names[CHANGE_KINDS]; /* "new", ... "unchanged" */

struct report_change {
    struct report_pair pair;
    enum report_change_kind kind;
    size_t order; /* of first sight */
    size_t name;  /* its place in all names, while they are compared */
    bool alike;   /* another that changed is called so, too */
};

struct report_changes {
    struct report_change *items; /* those that changed, largest difference first, then the others */
    size_t count;                /* those that changed */
    size_t all;
    size_t counts[CHANGE_KINDS];
    struct report_pair unchanged; /* their sum */
    struct report_pair total;
};

/* The pairs of report_pairs.h of which the stack matches (`at` NULL: all).  TMPALLOC_OK,
 * TMPALLOC_E_NOMEM or TMPALLOC_E_INTERRUPTED; to be released in any case. */
int report_changes_create(const struct profile *before, const struct profile *after,
                          const regex_t *at, struct report_changes *ret);
void report_changes_release(struct report_changes *changes);

void report_amounts_add(struct report_pair *sum, const struct report_pair *part);

/* Appends the location; where others read the same, all that it calls, with whole names: in these
 * they differ. */
void report_change_append_name(struct text *text, const struct report_change *change);

/* Appends "+1.500KB", "-12B", "0B". */
void report_change_append_difference(struct text *text, const struct report_pair *pair);
/* Appends "1 new, 0 worse, 0 better, 2 gone, 3 unchanged at threshold 1". */
void report_changes_append_counts(struct text *text, const struct report_changes *changes,
                                  uint32_t threshold);

#endif
