/* Where a function finds its arguments, by DWARF, at its first instruction. */
#ifndef TMPALLOC_DEBUG_PARAMETERS_H
#define TMPALLOC_DEBUG_PARAMETERS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

enum debug_parameter_kind {
    DEBUG_PARAMETER_UNKNOWN,
    DEBUG_PARAMETER_IN_REGISTER, /* as an argument of that number */
    DEBUG_PARAMETER_CONSTANT     /* it always is that number */
};

struct debug_parameter {
    enum debug_parameter_kind kind;
    uint64_t number;
};

/* The n-th parameter, from 1 on, of those that the source's function has in integer registers, in a
 * copy of it that begins at an address (as in the DWARF). */
struct debug_parameter debug_parameter_find(Dwarf *dwarf, uint64_t address, uint32_t n);

#endif
