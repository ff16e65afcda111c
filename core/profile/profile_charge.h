/* Who is charged for a call stack. */
#ifndef TMPALLOC_PROFILE_CHARGE_H
#define TMPALLOC_PROFILE_CHARGE_H

#include "profile/charge.h"
#include "profile/profile.h"

/* The kind of the i-th frame of a stack, where that is known. */
enum charge_kind profile_kind_at(struct charge *charge, const struct profile_stack *stack,
                                 size_t i);
/* Index of the charged frame, of several the innermost:
 *
 *     own        one that is own; else by
 *     caller     one that is own or foreign, in a stack with Python functions the innermost of
 *                these; else by
 *     innermost  one that has a kind and is no allocator; else the innermost */
size_t profile_find_location(struct charge *charge, const struct profile_stack *stack,
                             enum charge_by by);

/* The frame that the charged one calls, unless that is an allocator; NULL: it is. */
const struct symbol *profile_find_through(struct charge *charge, const struct profile_stack *stack,
                                          size_t location);

#endif
