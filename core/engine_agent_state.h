/* The agent engine's inside, shared by its two halves: controlling the agent and bringing it in. */
#ifndef TMPALLOC_ENGINE_AGENT_STATE_H
#define TMPALLOC_ENGINE_AGENT_STATE_H

#include "agent_file.h"
#include "breakpoints.h"
#include "engine_agent.h"
#include "tmpalloc/agent_image.h"

struct engine_agent {
    struct engine_parts parts;
    struct engine_agent_options options;
    struct agent_file file;
    bool preloading;            /* the debugger was asked to load it */
    uint64_t anchor;            /* address of struct agent_image_anchor; 0: not found yet */
    uint64_t install;           /* addresses of the functions; 0: not known */
    uint64_t uninstall;         /* 0: nothing to undo */
    struct breakpoints leaving; /* where a process ends or executes another program */
    uint64_t exit_address;      /* of those the one that ends it */
    uint8_t leaving_bytes[AGENT_BREAKPOINTS]; /* in their places, in order; 0: not known */
    struct entry_points entries;
};

/* Where the allocator's entry points are now: agent->entries. */
int engine_agent_find_entries(struct engine_agent *agent, bool mappings, struct error *error);

/* Loads the library, unless it is there, and lets it hook the allocator, by calls of the process'
 * own functions where that is safe.  TMPALLOC_E_UNSUPPORTED says why it can't be. */
int engine_agent_install(struct engine_agent *agent, struct error *error);

/* Hooks the allocator again, without letting the process run, now that there are breakpoints at
 * other places.  TMPALLOC_E_UNSUPPORTED when nothing can be called now. */
int engine_agent_install_again(struct engine_agent *agent, struct error *error);

/* Undoes the hooks of engine_agent_install(). */
int engine_agent_uninstall(struct engine_agent *agent, struct error *error);

#endif
