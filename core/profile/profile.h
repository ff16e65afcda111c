/* Results: counters with symbolized stacks, independent of any process.
 *
 * As they were recorded they are built from a tracker's snapshot (profile_build.h), read from a
 * file (profile_load.h) or summed (profile_merge.h).  Reports need nothing but a view of them
 * (profile_view.h), which has what depends on what was asked: the frames that are shown, the
 * location, what is temporary.  The fields of a view alone are zero in what was recorded.
 *
 * Inlined functions are frames of their own.  The location of a site is the frame that
 * profile_charge.h says.
 *
 * The pattern of a site with at least 4 temporaries: grows when at least 80% of its blocks were
 * larger than the same thread's previous block of the site, repeats when at least 80% were as
 * large, otherwise mixed.  The first block of a thread has no previous one and is not judged: the
 * 80% are of allocations less threads. */
#ifndef TMPALLOC_PROFILE_H
#define TMPALLOC_PROFILE_H

#include "names/symbolizer.h"
#include "profile/charge_settings.h"
#include "profile/free_counts.h"
#include "profile/profile_ending.h"
#include "support/arena.h"
#include "support/error.h"
#include "tables/tracker.h"

struct charge;

enum profile_pattern { PATTERN_NONE, PATTERN_GROWS, PATTERN_REPEATS, PATTERN_MIXED };

/* A symbolized call stack, innermost first.  Owned by the profile. */
struct profile_stack {
    const struct symbol *const *symbols;
    size_t count;       /* at least 1 */
    size_t entry_count; /* the innermost ones are where it was counted; 0: not known */
    bool truncated;
};

struct profile_site {
    uint32_t id;           /* of the call site in all results of its run */
    uint32_t stack_number; /* of its stack, in the profile's source */
    struct site_counters counters;
    const struct chain_counters *chains;     /* NULL: there were none */
    const struct site_distance *by_distance; /* max_threshold + 1 */
    const struct site_scope *scopes;         /* of a view NULL */
    const int64_t *threads;                  /* ascending */
    size_t thread_count;
    struct profile_stack stack;
    struct profile_stack free_stacks[SITE_FREE_STACKS];
    const struct free_counts *free_counts[SITE_FREE_STACKS]; /* of each; NULL: unknown */
    size_t free_stack_count;

    /* Of a view: */
    uint64_t count; /* temporaries at the profile's threshold */
    uint64_t bytes;
    uint64_t same_scope; /* freed while the call of the location's function was still active */
    uint64_t same_scope_bytes;
    const struct site_distance *same_scope_by_distance; /* max_threshold + 1 */
    enum profile_pattern pattern;
    bool adds_text;  /* its chains are of a Python text or bytes that is added to */
    size_t location; /* index in stack.symbols of the site's location */
    /* The recorded sites that this one sums, by id, of which the first is its own: those whose
     * stacks differ in frames alone that aren't shown. */
    const struct profile_site *const *parts;
    size_t part_count;
};

/* A block that can still become temporary. */
struct profile_block {
    uint64_t address;
    uint64_t size_bytes;
    uint64_t age; /* other allocations of its thread since: its distance, if that frees it now */
    int64_t tid;
    const struct profile_site *site;
};

struct profile {
    const char *engine; /* "breakpoint", "hardware", "agent"; "several" */
    uint32_t threshold;
    uint32_t max_threshold;
    bool limited;    /* call stacks were cut because the agent's memory was used up */
    bool incomplete; /* the process went on after this was read, and has ended */
    struct profile_ending ending;
    bool covered;   /* where nothing was counted nothing was allocated: all of the program's run was
                       looked at, or some calls of the function that it was to come from */
    bool unmatched; /* some of the process' files are not known */
    bool unfound;   /* no allocator was found in it; not kept in files */
    int64_t pid;
    const char *executable;       /* NULL: unknown */
    const char *executed;         /* the program that replaced it; NULL: none did, or unknown */
    const char *const *arguments; /* NULL-terminated; NULL: unknown */
    /* Modules whose own frames are left out of stacks with Python frames, NULL-terminated; NULL:
     * there are none. */
    const char *const *interpreters;
    const char *const *directories; /* where the executable was compiled; NULL-terminated; NULL:
                                       unknown */
    struct snapshot_totals totals;
    uint64_t count; /* all temporaries at the threshold */
    uint64_t bytes;
    struct site_distance *by_distance;
    struct profile_site *sites; /* by id; of a view by bytes, then count, then id */
    size_t site_count;
    struct profile_block *blocks; /* the youngest first; none in one that was read from a file or
                                     that something was suppressed in */
    size_t block_count;
    struct profile_suppressed {
        size_t locations; /* with temporaries */
        uint64_t count;
        uint64_t bytes;
    } suppressed;          /* part of the totals, but of no site */
    enum charge_by by;     /* who is charged in a view */
    struct charge *charge; /* judges frames; NULL in what is no view */
    struct arena storage;  /* of the above */
};

void profile_destroy(struct profile *profile); /* NULL is allowed */

/* Whether a function of Python's is in the stack. */
bool profile_has_python(const struct profile_stack *stack);
/* The symbol of the site's location. */
const struct symbol *profile_location(const struct profile_site *site);
/* Whether same_scope of a view is known: no stack of the site was cut, of its frees either. */
bool profile_knows_scope(const struct profile_site *site);
/* By id, as sites that were recorded are. */
void profile_order_sites(struct profile *profile);

#endif
