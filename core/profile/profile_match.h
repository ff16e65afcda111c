/* Which call stacks are the same in different runs: those with the same names. */
#ifndef TMPALLOC_PROFILE_MATCH_H
#define TMPALLOC_PROFILE_MATCH_H

#include "profile/profile.h"

struct profile_match;

/* lines: frames of one function at different lines are different.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM. */
int profile_match_create(bool lines, struct profile_match **ret);
void profile_match_destroy(struct profile_match *match); /* NULL is allowed */

/* The number of the names of the stack's innermost frames, so many, from 0 without gaps.  A
 * function without a name is its place in its module.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int profile_match_stack(struct profile_match *match, const struct profile_stack *stack,
                        size_t count, uint32_t *ret);

#endif
