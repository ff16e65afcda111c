/* Instructions that are looked for in code of which nothing is known. */
#ifndef TMPALLOC_AGENT_CODE_SEARCH_H
#define TMPALLOC_AGENT_CODE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether there is a system call instruction. */
bool code_has_system_call(const uint8_t *code, size_t size);

/* Whether one of these numbers is moved to where it may become an argument.  Some that are only
 * found by chance may pass for it, and what is computed isn't found. */
bool code_has_number(const uint8_t *code, size_t size, const uint32_t *numbers, size_t count);

#endif
