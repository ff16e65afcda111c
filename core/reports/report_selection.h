/* What report options select of a profile. */
#ifndef TMPALLOC_REPORT_SELECTION_H
#define TMPALLOC_REPORT_SELECTION_H

#include "reports/report.h"

struct report_amount {
    uint64_t count;
    uint64_t bytes;
};

/* Whether the thread that options ask for, if any, allocated there. */
bool report_has_thread(const struct profile_site *site, const struct report_options *options);

/* The temporaries of a site that tid and same_scope leave; zero when none. */
struct report_amount report_select(const struct profile_site *site,
                                   const struct report_options *options);

/* The site with this id, or that sums it; TMPALLOC_E_ARGUMENT says which there are. */
int report_find_site(const struct profile *profile, uint32_t id, const struct profile_site **ret,
                     struct error *error);

/* "No temporary allocation ..." and how many are elsewhere. */
void report_nothing(const struct profile *profile, struct text *text);

/* How many of `count` rows a table has, with so many other lines beside them on the screen. */
size_t report_rows_to_show(const struct report_options *options, size_t count, size_t lines_beside);

/* What a report gives back: the status, TMPALLOC_E_NOMEM when appending has failed, with its line.
 */
int report_end(int status, const struct text *text, struct error *error);

/* Appends "foo at a.c:4 < bar < main": the location and some of its callers. */
void report_append_callers(struct text *text, const struct profile_site *site);

/* Appends "12.34%"; 0 of 0 is 0.00%. */
void report_append_percent(struct text *text, uint64_t part, uint64_t whole);
/* Appends what the last row of a table counts: "1 more location", "12 more locations, 2
 * suppressed", "other temporaries". */
void report_append_more(struct text *text, const struct profile *profile, uint64_t count,
                        const char *singular, const char *plural);

#endif
