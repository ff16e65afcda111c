/* What all readers of saved results are made of: values of a file's JSON in, checked.
 *
 * Functions give TMPALLOC_OK, TMPALLOC_E_IO with a line that says what can't be used, or
 * TMPALLOC_E_NOMEM. */
#ifndef TMPALLOC_PROFILE_READER_H
#define TMPALLOC_PROFILE_READER_H

#include <jansson.h>

#include "profile/profile.h"
#include "profile/profile_amounts.h"
#include "profile/profile_symbols.h"

/* A frame that stacks refer to by number. */
struct read_frame {
    const struct symbol *symbol;
    bool entry; /* it is an entry point that was counted */
};

struct profile_reader {
    const char *name; /* of the file, for messages */
    struct error *error;
    struct profile *profile; /* what is read so far */
    struct profile_symbols symbols;
    json_t *root;         /* the members but for the lists below */
    uint32_t version;     /* of the schema */
    const char **strings; /* by number, as frames and stacks are */
    size_t string_count;
    size_t string_capacity;
    struct read_frame *frames;
    size_t frame_count;
    size_t frame_capacity;
    struct profile_stack *stacks;
    size_t stack_count;
    size_t stack_capacity;
    size_t site_capacity;     /* of profile->sites */
    struct map ids;           /* of the sites so far */
    struct profile_sums sums; /* of the sites so far */
    size_t site;              /* the one that is read, from 1; 0: none */
};

/* "FILE holds no results of tmpalloc: KEY of site 3 is WHAT" */
int profile_reader_refuse(const struct profile_reader *reader, const char *key, const char *what);
int profile_reader_no_memory(const struct profile_reader *reader);

/* A whole number up to the largest; what stands in an object, and what an array has at a place, is
 * NULL when it isn't there. */
int profile_reader_number(const struct profile_reader *reader, const json_t *value, const char *key,
                          uint64_t largest, uint64_t *ret);

struct number_field {
    const char *key;
    uint64_t *ret;
};

/* Each up to INT64_MAX. */
int profile_reader_numbers(const struct profile_reader *reader, const json_t *object,
                           const struct number_field *fields, size_t count);

/* A string of the profile's; null and a missing one are NULL. */
int profile_reader_string(struct profile_reader *reader, const json_t *value, const char *key,
                          const char **ret);
/* A list of them, NULL-terminated; null and a missing one are NULL. */
int profile_reader_strings(struct profile_reader *reader, const json_t *value, const char *key,
                           const char *const **ret);

/* A frame, with its strings in it or by number as the schema says. */
int profile_reader_frame(struct profile_reader *reader, const json_t *frame,
                         const struct symbol **ret);

/* Of a part of the temporaries more than are left is no more than all that are left. */
void profile_reader_limit(struct site_distance *part, struct site_distance *left);

#endif
