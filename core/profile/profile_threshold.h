/* What of a profile depends on the threshold and on the frames that are shown. */
#ifndef TMPALLOC_PROFILE_THRESHOLD_H
#define TMPALLOC_PROFILE_THRESHOLD_H

#include "profile/charge_settings.h"
#include "profile/profile.h"

/* TMPALLOC_E_ARGUMENT when nothing was recorded at that threshold. */
int profile_check_threshold(uint32_t max_threshold, uint32_t threshold, struct error *error);

/* Fills in, from the sites' counters, what the profile's threshold decides: temporaries, patterns,
 * sums and order.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int profile_judge(struct profile *profile);

/* A pattern is seen in so many temporaries of a site at least. */
#define PROFILE_PATTERN_TEMPORARIES 4
/* The pattern of a site with so many temporaries, at whichever threshold that is. */
enum profile_pattern profile_find_pattern(const struct profile_site *site, uint64_t temporaries);

/* How results are looked at. */
struct profile_view {
    uint32_t threshold;
    bool native_frames; /* also the interpreter's own, in stacks with Python frames */
    enum charge_by by;
    const struct charge_settings *settings; /* NULL: the user has said nothing */
};

/* The same results in another view; *ret refers to `profile` and to the settings, and must not
 * outlive them.  TMPALLOC_E_ARGUMENT for a threshold above the largest,
 * TMPALLOC_E_NOMEM; *ret is then untouched. */
int profile_at(const struct profile *profile, const struct profile_view *view, struct error *error,
               struct profile **ret);

#endif
