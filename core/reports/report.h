/* Reports: a profile and options in, text out.  One report_*.c per format. */
#ifndef TMPALLOC_REPORT_H
#define TMPALLOC_REPORT_H

#include <regex.h>

#include "profile/profile.h"
#include "support/text.h"

enum report_sort { SORT_OWN, SORT_TOTAL, SORT_COUNT, SORT_SHARE, SORT_SCOPE };

struct report_options {
    enum report_sort sort;
    uint32_t rows;    /* most rows; 0: all; REPORT_ROWS_FIT: what fits the terminal, at least 10 */
    uint32_t columns; /* of the widest line; 0: any */
    bool screen;      /* a terminal, not a log */
    uint32_t terminal_rows; /* of the screen; 0: unknown */
    bool colors;
    bool inclusive;        /* also locations without own temporaries */
    bool by_stack;         /* one row per stack instead of one per location */
    bool all;              /* for report_summary(): all allocations instead of temporaries */
    bool same_scope;       /* only what the allocating function frees itself */
    const regex_t *filter; /* only stacks that match; NULL: all */
    int64_t tid;           /* only sites where this thread allocated, with all their temporaries
                              (counters are sums over threads); 0: all */
    const char *place;     /* for report_list(): FUNCTION, FILE or FILE:LINE */
};

#define REPORT_ROWS_FIT UINT32_MAX

struct check_limits;

/* Says that call stacks are cut for want of memory. */
void report_limited(struct text *text);
/* How many processes went uncounted; nothing where there were none. */
void report_children(const struct profile *profile, struct text *text);

/* Each appends to *text; TMPALLOC_OK or an error, TMPALLOC_E_INTERRUPTED among them.  No row
 * of a table is wider than columns: the first column is shortened to what fits, and columns that
 * would leave it less than 20 characters are left out.  Percentages are of all temporaries of the
 * profile; what filter, tid, same_scope or the number of rows leave out is counted in the last
 * line. */
int report_summary(const struct profile *profile, const struct report_options *options,
                   struct text *text, struct error *error);
/* From the outermost frame in to the locations of temporaries, heaviest branch first; a chain of
 * frames without branches is one row. */
int report_tree(const struct profile *profile, const struct report_options *options,
                struct text *text, struct error *error);
/* The blocks that can still become temporary, at most max_age other allocations old, one row each,
 * the youngest first; same_scope doesn't matter. */
int report_live(const struct profile *profile, uint64_t max_age,
                const struct report_options *options, struct text *text, struct error *error);
/* Fails with TMPALLOC_E_ARGUMENT for an unknown id. */
int report_site(const struct profile *profile, uint32_t id, const struct report_options *options,
                struct text *text, struct error *error);
/* The source lines of a function or a file, options->place, with the temporaries that each makes
 * itself, and the lines around; those with most bytes where not all have room.
 * TMPALLOC_E_ARGUMENT: no call stack has it, or several files are meant. */
int report_list(const struct profile *profile, const struct report_options *options,
                struct text *text, struct error *error);
/* Schema tmpalloc/2 on one line: the recorded sites of the profile's, with all frames, innermost
 * first.  What is unknown, also the process's arguments and the pattern of few temporaries, is
 * null.  profile_load() reads it. */
int report_json(const struct profile *profile, struct text *text, struct error *error);
/* For flamegraph.pl: one line per site with temporaries, `outermost;...;innermost BYTES`. */
int report_folded(const struct profile *profile, struct text *text, struct error *error);
/* For flamegraph.pl's differences: `outermost;...;innermost BEFORE AFTER`. */
int report_folded_against(const struct profile *profile, const struct check_limits *limits,
                          struct text *text, struct error *error);
/* RFC 4180 with a header row, one row per site.  Text that a spreadsheet would take for a formula
 * gets an apostrophe in front. */
int report_csv(const struct profile *profile, struct text *text, struct error *error);

/* "sampled" profiles for speedscope, by bytes and by count: one sample per site with temporaries.
 */
int report_speedscope(const struct profile *profile, struct text *text, struct error *error);

/* pprof's profile.proto, compressed: all sites, with temporaries and all allocations as values. */
int report_pprof(const struct profile *profile, struct text *text, struct error *error);
/* For callgrind_annotate and KCachegrind: what lines allocate themselves, as locations, and by way
 * of the functions that they call; of a recursion the outermost call counts. */
int report_callgrind(const struct profile *profile, struct text *text, struct error *error);
/* SARIF 2.1.0: one result per location with temporaries, files relative to the working directory;
 * what is elsewhere is placed at the line of its nearest caller there.
 * Its fingerprint depends on function and file, and on the order of the lines in that function. */
int report_sarif(const struct profile *profile, struct text *text, struct error *error);
/* Workflow commands that annotate these lines, one each, those with most bytes first. */
int report_github(const struct profile *profile, struct text *text, struct error *error);

/* A table for a comment on a change, of at most 60,000 bytes: rows for which there is no room are
 * counted. */
int report_markdown(const struct profile *profile, struct text *text, struct error *error);
/* The same with the verdict before it, and beside a baseline with what is new, worse, better or
 * gone as report_diff() says it. */
int report_markdown_against(const struct profile *profile, const struct check_limits *limits,
                            struct text *text, struct error *error);

/* JUnit's XML: a test case for each location with temporaries. */
int report_junit(const struct profile *profile, struct text *text, struct error *error);
/* The same with the verdict as the first case.  Where that has failed, those locations fail as well
 * that exceed the limits alone, or that have more than the baseline and its tolerance. */
int report_junit_against(const struct profile *profile, const struct check_limits *limits,
                         struct text *text, struct error *error);

/* One page that needs no other file and no network: table and flame graph at any threshold. */
int report_html(const struct profile *profile, struct text *text, struct error *error);
/* The same with what became of each call site since the baseline of the limits.  Sites are the same
 * where report_diff() says so. */
int report_html_against(const struct profile *profile, const struct check_limits *limits,
                        struct text *text, struct error *error);

typedef int report_function(const struct profile *profile, struct text *text, struct error *error);
typedef int report_comparison(const struct profile *profile, const struct check_limits *limits,
                              struct text *text, struct error *error);
struct report_format {
    const char *name;
    report_function *write;
    report_comparison *against; /* the same beside the limits' baseline; NULL: there is no such */
    bool judges;                /* that has a verdict by the other limits as well */
};

/* A format by its name in report_format_names; NULL: unknown. */
const struct report_format *report_format(const char *name);
/* NULL-terminated. */
extern const char *const report_format_names[];
/* Appends what a file of this name gets: JSON is compressed for a FILE.gz.  limits, of a format
 * that has `against`; NULL: without. */
int report_for_file(const struct profile *profile, const struct report_format *format,
                    const struct check_limits *limits, const char *path, struct text *text,
                    struct error *error);

#endif
