/* The debugger and the debuggee of session_calls.c. */
#ifndef SESSION_WORLD_H
#define SESSION_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tmpalloc/tmpalloc.h"

#define BREAKPOINTS 64
#define STACK_CELLS 64
#define THREAD_KEY  7

/* Every frame of `caller` is its return address alone; `outermost` has no caller. */
extern char caller_a[], caller_b[], outermost[];

struct breakpoint {
    uint64_t id;
    uint64_t address;
    bool enabled;
};

struct session_world {
    struct breakpoint breakpoints[BREAKPOINTS];
    size_t count;
    size_t hardware_limit;
    uint64_t stack[STACK_CELLS];
    uint64_t rsp, rdi, rsi, rdx, rax, pc;
    int64_t pid;
    const char *architecture; /* NULL: x86_64 */
    bool registers_fail;
    char message[1024];
    bool batch;
    uint64_t failed; /* the variables of these names */
    uint64_t size;
    uint64_t selected_pc; /* of the frame that was selected */
    uint64_t watched;     /* address of the watchpoint; 0: there is none */
    size_t catches;       /* that are breakpoints of the user's */
    char reason[128];     /* why one stops the program */
    bool stops;           /* what the latest hit was answered with */
    int32_t exit_status;  /* -1: the debugger goes on */
    tmpalloc_session *session;
    bool faults; /* allocations may fail: answers are only checked to be clean */
};

extern struct session_world world;
extern int failures;

/* What doesn't hold is printed and counted. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!world.faults && !(condition)) {                                                       \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

void world_begin(void);
void world_end(void);

/* The debuggee. */

/* Where the program's calls of this function go. */
uint64_t address_of(const char *function);
/* Of the breakpoints. */
size_t enabled_count(void);
/* Arrives at an address with this stack pointer; false: no breakpoint stops there. */
bool arrive(uint64_t address, uint64_t *stack_pointer);
/* The stack at the entry of a function that `caller` called, `depth` cells below the top. */
uint64_t *make_stack(const char *caller, size_t depth);
void enter(const char *function, uint64_t *stack, uint64_t rdi, uint64_t rsi);
/* To the caller, with what the function returns. */
bool leave(uint64_t *stack, uint64_t result);
void allocate(uint64_t *stack, uint64_t size, uint64_t address);

/* The user: the text of a command's answer, which must have this status, and be one line if it
 * failed. */
const char *say(const char *line, int wanted);
const char *say_data(const char *line, int wanted);
/* Whether a command that succeeds says this part. */
bool says(const char *line, const char *part);

#endif
