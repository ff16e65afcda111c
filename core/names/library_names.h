/* What belongs to a language's own library, by name alone. */
#ifndef TMPALLOC_LIBRARY_NAMES_H
#define TMPALLOC_LIBRARY_NAMES_H

#include <stdbool.h>

/* Of C++, Rust, D, GNAT or Fortran; templates' arguments and return types don't count. */
bool library_names_have_function(const char *function);
/* Of the C library, where that is part of the executable. */
bool library_names_have_c_function(const char *function);
bool library_names_have_module(const char *module);
bool library_names_have_file(const char *file);

#endif
