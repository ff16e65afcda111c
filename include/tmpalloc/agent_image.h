/* What the agent in the debuggee counts, as the core reads it from the debuggee's memory.
 *
 * This header is the contract between libtmpalloc-agent.so and the core's reader; nobody else
 * includes it.  AGENT_IMAGE_VERSION grows by one whenever a struct below, the meaning of a field or
 * an exported function changes; the reader refuses other versions with one line.
 *
 * The library exports one data symbol, `tmpalloc_agent_image`, an anchor.  It leads to the image,
 * which is a mapping of its own and begins with an equal anchor, so that the image is found as well
 * in a core file whose library is stripped or gone: as the mapping that begins with the magic.
 *
 * Lists are linked by addresses, 0 ends them.  An element is complete before a link to it is stored
 * and neither moves nor vanishes; new ones are put in front.  Counters have one writer, the thread,
 * and are exact whenever the process is stopped outside the agent.  All numbers are in the
 * debuggee's byte order; only little-endian 64-bit machines have an agent. */
#ifndef TMPALLOC_AGENT_IMAGE_H
#define TMPALLOC_AGENT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "tmpalloc/allocator_functions.h"
#include "tmpalloc/catch_filter.h"

#define AGENT_IMAGE_VERSION     21
#define AGENT_IMAGE_MAGIC       "tmpalloc-agent\x1a" /* 16 bytes with its NUL */
#define AGENT_IMAGE_MAGIC_BYTES 16

/* Every function that is an entry point; its place here is its index everywhere below. */
enum agent_entry_point {
#define AGENT_ENTRY_NUMBER(kind, name, ...) AGENT_ENTRY_##name,
    FOR_EACH_ALLOCATOR_FUNCTION(AGENT_ENTRY_NUMBER)
#undef AGENT_ENTRY_NUMBER
        AGENT_ENTRY_COUNT
};

/* Room for them in the image, and after them for functions that the user named: that of
 * functions[i] has index AGENT_ENTRY_COUNT + i. */
#define AGENT_ENTRY_POINTS_LIMIT 72
#define AGENT_FUNCTIONS          24
/* From here on: functions that are no entry points, but were changed as well. */
#define AGENT_FIRST_OTHER (AGENT_ENTRY_COUNT + AGENT_FUNCTIONS)

/* Tables of functions that are hooked, too. */
#define AGENT_OBJECT_ALLOCATOR_TABLES 2

/* What such a function does. */
enum agent_role {
    AGENT_ALLOCATES,   /* returns a block, NULL is failure */
    AGENT_FREES,       /* a block, NULL is none */
    AGENT_REALLOCATES, /* as realloc does */
    AGENT_ENCLOSES     /* while it is on a thread's stack the thread's calls count */
};

/* How calls of an entry point reach the agent. */
enum agent_hooking {
    AGENT_NOT_HOOKED,  /* they don't: there is no such function, or it doesn't count */
    AGENT_INTERPOSED,  /* the dynamic linker bound them to the agent, which was preloaded */
    AGENT_PATCHED,     /* the function begins with a jump to the agent */
    AGENT_RELOCATED,   /* the loaded files' pointers to it were changed */
    AGENT_HOOK_REFUSED /* they don't, and should: its code and those pointers can't be changed */
};

/* Whether the process has entered a sandbox since the agent is in it, in which a system call may be
 * its end: the agent makes none any more. */
enum agent_sandbox {
    AGENT_NO_SANDBOX,
    AGENT_SANDBOX_ENTERED, /* none of the agent's functions may be called */
    AGENT_SANDBOX_POSSIBLE /* the program's own code can enter one unseen */
};

/* Most frames of a stack. */
#define AGENT_STACK_LIMIT 1024

/* The jump to a hook and the instructions that it displaces end within so many bytes of a function.
 */
#define AGENT_PATCHED_BYTES 32

/* As many breakpoints are known to the agent. */
#define AGENT_BREAKPOINTS 40

