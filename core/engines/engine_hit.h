/* A hit of the breakpoint engine that is being handled: which thread stopped where, and with what.
 */
#ifndef TMPALLOC_ENGINE_HIT_H
#define TMPALLOC_ENGINE_HIT_H

#include "engines/engine_state.h"

struct engine_hit {
    struct engine_breakpoint *engine;
    struct calling_thread *thread;
    const struct breakpoint *breakpoint;
    uint64_t stack_pointer;
    uint64_t result;
    uint64_t arguments[PROCESSOR_ARGUMENTS];
    struct error *error;
};

/* Reads the registers that are needed: at the entry point those of its arguments (NULL: it is
 * none), where calls return that of the result. */
int engine_hit_read(struct engine_hit *hit, const struct entry_point *entry);

/* The argument of this number, from 1; 0: there is none, and it is 0. */
uint64_t engine_hit_argument(const struct engine_hit *hit, uint8_t number);

/* A pointer, or whatever else has the size of a word. */
int engine_hit_read_word(const struct engine_hit *hit, uint64_t address, uint64_t *ret);

/* At a function's first instruction: where it returns to. */
int engine_hit_return_address(const struct engine_hit *hit, uint64_t *ret);

/* Whether the activation has just returned. */
bool engine_hit_returns_to(const struct engine_hit *hit, const struct activation *activation);

/* Finds out whether the activation's return address is still in its place, if it has one on the
 * stack. */
int engine_hit_keeps_return(const struct engine_hit *hit, const struct activation *activation,
                            bool *ret);

#endif
