/* What the agent asks: how to get from a frame to its caller where memory has no call frame
 * information. */
#ifndef TMPALLOC_ENGINE_AGENT_ANSWER_H
#define TMPALLOC_ENGINE_AGENT_ANSWER_H

#include "engines/engine_agent_state.h"

/* Fills in the struct agent_code at an address. */
int engine_agent_answer(struct engine_agent *agent, uint64_t address, struct error *error);

#endif
