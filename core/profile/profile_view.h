/* What reports need of recorded results: a view of them, for one question. */
#ifndef TMPALLOC_PROFILE_VIEW_H
#define TMPALLOC_PROFILE_VIEW_H

#include "profile/charge_settings.h"
#include "profile/profile.h"

struct profile_view {
    uint32_t threshold;
    bool native_frames; /* also the interpreter's own, in stacks with Python frames */
    enum charge_by by;
    const struct charge_settings *settings; /* NULL: the user has said nothing */
};

/* *ret refers to `recorded` and to the settings, and must not outlive them.  TMPALLOC_E_ARGUMENT
 * for a threshold above the largest, TMPALLOC_E_NOMEM or TMPALLOC_E_INTERRUPTED; *ret is then
 * untouched. */
int profile_at(const struct profile *recorded, const struct profile_view *view, struct error *error,
               struct profile **ret);

/* The same, and on success *ret owns what was recorded. */
int profile_at_take(struct profile *recorded, const struct profile_view *view, struct error *error,
                    struct profile **ret);

#endif
