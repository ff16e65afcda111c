/* The agent engine's inside: the agent's image, and the breakpoints and files around it. */
#ifndef TMPALLOC_ENGINE_AGENT_STATE_H
#define TMPALLOC_ENGINE_AGENT_STATE_H

#include <stddef.h>

#include "debugger/breakpoints.h"
#include "engines/agent_file.h"
#include "engines/agent_image.h"
#include "engines/engine_parts.h"
#include "tmpalloc/agent_image.h"

/* Functions that end the process: the C library's, and those of runtimes that have their own. */
#define AGENT_RAW_EXITS 2

struct engine_agent {
    struct engine_parts parts;
    struct engine_agent_options options;
    struct agent_file file;
    bool awaited;       /* it has yet to hook the functions that the user named */
    uint64_t anchor;    /* address of struct agent_image_anchor; 0: not found yet */
    uint64_t install;   /* addresses of the functions; 0: not known */
    uint64_t uninstall; /* 0: nothing to undo */
    uint64_t hook;
    uint64_t tell; /* 0: not known */
    /* Where a process ends or executes another program, and where the agent tells something.  None
     * is released before the end, so that their order stays. */
    struct breakpoints breakpoints;
    uint64_t raw_exits[AGENT_RAW_EXITS]; /* of the executable, which stays */
    size_t raw_exit_count;
    bool sought_raw_exits;
    uint8_t breakpoint_bytes[AGENT_BREAKPOINTS]; /* in their places, in order; 0: not known */
    struct entry_points entries;
    char missing[ERROR_TEXT_BYTES]; /* why a function that the user named isn't there; "": they are
                                     */
    struct user_functions within;
};

/* Reads the image's fixed part.  TMPALLOC_E_STATE: there is none yet. */
int engine_agent_image(struct engine_agent *agent, struct agent_image *ret, struct error *error);

/* The same where it can be written to: false when there is none yet, and in a child of fork(),
 * whose image the kernel has emptied, until the child itself has brought it back, which it does
 * before fork() returns, and tells that it is ready. */
bool engine_agent_is_ready(struct engine_agent *agent, struct agent_image *ret);
/* Whether it is in such a child now. */
bool engine_agent_is_forking(struct engine_agent *agent);

/* Writes a field of the image that agent_image.h leaves to the debugger. */
int engine_agent_write_field(struct engine_agent *agent, const struct agent_image *image,
                             size_t offset, size_t size, struct error *error);
#define ENGINE_AGENT_WRITE(agent, image, field, error)                                             \
    engine_agent_write_field((agent), (image), offsetof(struct agent_image, field),                \
                             sizeof((image)->field), (error))

/* Sets or enables a breakpoint; may be called while a hit is handled.  The second tells the agent
 * where they all are, as soon as it is there. */
int engine_agent_break(struct engine_agent *agent, uint64_t address, enum breakpoint_role role,
                       struct error *error);
int engine_agent_write_breakpoints(struct engine_agent *agent, struct error *error);

/* The address of a function of the agent's library; *ret is untouched where there is none. */
bool engine_agent_find_exported(struct engine_agent *agent, const char *name, uint64_t *ret);
int engine_agent_break_where_it_tells(struct engine_agent *agent, struct error *error);

/* The memory of the process for agent_image.h; refers to `parts`. */
struct agent_image_source engine_agent_source(const struct engine_parts *parts);

/* Where the allocator's entry points are now: agent->entries. */
int engine_agent_find_entries(struct engine_agent *agent, bool mappings, struct error *error);

#endif
