/* Reports: a profile and options in, text out.  One report_*.c per format. */
#ifndef TMPALLOC_REPORT_H
#define TMPALLOC_REPORT_H

#include <regex.h>

#include "profile.h"
#include "text.h"

enum report_sort { SORT_OWN, SORT_TOTAL, SORT_COUNT, SORT_SHARE };

struct report_options {
    enum report_sort sort;
    uint32_t rows;   /* most rows; 0: all; REPORT_ROWS_FIT: what fits the terminal, at least 10 */
    uint32_t columns;
    uint32_t terminal_rows;
    bool colors;
    bool inclusive; /* also locations without own temporaries */
    bool by_stack;  /* one row per stack instead of one per location */
    bool same_scope; /* only what the allocating function frees itself */
    const regex_t *filter; /* only locations that match; NULL: all */
    int64_t tid;           /* only sites of this thread; 0: all */
};

#define REPORT_ROWS_FIT UINT32_MAX

/* Each appends to *text; TMPALLOC_OK or an error. */
int report_summary(const struct profile *profile, const struct report_options *options,
                   struct text *text, struct error *error);
int report_tree(const struct profile *profile, const struct report_options *options,
                struct text *text, struct error *error);
int report_site(const struct profile *profile, uint32_t id, const struct report_options *options,
                struct text *text, struct error *error);
int report_json(const struct profile *profile, struct text *text, struct error *error);
int report_folded(const struct profile *profile, struct text *text, struct error *error);
int report_csv(const struct profile *profile, struct text *text, struct error *error);

/* A format by name ("json", "folded", "csv"); NULL: unknown. */
typedef int report_function(const struct profile *profile, struct text *text, struct error *error);
report_function *report_format(const char *name);
/* The names, for messages and completion; NULL-terminated. */
extern const char *const report_format_names[];

/* Writes text beside `path` and renames it there, mode 0600 less the umask.  An existing file is an
 * error unless `force`. */
int report_write_file(const char *path, bool force, const struct text *text, struct error *error);

#endif
