/* C++, Rust, D and Ada symbol names. */
#ifndef TMPALLOC_DEMANGLE_H
#define TMPALLOC_DEMANGLE_H

#include <stdbool.h>

/* The readable form of a mangled name, with its parameter list or without; NULL: the name is not
 * mangled (or memory is exhausted).  To be released with free(). */
char *demangle(const char *name, bool parameters);

/* The same of a name that is known to be GNAT's: only the language tells. */
char *demangle_ada(const char *name);

/* Whether a symbol's mangled name means what a person typed: a demangled name with or without the
 * parameter list, blanks not counting. */
bool demangle_matches(const char *mangled, const char *typed);

#endif
