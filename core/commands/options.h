/* Command lines: words in, option values out, checked against the command's table entry. */
#ifndef TMPALLOC_OPTIONS_H
#define TMPALLOC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/error.h"
#include "tmpalloc/tmpalloc.h"

struct option_value {
    const char *name; /* long name, of the command table */
    char *value;      /* "" for options without a value */
};

/* A parsed command line.  Positional words and values are owned by it. */
struct arguments {
    const struct tmpalloc_command_info *command;
    char **words; /* NULL-terminated */
    size_t word_count;
    struct option_value *values; /* in the order given */
    size_t value_count;
    size_t value_capacity;
    bool help; /* --help was given: the rest wasn't looked at */
};

/* Splits the rest of a command line as a shell would (quotes, backslashes) and checks options,
 * choices, and the number of words.  Options' names may be cut short.  A FILE is taken as
 * word_as_file() does.  TMPALLOC_E_ARGUMENT explains what is accepted. */
int arguments_parse(const struct tmpalloc_command_info *command, const char *line,
                    struct arguments *ret, struct error *error);
void arguments_deinit(struct arguments *arguments);

/* The name of a file may begin with ~ or ~USER, which is that user's home, as in the debuggers' own
 * commands.  For the caller to release; NULL without memory. */
char *word_as_file(const char *word);

/* The last value given for an option; NULL: not given. */
const char *arguments_get(const struct arguments *arguments, const char *name);
bool arguments_given(const struct arguments *arguments, const char *name);

/* A whole number from minimum to maximum; *ret is untouched when the option was not given. */
int arguments_number(const struct arguments *arguments, const char *name, uint64_t minimum,
                     uint64_t maximum, uint64_t *ret, struct error *error);
/* A size from minimum to maximum: a number of bytes, or with KB to EB of binary multiples. */
int arguments_size(const struct arguments *arguments, const char *name, uint64_t minimum,
                   uint64_t maximum, uint64_t *ret, struct error *error);
/* A whole number in any text; `what` names it in the message. */
int number_parse(const char *text, const char *what, uint64_t minimum, uint64_t maximum,
                 uint64_t *ret, struct error *error);

#endif
