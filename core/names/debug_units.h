/* DWARF of one file by address: compilation unit, function, inlined activations, source line.
 *
 * .debug_aranges is not used: clang doesn't write it, and files linked from both compilers' objects
 * have it in part.  The units' own ranges are collected once per file, the functions of a unit when
 * the first address in it is looked up. */
#ifndef TMPALLOC_DEBUG_UNITS_H
#define TMPALLOC_DEBUG_UNITS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Deeper inlining than this is cut at its outer end. */
#define DEBUG_UNITS_ACTIVATIONS 64

struct debug_units;

/* The functions active at one address. */
struct debug_place {
    /* DW_TAG_inlined_subroutine DIEs and at the end the DW_TAG_subprogram, innermost first. */
    Dwarf_Die functions[DEBUG_UNITS_ACTIVATIONS];
    size_t count; /* 0: no function covers the address */
    Dwarf_Die unit;
    bool has_unit; /* else no compilation unit covers it either */
};

/* TMPALLOC_OK or TMPALLOC_E_NOMEM.  The Dwarf must outlive the result. */
int debug_units_create(Dwarf *dwarf, struct debug_units **ret);
void debug_units_destroy(struct debug_units *units);

/* What covers a link-time address (as in the DWARF).  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int debug_units_find(struct debug_units *units, uint64_t address, struct debug_place *ret);

size_t debug_units_count(const struct debug_units *units);
/* Where the unit was compiled; NULL: unknown. */
const char *debug_units_directory(const struct debug_units *units, size_t i);

/* How many files of split debug information lookups wanted and elfutils didn't find, and the first
 * one's name.  Of their units there are lines, but no functions. */
size_t debug_units_missing(const struct debug_units *units, const char **name_ret);

#endif
