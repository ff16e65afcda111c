/* Bringing the agent into a process that runs already, and out of it again. */
#ifndef TMPALLOC_ENGINE_AGENT_INJECT_H
#define TMPALLOC_ENGINE_AGENT_INJECT_H

#include "engines/engine_agent_state.h"

/* Loads the library, unless it is there, and lets it hook the allocator, by calls of the process'
 * own functions where that is safe.  TMPALLOC_E_UNSUPPORTED says why it can't be. */
int engine_agent_install(struct engine_agent *agent, struct error *error);

/* Hooks the allocator again, without letting the process run, now that there are breakpoints at
 * other places.  TMPALLOC_E_UNSUPPORTED when nothing can be called now. */
int engine_agent_install_again(struct engine_agent *agent, struct error *error);

/* Undoes the hooks of engine_agent_install(), or says why they have to stay. */
void engine_agent_uninstall(struct engine_agent *agent);

#endif
