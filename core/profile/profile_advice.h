/* What to do about the temporaries of a site. */
#ifndef TMPALLOC_PROFILE_ADVICE_H
#define TMPALLOC_PROFILE_ADVICE_H

#include "profile/profile.h"
#include "support/text.h"

const char *profile_pattern_name(enum profile_pattern pattern); /* "" for PATTERN_NONE */
/* "grows step by step: reserve the final size once"; NULL when there is nothing to advise.  A site
 * frees itself when at least so much of its temporaries have the same scope. */
#define PROFILE_ITSELF_PERCENT 80
const char *profile_pattern_advice(enum profile_pattern pattern, bool frees_itself);

/* Whether it is one of CPython's functions that make a text or bytes of two, or longer. */
bool profile_adds_text(const char *function);

/* Whether these chains (NULL: there are none), the site's or its whole location's, are most of what
 * there is to say: its pattern is growth; or its sizes are mixed, since it begins anew often, and
 * half of its temporaries are replaced by larger ones. */
bool profile_grows(const struct profile_site *site, const struct chain_counters *chains);
/* "grows step by step: 1 buffer grew 77 times to 8,448,672B; reserve ...", in the words of the
 * location's language, of these chains. */
void profile_append_growth(struct text *text, const struct profile_site *site,
                           const struct chain_counters *chains);

/* Appends the advice for a site, with chains as above.  False: there is nothing to advise. */
bool profile_append_advice(struct text *text, const struct profile_site *site,
                           const struct chain_counters *chains);
/* The same with the site's own chains, and what is to stand before and after it, if it is there. */
void profile_append_advice_between(struct text *text, const char *before,
                                   const struct profile_site *site, const char *after);

#endif
