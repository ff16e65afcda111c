/* Who is charged for a call stack.
 *
 * A frame has the first of these kinds that fits: an allocator by its name, or because it is the
 * entry point that was counted; a library's by the name of its module, by the folder of its source
 * file, or, where debug information names no file, by the function's own name; foreign or own by
 * what the user has said, by folders of packages, of the system, and of the program.  So a program
 * is charged alike with debug information and without. */
#ifndef TMPALLOC_CHARGE_H
#define TMPALLOC_CHARGE_H

#include "names/symbolizer.h"
#include "profile/charge_settings.h"

enum charge_kind {
    CHARGE_NONE, /* code of no file, a signal's return */
    CHARGE_ALLOCATOR,
    CHARGE_LIBRARY, /* a language's */
    CHARGE_FOREIGN, /* of others */
    CHARGE_OWN,     /* the program's */
};

/* What frames are judged by; referred to, not copied. */
struct charge_source {
    const struct charge_settings *settings; /* NULL: the user has said nothing */
    const char *executable; /* the program's main file, which may contain libraries; NULL: unknown
                             */
    const char *const *directories; /* where that was compiled; NULL-terminated; NULL: unknown */
    bool incomplete; /* files of the process are not known, so code that seems to be of none may be
                        theirs */
};

struct charge;

/* TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int charge_create(const struct charge_source *source, struct charge **ret);
void charge_destroy(struct charge *charge); /* NULL is allowed */

/* Judged once for each symbol.  The kind of the frame wherever it is: an entry point that was
 * counted is an allocator at the end of its stack only. */
enum charge_kind charge_kind(struct charge *charge, const struct symbol *symbol);
/* "allocator", "library", "foreign", "own"; NULL: none. */
const char *charge_kind_name(enum charge_kind kind);

#endif
