/* Names of functions as tables show them: what a reader knows anyway is left out. */
#ifndef TMPALLOC_SHORT_NAME_H
#define TMPALLOC_SHORT_NAME_H

#include "support/text.h"

/* Appends a demangled name of C++ or Rust in short, every other one as it is:
 *
 *     std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append
 *     std::string::append
 *     core::fmt::num::imp::<impl core::fmt::Display for u32>::fmt
 *     <u32 as core::fmt::Display>::fmt
 *
 * Of C++ those template arguments are left out that the standard library has as defaults, and its
 * inline namespaces; of Rust the module of an implementation. */
void short_name_append(struct text *text, const char *name);

#endif
