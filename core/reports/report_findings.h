/* What code hosts show beside lines: temporaries at the line of the program's own that made them.
 *
 * They show what is in a file of theirs: where a location is in a library or its header, the line
 * of its nearest caller there is what somebody can change.  From the location out that is the first
 * frame of the program's own below the working directory, else the first one there, else the first
 * one in any file, else the location. */
#ifndef TMPALLOC_REPORT_FINDINGS_H
#define TMPALLOC_REPORT_FINDINGS_H

#include <limits.h>

#include "profile/locations.h"
#include "profile/profile.h"
#include "reports/report_through.h"

/* The temporaries that came by way of a line, or of a location of which no line is known. */
struct finding {
    const struct symbol *symbol;
    const struct profile_site *site; /* the one with most bytes */
    uint64_t count;
    uint64_t bytes;
    uint64_t allocations;
    struct chain_counters chains; /* of all sites */
    bool has_chains;
};

struct findings {
    const struct profile *profile;
    struct locations *locations; /* have the findings' numbers */
    struct report_through through;
    struct finding *items; /* also some without temporaries */
    size_t count;
    size_t capacity;
    char root[PATH_MAX]; /* the working directory with a slash at its end, or "" */
};

/* TMPALLOC_OK or TMPALLOC_E_NOMEM; to be released in either case. */
int findings_collect(const struct profile *profile, struct findings *ret);
void findings_release(struct findings *findings);

/* The path below the working directory; NULL when it is elsewhere. */
const char *findings_below_root(const struct findings *findings, const char *path);
/* Python names what is in no file "<string>" or "<frozen ...>". */
bool finding_is_in_file(const struct symbol *symbol);

/* Whether somebody should look at it: it grows, or repeats. */
bool finding_warns(const struct finding *finding);
/* Appends sentences: where, how much, what is to be done. */
void findings_append_message(const struct findings *findings, const struct finding *finding,
                             struct text *text);

#endif