/* Most catches at once: each is a bit of a 32-bit number, with some to spare. */
#define AGENT_CATCHES 16

/* Set beside the bits of catches: there is a watched block. */
#define AGENT_WATCHING (UINT32_C(1) << 31)

/* Most allocations between a block's own and its free that are told. */
#define AGENT_BETWEEN_LIMIT 16

/* Registers that call frame information has rules for: x86-64's in DWARF's order, of which the last
 * is the return address.  Most operations of the rules for one address. */
#define AGENT_REGISTERS  17
#define AGENT_OPERATIONS 48

/* Set in a pc of a stack: execution was interrupted exactly there by a signal.  All others are
 * return addresses. */
#define AGENT_PC_EXACT (UINT64_C(1) << 63)

/* Set in a pc of a stack: no address of code, but of a struct agent_python_frame.  Addresses of
 * code and data are below both. */
#define AGENT_PC_PYTHON (UINT64_C(1) << 62)

/* Most bytes of a Python function's or file's name, without a NUL; longer ones are cut. */
#define AGENT_NAME_LIMIT 4096

struct agent_image_anchor {
    char magic[AGENT_IMAGE_MAGIC_BYTES];
    uint32_t version;
    uint32_t image_bytes; /* size of struct agent_image */
    uint64_t image;       /* address of struct agent_image; 0: not set up yet */
};

/* Argument numbers count from 1 to 6, of those in integer registers; 0: no such argument. */
struct agent_function {
    uint64_t address;
    uint8_t role;        /* enum agent_role */
    uint8_t pointer;     /* the block that is freed or reallocated */
    uint8_t size;        /* in bytes */
    uint8_t count;       /* multiplied with size */
    uint32_t size_bytes; /* of its code; 0: not known */
    uint64_t fixed_size; /* of a block, where `size` is no argument */
    uint32_t indirect;   /* 1: the address is that of a resolver, which returns the function's */
    uint32_t reserved;
};

/* In a generation. */
#define AGENT_TRACKS UINT64_C(1)

struct agent_image {
    struct agent_image_anchor anchor;
    uint32_t thread_bytes; /* sizes of the structs below, without arrays at their ends */
    uint32_t site_bytes;
    uint32_t stack_bytes;
    uint32_t max_threshold;
    int64_t pid; /* of the process that writes here */
    /* Changes with every start, stop and reset; AGENT_TRACKS in it: tracking is on.  What a window
     * holds from before the latest start is void. */
    uint64_t generation;
    uint64_t reset_generation; /* the generation that the latest reset began */
    uint64_t first_thread;     /* struct agent_thread */
    uint64_t dropped;          /* events that no thread's record could count */
    uint64_t memory_bytes;     /* that the agent has obtained */
    uint64_t memory_limit_bytes;
    int64_t only_tid;        /* only this thread counts; 0: all do */
    uint32_t mappings;       /* 1: mmap and munmap count */
    uint32_t stack_depth;    /* most frames kept of a stack */
    uint32_t python;         /* 1: Python frames are wanted */
    uint32_t python_version; /* 0x030b: frames of CPython 3.11 are found; 0: of none */
    uint32_t entry_point_count;
    uint32_t free_bytes;                             /* as thread_bytes */
    uint64_t entry_points[AGENT_ENTRY_POINTS_LIMIT]; /* addresses of the allocator's functions; 0:
                                                        not there */
    uint8_t hooking[AGENT_ENTRY_POINTS_LIMIT];       /* enum agent_hooking */
    /* AGENT_PATCHED: the bytes, from the function's first on, that the jump replaces; it ends
     * before `patch_end`. */
    uint8_t patch_start[AGENT_ENTRY_POINTS_LIMIT];
    uint8_t patch_end[AGENT_ENTRY_POINTS_LIMIT];
    /* The debugger's own breakpoints, 0: none, and the bytes in their places, 0: not known.  A
     * debugger that is killed leaves them in the code, where they would end the process. */
    uint64_t breakpoints[AGENT_BREAKPOINTS];
    uint8_t breakpoint_bytes[AGENT_BREAKPOINTS];
    /* What is looked for at each free: bits of `catches`, and AGENT_WATCHING; 0: nothing. */
    uint32_t catching;
    uint32_t catch_anywhere;   /* bits of `catches`: those to which the call site doesn't matter */
    uint64_t catch_generation; /* of the others: a site's answer from another one is void; not 0 */
    struct catch_filter catches[AGENT_CATCHES];
    uint64_t watched; /* address of the block whose free is to be told */
    /* struct agent_site: the next allocation with its call stack, through its entry point, is to be
     * told.  The agent sets it to 0 then. */
    uint64_t awaited;
    /* By entry point that frees: where its hook stops at what is caught, just before it calls the
     * function itself.  The register of the first argument is the address of a struct agent_caught
     * there. */
    uint64_t catch_places[AGENT_ENTRY_POINTS_LIMIT];
    uint32_t function_count;
    uint32_t within; /* 1: calls count only while a function that encloses them is on the stack */
    struct agent_function functions[AGENT_FUNCTIONS];
    /* Where in a window the number of its thread's latest allocation is, a 64-bit word; and how
     * many struct agent_window_entry, a power of two, are where.  The n-th allocation has entry
     * n modulo their number; those before the latest max_threshold + 1 are void. */
    uint32_t window_allocations_off;
    uint32_t window_ring_off;
    uint32_t window_entries;
    uint32_t window_entry_bytes; /* as thread_bytes */
    /* Tables of CPython's allocator functions, as object_allocator_tables.h has them; 0: none. What
     * they lead to becomes functions. */
    uint64_t object_allocator_tables[AGENT_OBJECT_ALLOCATOR_TABLES];
    uint64_t object_allocator_settled; /* address of a word that is 0 while tables may still be
                                          written to */
    uint64_t children;  /* processes that this one has made, which don't count here */
    uint32_t asks;      /* 1: AGENT_TELLS_ASKING is answered */
    uint32_t sandboxed; /* enum agent_sandbox */
};

