/* Lines of source files with the temporaries that each makes. */
#ifndef TMPALLOC_REPORT_LIST_LINES_H
#define TMPALLOC_REPORT_LIST_LINES_H

#include "reports/report_selection.h"

struct source_line {
    const char *file; /* NULL: unknown */
    const struct symbol *symbol;
    uint32_t number;
    struct report_amount amount;
    const struct profile_site *site; /* the one with most bytes; NULL: none */
    struct report_amount site_amount;
    bool asked; /* only what is near it is shown then */
    bool shown;
};

struct source_lines {
    struct source_line *items;
    size_t count;
    size_t capacity;
};

void source_lines_deinit(struct source_lines *lines);

/* Adds what a site has at the line of its location.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int source_lines_add(struct source_lines *lines, const struct profile_site *site,
                     struct report_amount amount);
/* Adds a line that is asked for, whatever it has. */
int source_lines_add_place(struct source_lines *lines, const char *file, uint32_t number);
/* Whether any has temporaries. */
bool source_lines_any(const struct source_lines *lines);

/* Appends a table for each file: the lines, those around them, and in the last row how many have no
 * room. */
int source_lines_print(struct source_lines *lines, const struct report_options *options,
                       struct text *text);

#endif
