/* Names of functions and source files in DWARF. */
#ifndef TMPALLOC_DEBUG_NAMES_H
#define TMPALLOC_DEBUG_NAMES_H

#include <elfutils/libdw.h>

#include "support/text.h"

/* An attribute that is text, of this entry or of what it is a copy of; NULL: it has none. */
const char *debug_names_string(Dwarf_Die *die, unsigned attribute);

/* Appends the demangled linkage name of a function.  False: it has none, or only one that the C
 * library uses for calls within itself. */
bool debug_names_linkage(Dwarf_Die *function, struct text *text);
bool debug_names_is_internal(Dwarf_Die *function);

/* Appends its plain name, in C++ and the like with the namespaces, classes and functions around it.
 * False: it has none. */
bool debug_names_qualified(Dwarf_Die *function, struct text *text);

/* Appends the source file of an address in a unit.  False: unknown.  *line_ret is 0 when the line
 * isn't known. */
bool debug_names_source(Dwarf_Die *unit, uint64_t address, struct text *text, uint32_t *line_ret);
/* The same for the place where an inlined function was called. */
bool debug_names_call_site(Dwarf_Die *inlined, struct text *text, uint32_t *line_ret);

/* Whether a unit has lines, but they can't be read. */
bool debug_names_lacks_lines(Dwarf_Die *unit);

#endif