/* How a register of the caller is found. */
enum agent_rule_kind {
    AGENT_RULE_SAME,       /* as it was in the called frame */
    AGENT_RULE_UNDEFINED,  /* it can't be */
    AGENT_RULE_AT_OFFSET,  /* in memory at the CFA plus offset */
    AGENT_RULE_OFFSET,     /* the CFA plus offset */
    AGENT_RULE_REGISTER,   /* what the register `source` is, plus offset */
    AGENT_RULE_AT_ADDRESS, /* in memory at the address that the operations give */
    AGENT_RULE_VALUE       /* what the operations give */
};

struct agent_rule {
    uint8_t kind; /* enum agent_rule_kind */
    uint8_t source;
    uint8_t first_operation; /* of the code's operations */
    uint8_t operation_count;
    uint32_t reserved;
    int64_t offset;
};

/* Of a DWARF expression, as elfutils' Dwarf_Op has it. */
struct agent_operation {
    uint64_t atom;
    uint64_t number;
    uint64_t number2;
};

/* What the debugger answers about code. */
enum agent_answer {
    AGENT_UNANSWERED,
    AGENT_STACK_ENDS,    /* nothing is known of its frame */
    AGENT_FRAME_KNOWN,   /* by call frame information that isn't in memory */
    AGENT_FRAME_POINTER, /* as the frame pointer says, which the function sets */
    AGENT_FRAME_UNSURE /* the same if the function does, of which it isn't known where it begins */
};

/* Code of which the agent has found no call frame information in memory. */
struct agent_code {
    uint64_t address; /* of an instruction, asked for */
    uint64_t start;   /* the answer holds from here */
    uint64_t end;     /* to before here */
    uint32_t answer;  /* enum agent_answer; the rest is filled in where a frame is known */
    uint32_t signal;  /* 1: the frame called a signal handler: its caller was interrupted */
    struct agent_rule cfa;
    struct agent_rule registers[AGENT_REGISTERS];
    struct agent_operation operations[AGENT_OPERATIONS];
};

