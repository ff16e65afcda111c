/* Words that users type in place of names: whole, in short, or misspelt.  Lists of names end with
 * NULL. */
#ifndef TMPALLOC_WORDS_H
#define TMPALLOC_WORDS_H

#include <stddef.h>

#include "support/error.h"
#include "support/text.h"

#define WORDS_NOT_FOUND ((size_t)-1)
#define WORDS_AMBIGUOUS ((size_t)-2)

/* The place of the name that the word is, or that alone begins with it.  Otherwise *problem gets
 * "unknown WHAT WORD: did you mean NAME?", where one is near, or "ambiguous WHAT WORD: it can be
 * NAME, NAME", with these dashes before each. */
size_t words_find(const char *const *names, const char *word, size_t length, const char *what,
                  const char *dashes, struct text *problem);

#endif
