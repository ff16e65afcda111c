/* Functions that the agent hooks by the user's wish: custom allocators, CPython's object allocator,
 * and the function of --within. */
#ifndef TMPALLOC_ENGINE_AGENT_FUNCTIONS_H
#define TMPALLOC_ENGINE_AGENT_FUNCTIONS_H

#include "engines/engine_agent_state.h"

/* At most AGENT_FUNCTIONS, as the agent wants them.  TMPALLOC_E_UNSUPPORTED: one isn't there. */
int engine_agent_list_functions(const struct engine_agent *agent, struct agent_function *functions,
                                uint32_t *count_ret, struct error *error);

/* Tells the agent where the tables of CPython's object allocator are, or that none are wanted.
 * TMPALLOC_E_UNSUPPORTED: they aren't known. */
int engine_agent_write_object_allocator(struct engine_agent *agent, struct error *error);

/* TMPALLOC_E_UNSUPPORTED names one that the agent could not hook. */
int engine_agent_check_functions(struct engine_agent *agent, struct error *error);

/* An agent that was preloaded tells when it is ready to hook them: sets a breakpoint there. */
int engine_agent_await_functions(struct engine_agent *agent, struct error *error);
/* It has told that it is ready, or that it has hooked them.  TMPALLOC_E_UNSUPPORTED: one isn't
 * there, or it can't be hooked, or malloc or free can't. */
int engine_agent_functions_told(struct engine_agent *agent, enum agent_tells reason,
                                struct error *error);

#endif