/* One thread at a time writes to a record; its counters are sums over all that did. */
struct agent_thread {
    uint64_t next;       /* struct agent_thread */
    uint64_t first_site; /* struct agent_site */
    uint64_t generation; /* of the image, when the thread last looked */
    /* Below the image's: all counters of the thread and its sites were reset, whatever they say. */
    uint64_t reset_generation;
    int64_t tid; /* of the latest thread */
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t deallocations;
    uint64_t cross_thread_frees;
    uint64_t dropped;
    uint64_t entries; /* outermost calls of functions that enclose what counts */
    uint64_t window;
    /* Address of the 32-bit word of the robust futex that the thread holds until it ends: it lives
     * unless that is 0 or has FUTEX_OWNER_DIED, see linux/futex.h.  The window of one that has
     * ended is void. */
    uint64_t life;
};

/* A block in the window of a thread. */
struct agent_window_entry {
    uint64_t address; /* 0: none, or freed */
    uint64_t size_bytes;
    uint64_t site; /* struct agent_site */
};

struct agent_distance {
    uint64_t count;
    uint64_t bytes;
};

/* Which threads allocated at a site. */
struct agent_site_thread {
    uint64_t next; /* struct agent_site_thread */
    int64_t tid;
};

#define AGENT_CHAIN_SIZES 65

/* Growth chains, as chains.h has them. */
struct agent_chains {
    uint64_t count;
    uint64_t steps;
    uint64_t replaced_bytes;
    uint64_t longest;
    uint64_t largest;
    uint64_t final_sizes[AGENT_CHAIN_SIZES];
};

/* One thread record's allocations with one call stack through one entry point. */
struct agent_site {
    uint64_t next;          /* struct agent_site */
    uint64_t stack;         /* struct agent_stack */
    uint64_t threads;       /* struct agent_site_thread */
    uint64_t first_free;    /* struct agent_free; never 0 */
    uint32_t entry_point;   /* index in entry_points */
    uint32_t catch_matches; /* bits of the image's catches: those that the site is one of */
    uint64_t allocations;
    uint64_t allocated_bytes;
    uint64_t min_size;
    uint64_t max_size;
    uint64_t larger; /* than the same thread's previous block of the site */
    uint64_t equal;  /* as large as it */
    uint64_t by_realloc;
    uint64_t chains; /* struct agent_chains; 0: there were none */
    /* The agent's own, to continue the above. */
    uint64_t previous_size;
    uint64_t visit;  /* which thread allocated here last, and since which reset */
    uint64_t latest; /* the number of that thread's latest block */
    uint64_t free_return_address;
    uint64_t free_return_slot;
    uint64_t same_free;        /* struct agent_free of the call with these; 0: there is none */
    uint64_t same_stack;       /* struct agent_site with another entry point */
    uint64_t catch_generation; /* of the image when that was decided; 0: never */
};

/* An allocation after that of a block that is caught. */
struct agent_between {
    uint64_t size_bytes;
    uint64_t site; /* struct agent_site */
};

/* A temporary that is about to be freed, or a block that was allocated or is about to be freed.
 * Valid until its thread goes on. */
struct agent_caught {
    uint64_t address;
    uint64_t size_bytes;
    uint64_t distance;
    uint64_t site;          /* struct agent_site */
    uint64_t free_stack;    /* struct agent_stack of the freeing call; 0: not known */
    uint32_t entry_point;   /* of that call */
    uint32_t catches;       /* bits: those to stop for */
    uint32_t between_count; /* of `between`, which has the first ones of `distance` */
    uint32_t reserved;
    struct agent_between between[AGENT_BETWEEN_LIMIT];
};

/* Temporaries of a site that were freed with one call stack through one entry point.  Of a site
 * with several the first has been seen first. */
struct agent_free {
    uint64_t next;                       /* struct agent_free */
    uint64_t stack;                      /* struct agent_stack; 0: not known */
    uint32_t entry_point;                /* index in entry_points */
    uint32_t used;                       /* 0: it stands for nothing yet */
    struct agent_distance by_distance[]; /* max_threshold + 1 */
};

