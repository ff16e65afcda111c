/* The agent in programs that are yet to start: the debugger has it loaded into them, tracking. */
#ifndef TMPALLOC_AGENT_PRELOAD_H
#define TMPALLOC_AGENT_PRELOAD_H

#include "engines/agent_file.h"
#include "engines/engine_parts.h"

struct agent_preload {
    struct host *host;      /* whose debugger was asked for it; NULL: none was */
    struct agent_file file; /* open for as long */
};

/* Asks for it until agent_preload_end(), with these options instead of former ones; `python`:
 * Python frames are wanted.  TMPALLOC_E_UNSUPPORTED: there is no agent, or the debugger can't. */
int agent_preload_begin(struct agent_preload *preload, struct host *host,
                        const struct engine_agent_options *options, bool python,
                        struct error *error);
void agent_preload_end(struct agent_preload *preload);

#endif
