/* Names of functions as tables show them: what a reader knows anyway is left out. */
#ifndef TMPALLOC_SHORT_NAME_H
#define TMPALLOC_SHORT_NAME_H

#include "support/text.h"

/* Appends a demangled name in short:
 *
 *     std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append
 *     std::string::append
 *     parse[abi:cxx11](char const*)::{lambda(int)#1}::operator()
 *     parse::{lambda(int)#1}::operator()
 *     core::fmt::num::imp::<impl core::fmt::Display for u32>::fmt
 *     <u32 as core::fmt::Display>::fmt
 *     shop.Shelf!(immutable(char)[]).Shelf.put
 *     shop.Shelf!(string).put
 *     __shapes_MOD_grow
 *     shapes::grow
 *
 * Of C++ those template arguments are left out that the standard library has as defaults, its
 * inline namespaces, ABI tags, and the parameters of functions around a local one; of Rust the
 * module, the number and the brackets of an implementation; of D the name that a template's member
 * has again.  Names of other languages stay as they are. */
void short_name_append(struct text *text, const char *name);

#endif