/* A line of a Python function.  Names are UTF-8 as far as the interpreter's are. */
struct agent_python_frame {
    uint64_t function; /* address of its name's bytes */
    uint64_t file;
    uint32_t function_bytes;
    uint32_t file_bytes;
    uint32_t line; /* 0: unknown */
    uint32_t reserved;
};

/* A call stack. */
struct agent_stack {
    uint32_t count;
    uint32_t truncated;  /* 1: it goes on outwards, but nothing is known of that */
    uint32_t generation; /* how often files had been unloaded when it was first seen */
    uint32_t modules;    /* hash of the files that the pcs were in */
    uint64_t owner;      /* the agent's own */
    uint64_t pcs[]; /* pcs[0] is the return address of the allocator call, the outermost is last */
};

#define AGENT_IMAGE_LAYOUT(structure, size, last, offset)                                          \
    _Static_assert(sizeof(struct structure) == (size) &&                                           \
                       offsetof(struct structure, last) == (offset),                               \
                   #structure " is part of the contract")

AGENT_IMAGE_LAYOUT(agent_image_anchor, 32, image, 24);
AGENT_IMAGE_LAYOUT(agent_image, 3240, sandboxed, 3236);
AGENT_IMAGE_LAYOUT(agent_rule, 16, offset, 8);
AGENT_IMAGE_LAYOUT(agent_operation, 24, number2, 16);
AGENT_IMAGE_LAYOUT(agent_code, 1472, operations, 320);
AGENT_IMAGE_LAYOUT(catch_filter, 32, reserved, 28);
AGENT_IMAGE_LAYOUT(agent_function, 32, indirect, 24);
_Static_assert(AGENT_FIRST_OTHER <= AGENT_ENTRY_POINTS_LIMIT, "the image has a place for each");
_Static_assert(AGENT_ENTRY_COUNT == 40, "the entry points' numbers are part of the contract");
AGENT_IMAGE_LAYOUT(agent_thread, 104, life, 96);
AGENT_IMAGE_LAYOUT(agent_window_entry, 24, site, 16);
AGENT_IMAGE_LAYOUT(agent_distance, 16, bytes, 8);
AGENT_IMAGE_LAYOUT(agent_site_thread, 16, tid, 8);
AGENT_IMAGE_LAYOUT(agent_chains, 560, final_sizes, 40);
AGENT_IMAGE_LAYOUT(agent_site, 168, catch_generation, 160);
AGENT_IMAGE_LAYOUT(agent_between, 16, site, 8);
AGENT_IMAGE_LAYOUT(agent_caught, 312, between, 56);
AGENT_IMAGE_LAYOUT(agent_free, 24, by_distance, 24);
AGENT_IMAGE_LAYOUT(agent_python_frame, 32, reserved, 28);
AGENT_IMAGE_LAYOUT(agent_stack, 24, pcs, 24);

/* What the agent tells the debugger. */
enum agent_tells {
    AGENT_TELLS_READY,     /* the image is there, or again in a fork's child; about nothing */
    AGENT_TELLS_HOOKED,    /* functions are, as `hooking` says, or aren't; about nothing */
    AGENT_TELLS_UNDECIDED, /* about a struct agent_site: its catch_generation isn't the image's */
    AGENT_TELLS_ALLOCATED, /* about a struct agent_caught of what was awaited: its address,
                              size_bytes and site */
    AGENT_TELLS_FREED,     /* what is watched is about to be freed; about nothing */
    AGENT_TELLS_ASKING,    /* about a struct agent_code, to be filled in */
    AGENT_TELLS_EXITING,   /* syscall() is about to end the process; about nothing */
    AGENT_TELLS_EXECING    /* or to execute another program */
};

/* How a debugger controls the agent while the process is stopped.
 *
 * It starts, stops and resets by writing to the image, which needs no call and is possible at any
 * stop.  With g for the generation: start writes (g | 1) + 2, stop (g & ~1) + 2.  Reset writes 0 to
 * dropped and children, g + 2 to reset_generation, and then to generation.  To read what threads
 * that run on would change meanwhile, it takes AGENT_TRACKS away and puts it back.  only_tid,
 * mappings, python, within and asks may be written before a start, breakpoints and breakpoint_bytes
 * at any time.
 *
 * It catches by writing to `catches`, catch_anywhere, a new catch_generation, and at last catching,
 * at any stop; and catch_matches and catch_generation of a site when it is asked for them.  It
 * watches by writing to `awaited`, together with another number in the low half of the visit of
 * each site with that call stack, or `watched`.  Breakpoints are needed at `catch_places`, and at a
 * function of the library that does nothing:
 *
 * tell(reason, about): an enum agent_tells and the address of what it is about.  The thread goes on
 * at once, whatever the debugger has written meanwhile.
 *
 * The rest are functions that the library exports; 0 is success, else a negative tmpalloc_status.
 *
 * install(max_threshold, stack_depth, memory_limit_bytes, addresses, count, unannounced): for a
 * library that was loaded after the program's start.  Makes the image, unless there is one, and
 * hooks every entry point, again if it was hooked; `hooking` tells what became of each.  A function
 * in which one of these addresses, of breakpoints, is within the bytes that a jump would replace,
 * but isn't the first of them, isn't patched: it would never be executed.  unannounced: more such
 * breakpoints may come without another call; no code breaks by them, but they aren't executed.
 * The caller may be in the middle of no function of the allocator or the dynamic linker, and other
 * threads may be about to execute none of the first 32 bytes of an entry point but its first.
 * Tracking ends when no debugger traces the process any more.  TMPALLOC_E_NOMEM;
 * TMPALLOC_E_UNSUPPORTED: malloc or free is refused, and nothing is hooked.
 *
 * hook(functions, count, addresses, address_count, unannounced): hooks functions in addition, and
 * what `tables` lead to, after install() and under the same conditions.  They are added to
 * `functions`, where each keeps its place; `hooking` tells what became of it.
 * TMPALLOC_E_UNSUPPORTED: one is refused, or there are too many; TMPALLOC_E_NOMEM.
 *
 * An agent that was preloaded with the word `functions` does the same by itself: a debugger that is
 * told that it is ready writes functions and function_count.  It starts unless there are none or
 * one is refused.
 *
 * uninstall(): undoes all that, if it was done.  May be called at any stop. */
#define AGENT_IMAGE_SYMBOL     "tmpalloc_agent_image"
#define AGENT_INSTALL_SYMBOL   "tmpalloc_agent_install"
#define AGENT_UNINSTALL_SYMBOL "tmpalloc_agent_uninstall"
#define AGENT_TELL_SYMBOL      "tmpalloc_agent_tell"
#define AGENT_HOOK_SYMBOL      "tmpalloc_agent_hook"

/* The environment variable that the library reads when it is preloaded, and removes together with
 * itself: words separated by commas, in any order, unknown ones are ignored.
 *     start                 tracking is on before the first library constructor
 *     traced                tracking ends when no debugger traces the process any more
 *     max-threshold=N       default AGENT_DEFAULT_MAX_THRESHOLD
 *     memory-limit=BYTES    default AGENT_DEFAULT_MEMORY_LIMIT
 *     stack-depth=N         default AGENT_STACK_LIMIT
 *     mappings              mmap and munmap count
 *     python                Python frames are wanted
 *     asks                  AGENT_TELLS_ASKING is answered
 *     functions             functions that the user named are hooked first, see hook()
 *     unannounced           as for hook()
 *     within                calls count only while such a function is on the stack */
#define AGENT_ENVIRONMENT           "TMPALLOC_AGENT"
#define AGENT_DEFAULT_MAX_THRESHOLD 16
#define AGENT_DEFAULT_MEMORY_LIMIT  (UINT64_C(64) << 20)

#endif
