/* Values of a file's JSON in, parts of a profile out.
 *
 * Functions give TMPALLOC_OK, TMPALLOC_E_IO with a line that says what can't be used, or
 * TMPALLOC_E_NOMEM. */
#ifndef TMPALLOC_PROFILE_READ_H
#define TMPALLOC_PROFILE_READ_H

#include <jansson.h>

#include "profile/profile.h"
#include "profile/profile_amounts.h"
#include "profile/profile_symbols.h"

struct profile_reader {
    const char *name; /* of the file, for messages */
    struct error *error;
    struct profile *profile; /* what is read so far */
    struct profile_symbols symbols;
    json_t *root;                   /* the members but for sites and frames */
    const struct symbol **numbered; /* frames that stacks may refer to by number */
    size_t numbered_count;
    size_t numbered_capacity;
    size_t site_capacity;     /* of profile->sites */
    struct map ids;           /* of the sites so far */
    struct profile_sums sums; /* of the sites so far */
    size_t site;              /* the one that is read, from 1; 0: none */
};

/* "FILE holds no results of tmpalloc: KEY of site 3 is WHAT" */
int profile_read_refuse(const struct profile_reader *reader, const char *key, const char *what);

/* Everything in reader->root: schema, thresholds, process, totals. */
int profile_read_root(struct profile_reader *reader);
/* One more numbered frame. */
int profile_read_frame(struct profile_reader *reader, const json_t *item);
/* One more site at the end of profile->sites, which is not part of the profile's storage. */
int profile_read_site(struct profile_reader *reader, const json_t *item);

#endif
