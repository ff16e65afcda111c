/* The breakpoints that an engine has set in the debugger, one per address. */
#ifndef TMPALLOC_BREAKPOINTS_H
#define TMPALLOC_BREAKPOINTS_H

#include "debugger/host.h"
#include "support/map.h"

/* Why there is a breakpoint; one address can have several reasons. */
enum breakpoint_role {
    BREAKPOINT_ENTRY = 1,         /* an allocator's entry point */
    BREAKPOINT_RETURN = 2,        /* where allocator calls return to */
    BREAKPOINT_WITHIN = 4,        /* the function named by --within */
    BREAKPOINT_WITHIN_RETURN = 8, /* where it returns to */
    BREAKPOINT_CATCH = 16,        /* where the agent stops at what is caught */
    BREAKPOINT_TELL = 32,         /* where it tells something */
    BREAKPOINT_RESOLVER = 64,     /* what the dynamic linker asks for an indirect function */
    BREAKPOINT_EXIT = 128,        /* where the process ends */
    BREAKPOINT_FORK = 256,        /* where it makes another one */
    BREAKPOINT_FORK_RETURN = 512  /* where it goes on then */
};

struct breakpoint {
    uint64_t id; /* never used again, so that a late hit of a deleted one is recognized */
    uint64_t address;
    uint32_t roles; /* of enum breakpoint_role */
    bool enabled;
};

struct breakpoints {
    struct host *host;
    enum tmpalloc_breakpoint_kind kind;
    struct breakpoint **items;
    size_t count;
    size_t capacity;
    struct map by_address;
    struct map by_id;
};

void breakpoints_init(struct breakpoints *breakpoints, struct host *host,
                      enum tmpalloc_breakpoint_kind kind);
/* Removes them from the debugger, too. */
void breakpoints_deinit(struct breakpoints *breakpoints);

/* NULL: none. */
struct breakpoint *breakpoints_by_id(const struct breakpoints *breakpoints, uint64_t id);
struct breakpoint *breakpoints_by_address(const struct breakpoints *breakpoints, uint64_t address);

/* Gives the address this role, setting or enabling a breakpoint there.  May be called while a hit
 * is handled. */
int breakpoints_require(struct breakpoints *breakpoints, uint64_t address,
                        enum breakpoint_role role, struct breakpoint **ret, struct error *error);
/* Enables or disables one, or all those that have no role but this one. */
int breakpoints_enable(struct breakpoints *breakpoints, struct breakpoint *breakpoint, bool enabled,
                       struct error *error);
int breakpoints_enable_role(struct breakpoints *breakpoints, enum breakpoint_role role,
                            bool enabled, struct error *error);
/* Takes roles away and deletes the breakpoint when they were the last.  Not while a hit is handled.
 */
void breakpoints_release(struct breakpoints *breakpoints, uint64_t address, uint32_t roles);

#endif
