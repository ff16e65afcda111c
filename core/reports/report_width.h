/* How wide text is on a terminal, and what is done where it is too wide.
 *
 * Text is UTF-8 whatever the debugger's locale is, and what a character takes depends on the
 * locale: the calling thread's is that of width_enter_utf8(), for all but width_wrap(). */
#ifndef TMPALLOC_REPORT_WIDTH_H
#define TMPALLOC_REPORT_WIDTH_H

#include <locale.h>
#include <stddef.h>

#include "support/text.h"

locale_t width_enter_utf8(locale_t *utf8_ret); /* what width_leave_utf8() takes */
void width_leave_utf8(locale_t utf8, locale_t before);

/* In terminal cells; escape sequences for colours take none. */
size_t width_of(const char *string);

/* Appends the string; its middle is replaced by "..." when it is wider than `width`.  Width 0: as
 * it is. */
void width_fit(struct text *text, const char *string, size_t width);
/* The same with what begins at byte `place` kept, behind the first part that is left out. */
void width_fit_around(struct text *text, const char *string, size_t width, size_t place);

/* Appends lines; those wider than `width` (0: none) go on in the next line, further to the right,
 * and break between words, but not before a number.  Returns how many lines were appended. */
size_t width_wrap(struct text *text, const char *lines, size_t width);

#endif
