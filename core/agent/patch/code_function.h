/* The code of a function of a loaded file: where it is, and what branches where. */
#ifndef TMPALLOC_AGENT_CODE_FUNCTION_H
#define TMPALLOC_AGENT_CODE_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

struct code_function {
    const uint8_t *start; /* by its frame information, its symbol, or as told */
    const uint8_t *end;
    int protection;             /* PROT_* of the segment that it is in */
    const uint8_t *segment_end; /* nothing from here on may be read */
    uintptr_t file_start;
    uintptr_t file_end;
    const uint8_t *header; /* of the file's frame information; NULL: there is none */
};

/* The function that an address is in; of one that begins there and nothing in the process tells of,
 * `size_bytes` are believed, unless 0.  TMPALLOC_OK; TMPALLOC_E_UNSUPPORTED: it is in none of which
 * the bounds are known; TMPALLOC_E_NOMEM. */
int code_function_find(uintptr_t address, uint32_t size_bytes, struct code_function *ret);

/* Whether each of its instructions is known, none is a breakpoint, and no branch of it leads to
 * somewhere from `start` up to `end`; nor one of the functions that it jumps to, which may be cold
 * parts of itself. */
bool code_function_spares(const struct code_function *function, const uint8_t *start,
                          const uint8_t *end);

/* Whether from `start` up to the next multiple of 16, which isn't before `end`, there are nops, and
 * no other function. */
bool code_function_pads(const struct code_function *function, const uint8_t *start,
                        const uint8_t *end);

#endif
