/* The engine that stops the debuggee at allocator entry points and where their calls return.
 *
 * Software or hardware breakpoints.  A free is one stop, an allocation two.  Return sites keep
 * their breakpoint (one per caller), since debuggers reap temporary ones late; the hardware engine
 * has one register for the return that is pending.  Events go into the tracker. */
#ifndef TMPALLOC_ENGINE_BREAKPOINT_H
#define TMPALLOC_ENGINE_BREAKPOINT_H

#include "engines/engine_parts.h"
#include "support/text.h"

struct engine_breakpoint;

/* Sets nothing yet: engine_breakpoint_refresh() does.  For hardware breakpoints the registers are
 * counted first, in the stopped process: TMPALLOC_E_UNSUPPORTED when there are fewer than two.
 * `options` and what it points to are used until destroy. */
int engine_breakpoint_create(const struct engine_parts *parts,
                             const struct engine_breakpoint_options *options, struct error *error,
                             struct engine_breakpoint **ret);
/* Removes all breakpoints; the process may be gone. */
void engine_breakpoint_destroy(struct engine_breakpoint *engine);

/* The loaded files of the process may have changed: finds entry points again and sets breakpoints
 * there.  A function that was asked for by name and isn't there (yet) is TMPALLOC_E_STATE, with all
 * others set.  TMPALLOC_E_UNSUPPORTED: the process' architecture is not known. */
int engine_breakpoint_refresh(struct engine_breakpoint *engine,
                              const struct tmpalloc_process *process, struct error *error);

/* Files are about to be unloaded: takes the breakpoints of callers out of the code until they are
 * needed again. */
void engine_breakpoint_unloading(struct engine_breakpoint *engine);

/* Drops the windows of threads that have ended; without it that is done when it first matters. */
void engine_breakpoint_remove_exited(struct engine_breakpoint *engine);

/* The tracker's windows were flushed: calls in progress free nothing that counts. */
void engine_breakpoint_flushed(struct engine_breakpoint *engine);

/* A breakpoint was hit by the host's current thread.  TMPALLOC_STOP: it is about to free something
 * that is caught.  An event that is lost by a failure is counted as dropped. */
int engine_breakpoint_hit(struct engine_breakpoint *engine, uint64_t id, struct error *error);

/* The entry points found; the first `active` ones have breakpoints. */
const struct entry_points *engine_breakpoint_entry_points(const struct engine_breakpoint *engine);
size_t engine_breakpoint_active(const struct engine_breakpoint *engine);
/* Whether CPython's object allocator is among what counts. */
bool engine_breakpoint_has_objects(const struct engine_breakpoint *engine);
/* Appends the names of those that did not fit the debug registers, separated by ", ". */
void engine_breakpoint_left_out(const struct engine_breakpoint *engine, struct text *text);

#endif
