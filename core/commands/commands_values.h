/* What the words of a command line stand for: a number, or an expression of the debugger's. */
#ifndef TMPALLOC_COMMANDS_VALUES_H
#define TMPALLOC_COMMANDS_VALUES_H

#include "commands/commands_table.h"

/* An expression has so many words at most. */
#define COMMAND_EXPRESSION_WORDS 64

/* The number of a call site; TMPALLOC_E_ARGUMENT says what is accepted. */
int command_site_id(const struct command_call *call, uint32_t *ret);

/* An address with what is known of its block. */
struct command_address {
    struct text expression; /* the words */
    struct text member;     /* of a struct, that holds the address; empty: none */
    uint64_t address;
};

void command_address_init(struct command_address *address);
void command_address_deinit(struct command_address *address);

/* Of a struct the first pointer member that points into a block of the profile's, or into
 * `caught` (NULL: none), else the first pointer. */
int command_find_address(const struct command_call *call, const struct profile *profile,
                         const struct profile_block *caught, struct command_address *ret);

#endif
