/* Regular expressions for call stacks: they match any frame, by what a row says of it, with the
 * short or the full path of its file.  So what a library allocates for a function is found by that
 * function. */
#ifndef TMPALLOC_STACK_FILTER_H
#define TMPALLOC_STACK_FILTER_H

#include <regex.h>

#include "profile/profile.h"

/* Lets through what one of its expressions matches, and remembers which frames do. */
struct stack_filter;

/* The expressions are referred to; NULL: every stack is let through.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM; *ret is then untouched. */
int stack_filter_create(const regex_t *expressions, size_t count, struct stack_filter **ret);
void stack_filter_destroy(struct stack_filter *filter); /* NULL is allowed */

/* Symbols are referred to as well.  Without memory every stack matches, and the filter has failed.
 */
bool stack_filter_matches(struct stack_filter *filter, const struct profile_stack *stack);
bool stack_filter_failed(const struct stack_filter *filter);

#endif
