/* Regular expressions that users write. */
#ifndef TMPALLOC_EXPRESSIONS_H
#define TMPALLOC_EXPRESSIONS_H

#include <regex.h>

#include "support/error.h"

/* An extended one, for the caller to free.  TMPALLOC_E_ARGUMENT says what is wrong with it. */
int expression_compile(const char *pattern, regex_t *ret, struct error *error);

#endif
