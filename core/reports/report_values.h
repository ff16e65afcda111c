/* Values of JSON documents, as all reports write them. */
#ifndef TMPALLOC_REPORT_VALUES_H
#define TMPALLOC_REPORT_VALUES_H

#include <jansson.h>

#include "profile/profile.h"
#include "support/map.h"
#include "support/text.h"

/* New references; NULL without memory. */
json_t *value_count(uint64_t value);   /* INT64_MAX when larger */
json_t *value_text(const char *value); /* NULL is null; what is no UTF-8 is replaced */
json_t *value_take(struct text *text); /* what was composed in *text, which is emptied */

json_t *value_strings(const char *const *strings); /* an array; NULL is null */

json_t *value_chains(const struct chain_counters *chains);

/* json_object_set_new() and json_array_append_new() accept NULL values as a failure and own what
 * they are given even then: so the sum of their answers is all that need be looked at.  Returns the
 * value, or NULL and releases it. */
json_t *value_checked(json_t *value, int failed);

/* Frames of many stacks are the same symbols: each becomes one object that is referred to. */
struct symbol_values {
    json_t *(*create)(const struct symbol *symbol, void *arg); /* a new reference, or NULL */
    void *arg;
    struct map objects; /* address of a symbol to json_t, a reference each */
};

void symbol_values_init(struct symbol_values *values,
                        json_t *(*create)(const struct symbol *symbol, void *arg), void *arg);
void symbol_values_deinit(struct symbol_values *values);
json_t *value_of_symbol(struct symbol_values *values, const struct symbol *symbol);

/* Appends a document on one line.  TMPALLOC_OK; TMPALLOC_E_NOMEM or TMPALLOC_E_INTERRUPTED, also
 * for NULL. */
int value_append(struct text *text, const json_t *value, struct error *error);

#endif
