/* The first instructions of a function, for execution elsewhere. */
#ifndef TMPALLOC_AGENT_CODE_MOVE_H
#define TMPALLOC_AGENT_CODE_MOVE_H

#include "agent/x86_64/code_instruction.h"

#define CODE_JUMP_BYTES 5 /* of jmp rel32 */

/* At most: all but the last byte of a jump, and the longest instruction.  A call of six bytes takes
 * 19 elsewhere, conditional jumps of two take six. */
#define CODE_MOVED_LIMIT     (CODE_JUMP_BYTES - 1 + CODE_INSTRUCTION_LIMIT)
#define CODE_ELSEWHERE_LIMIT 48

struct code_moved {
    uint8_t taken; /* bytes of the function whose instructions moved */
    uint8_t size;
    uint8_t code[CODE_ELSEWHERE_LIMIT]; /* they, and a jump to what follows them */
};

/* Translates the instructions at `start`, of a function that ends at `end`, that a jump there would
 * change at least a part of, so that at address `to` they do the same.  Calls among them return to
 * the function.  Fewer than a jump's bytes are taken where the function leaves before.  False: that
 * can't be done. */
bool code_move(const uint8_t *start, const uint8_t *end, uintptr_t to, struct code_moved *ret);

/* Writes jmp rel32 for a place.  False: the target is too far away. */
bool code_jump(uintptr_t place, uintptr_t target, uint8_t ret[CODE_JUMP_BYTES]);

#endif
