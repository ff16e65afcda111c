/* A tracker's snapshot to a profile. */
#ifndef TMPALLOC_PROFILE_BUILD_H
#define TMPALLOC_PROFILE_BUILD_H

#include "profile/charge.h"
#include "profile/profile.h"

struct profile_source {
    struct snapshot *snapshot;
    const struct stacks *stacks;
    struct symbolizer *symbolizer;
    const char *engine;
    int64_t pid;
    const char *executable;
    const char *const *arguments;
    const char *const *directories; /* where that was compiled; NULL-terminated; NULL: unknown */
    bool incomplete;                /* some of the process' files are not known */
    const struct charge_settings *settings; /* for single stacks; NULL: the user has said nothing */
    enum charge_by by;
    const char *interpreter; /* module whose own frames can be left out of stacks with Python
                                frames; NULL: there is none */
};

/* Symbolizes and sorts; everything is copied except the symbolizer's strings and symbols, which the
 * profile must not outlive.  What it gives is no view.  Fails with TMPALLOC_E_NOMEM and
 * TMPALLOC_E_INTERRUPTED; *ret is then untouched. */
int profile_create(const struct profile_source *source, struct error *error, struct profile **ret);

/* One stack of a source, whose snapshot is not used, without the frames of its `interpreter`, and
 * with the index of its location (as that of a site's) in *location_ret, which may be NULL.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM; on success the caller releases it. */
int profile_expand(const struct profile_source *source, uint32_t stack_number,
                   struct profile_stack *ret, size_t *location_ret);
void profile_stack_release(struct profile_stack *stack);

#endif
