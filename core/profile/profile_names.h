/* Names for people.  All appended text is valid UTF-8 without control characters, whatever the
 * debuggee's symbols contain. */
#ifndef TMPALLOC_PROFILE_NAMES_H
#define TMPALLOC_PROFILE_NAMES_H

#include "profile/profile.h"
#include "support/text.h"

void profile_append_printable(struct text *text, const char *string);
/* "foo", "libx.so+0x1234", "0x1234" */
void profile_append_name(struct text *text, const struct symbol *symbol);
/* The same by its short name (short_name.h). */
void profile_append_short_name(struct text *text, const struct symbol *symbol);
/* "foo at example.py:4", "foo in libx.so", "libx.so+0x1234": with the short name. */
void profile_append_location(struct text *text, const struct symbol *symbol);
/* The same with as much more as tells it from others. */
struct name_detail {
    bool whole_name;   /* of the function */
    size_t path_parts; /* of the file's path, or the module's, from the end; at least 1 */
};
void profile_append_detailed(struct text *text, const struct symbol *symbol,
                             struct name_detail detail);
/* How many parts from the end tell the paths apart; 1 when they are equal. */
size_t profile_parts_that_differ(const char *path, const char *other);
/* The same with the whole name and the file's full path; an inlined function is marked. */
void profile_append_frame(struct text *text, const struct symbol *symbol);
/* Function names from the outermost frame in, joined by semicolons, of which names have none. */
void profile_append_folded(struct text *text, const struct profile_stack *stack);

#endif
