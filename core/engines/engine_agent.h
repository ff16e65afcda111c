/* The engine inside the debuggee: the agent's library is brought in, controlled and read.
 *
 * Nothing stops while the program runs.  The debugger starts and stops the agent by writing to its
 * image and reads its counters from there, at any stop.  At the functions by which a process ends
 * or replaces its program there are breakpoints, where the results are to be copied. */
#ifndef TMPALLOC_ENGINE_AGENT_H
#define TMPALLOC_ENGINE_AGENT_H

#include "engines/agent_image.h"
#include "engines/engine_parts.h"

struct engine_agent;

/* What a breakpoint means: the process is left, or the agent has something to tell. */
enum engine_agent_hit {
    ENGINE_AGENT_HIT_STAYS,
    ENGINE_AGENT_HIT_EXITS,
    ENGINE_AGENT_HIT_EXECS,
    ENGINE_AGENT_HIT_TELLS
};

/* TMPALLOC_E_UNSUPPORTED when there is no agent to be brought in. */
int engine_agent_create(const struct engine_parts *parts,
                        const struct engine_agent_options *options, struct error *error,
                        struct engine_agent **ret);
/* Lets go of the debugger and of nothing else: the process may be gone.  NULL is allowed. */
void engine_agent_destroy(struct engine_agent *agent);

/* The debugger has loaded it into the process, or will (agent_preload.h). */
void engine_agent_expect(struct engine_agent *agent);

/* The loaded files of the process may have changed.  TMPALLOC_OK: the agent is there.
 * TMPALLOC_E_STATE: not yet.  TMPALLOC_E_UNSUPPORTED: it won't come, or is of another version. */
int engine_agent_refresh(struct engine_agent *agent, struct error *error);

/* What the agent that was in the process before may go on with. */
enum engine_agent_beginning {
    ENGINE_AGENT_ANEW,     /* nothing: its counters begin at zero, and it catches nothing yet */
    ENGINE_AGENT_ZEROED,   /* its catches */
    ENGINE_AGENT_CONTINUES /* all */
};

/* At a stop: brings the agent in unless it is there, and starts it.  TMPALLOC_E_UNSUPPORTED when
 * this process can't have it; TMPALLOC_E_STATE when it is there already with other limits. */
int engine_agent_enter(struct engine_agent *agent, enum engine_agent_beginning beginning,
                       struct error *error);

/* At a stop: the user's breakpoints have new places.  A function that begins with a jump where one
 * of them is expected to be hit gets its own beginning back and is hooked in another way.
 * TMPALLOC_E_UNSUPPORTED: that isn't possible now, and the breakpoint won't be hit. */
int engine_agent_avoid_breakpoints(struct engine_agent *agent, struct error *error);

/* At a stop: no call is counted any more, and the process is as if there had never been an agent
 * but for the library, which stays. */
int engine_agent_stop(struct engine_agent *agent, struct error *error);
int engine_agent_reset(struct engine_agent *agent, struct error *error);

/* At a stop: the counters, as agent_image_read() gives them.  TMPALLOC_E_STATE: the program has not
 * run far enough to have any. */
int engine_agent_read(struct engine_agent *agent, struct agent_image_facts *facts_ret,
                      struct snapshot *ret, struct error *error);

/* The same without an engine: of the image at an address, which a core file may hold. */
int engine_agent_read_image(const struct engine_parts *parts, uint64_t image,
                            struct agent_image_facts *facts_ret, struct snapshot *ret,
                            struct error *error);
/* At a stop: the agent is there and has found no CPython runtime when it looked, which it does when
 * it is brought in. */
bool engine_agent_lacks_python(struct engine_agent *agent);
/* Whether functions that the user named were not there when it was looked for them last. */
bool engine_agent_lacks_functions(const struct engine_agent *agent);
/* Whether the agent is among the loaded files. */
bool engine_agent_is_loaded(struct modules *modules);
/* The address of the image in a core file, in whatever format: by the agent's symbol where the
 * debugger knows its file, else as core_file_find() finds it. */
int engine_agent_find_in_core(struct modules *modules, const char *path, uint64_t *image_ret,
                              struct error *error);

/* A breakpoint was hit. */
enum engine_agent_hit engine_agent_hit(const struct engine_agent *agent, uint64_t id);

/* Makes the agent catch what parts.catches has now, when it is there, else as soon as it is; may be
 * called while a hit is handled.  The agent goes on with its numbers of matches, which are zero
 * where the slot was not active. */
int engine_agent_set_catches(struct engine_agent *agent, struct error *error);
/* At a stop: brings the numbers of matches in parts.catches up to date, where they can be read. */
void engine_agent_count_matches(struct engine_agent *agent);
/* At a stop: the next allocation with parts.catches' awaited_stack is told. */
int engine_agent_await(struct engine_agent *agent, struct error *error);
/* Handles a hit of ENGINE_AGENT_HIT_TELLS.  TMPALLOC_STOP: the current thread is about to free
 * something that is caught.  TMPALLOC_E_UNSUPPORTED: a function that the user named isn't there or
 * can't be hooked, and the agent counts nothing.  *ret becomes ENGINE_AGENT_HIT_EXITS or
 * ENGINE_AGENT_HIT_EXECS when that was told. */
int engine_agent_told(struct engine_agent *agent, uint64_t id, enum engine_agent_hit *ret,
                      struct error *error);

/* The entry points whose calls are counted. */
const struct entry_points *engine_agent_entry_points(const struct engine_agent *agent);

#endif
