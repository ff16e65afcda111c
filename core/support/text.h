/* A growing string with a sticky out-of-memory mark: append freely, check once. */
#ifndef TMPALLOC_TEXT_H
#define TMPALLOC_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* NUL-terminated, or NULL while nothing was appended */
    size_t length;
    size_t capacity;
    bool failed; /* an append ran out of memory; data holds what came before it */
};

void text_init(struct text *text);
void text_deinit(struct text *text);
void text_clear(struct text *text);
void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const char *bytes, size_t length);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *text, const char *format, va_list arguments);

/* The string so far; "" when nothing was appended.  Valid until the next change. */
const char *text_get(const struct text *text);

/* "a, b, c"; ends with NULL. */
void text_append_list(struct text *text, const char *const *strings);

/* What makes a noun with this number of things: "" or "s". */
const char *text_plural(uint64_t count);

/* 512B, 1.500KB, 72.486MB: binary multiples, three decimals from KB on; and 12,345. */
void text_append_size(struct text *text, uint64_t bytes);
void text_append_count(struct text *text, uint64_t count);

/* Of strings that may be NULL, which is the same as NULL alone. */
bool text_same(const char *a, const char *b);
/* Whether a path ends with the first `length` bytes of `end`, at a name: "b/c.h" ends "/a/b/c.h"
 * and "b/c.h", but not "ab/c.h"; nothing ends with "". */
bool text_ends_path(const char *path, const char *end, size_t length);

#endif
