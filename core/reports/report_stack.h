/* Call stacks in reports for people. */
#ifndef TMPALLOC_REPORT_STACK_H
#define TMPALLOC_REPORT_STACK_H

#include "profile/profile.h"
#include "support/text.h"

/* One line for each frame, and the source around that of frame `source_frame`; SIZE_MAX: of none.
 */
void report_append_stack(const struct profile_stack *stack, size_t source_frame, struct text *text);
/* The line of one of them. */
void report_append_numbered(const struct profile_stack *stack, size_t frame, struct text *text);

#endif
