/* What the user has said about who is charged. */
#ifndef TMPALLOC_CHARGE_SETTINGS_H
#define TMPALLOC_CHARGE_SETTINGS_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "support/error.h"
#include "support/text.h"

enum charge_by { CHARGE_BY_CALLER, CHARGE_BY_OWN, CHARGE_BY_INNERMOST };

/* Their names, "caller" and so on, in the order of the help text; NULL-terminated. */
extern const char *const charge_by_names[];
/* By one of these names. */
enum charge_by charge_by_name(const char *name);
const char *charge_rule_name(enum charge_by by);

/* An extended regular expression; `text` NULL: there is none. */
struct charge_pattern {
    char *text;
    regex_t compiled;
};

/* What the debugger steps over: all that is given of these must match.  NULL: anything does. */
struct charge_skip {
    char *function; /* a name, or with `expression` what is found in it */
    char *file;     /* the end of a source file's path, or with `glob` what matches it */
    char *library;  /* the end of a module's path */
    bool expression;
    bool glob;
    regex_t compiled; /* the function, when that is an expression */
};

struct charge_settings {
    enum charge_by by;
    struct charge_pattern own;
    struct charge_pattern foreign;
    struct charge_pattern wrapper;
    struct charge_skip *skips;
    size_t skip_count;
    size_t skip_capacity;
};

/* All zeros: nothing was said.  So it is again afterwards. */
void charge_settings_deinit(struct charge_settings *settings);

/* Sets "charge" or, by its name, one of the expressions; "" to its default.  TMPALLOC_E_ARGUMENT
 * names what is accepted, and nothing changes; TMPALLOC_E_NOMEM. */
int charge_settings_set(struct charge_settings *settings, const char *name, const char *value,
                        struct error *error);
/* Its value, "" when the user has said nothing. */
const char *charge_settings_get(const struct charge_settings *settings, const char *name);

/* Copies what the debugger steps over.  An expression that doesn't compile matches nothing.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int charge_settings_add_skip(struct charge_settings *settings, const struct charge_skip *skip);
void charge_settings_clear_skips(struct charge_settings *settings);
/* Whether one of them matches a function of a source file in a module, which may be NULL each. */
bool charge_settings_skip(const struct charge_settings *settings, const char *function,
                          const char *file, const char *module);

/* Whether the expression is found in either text. */
bool charge_pattern_matches(const struct charge_pattern *pattern, const char *place,
                            const char *module);

#endif
