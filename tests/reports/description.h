/* Profiles described by text, for tests.
 *
 * A description has one item per line; `|` separates fields, `-` is an unknown one, \n is a
 * newline.
 *
 *   engine NAME | process PID EXECUTABLE ARGUMENT... | threshold ASKED LARGEST
 *   interpreter MODULE                           whose own frames can be left out
 *   totals ALLOCATIONS BYTES DEALLOCATIONS CROSS_THREAD_FREES DROPPED
 *   frame ID | FUNCTION | FILE:LINE | MODULE     a physical frame (python ID: a Python frame)
 *   build-id MODULE HEX                          of the frames above that are in this module
 *   within ID | FUNCTION | FILE:LINE | MODULE    where the frame's functions so far are inlined
 *   site ID...                                   a call stack, innermost first; "..." at its end
 *                                                means truncated; the lines below belong to it:
 *   temporaries DISTANCE COUNT BYTES | allocations COUNT BYTES | sizes MIN MAX | larger N | equal N
 *   chains COUNT STEPS REPLACED_BYTES LONGEST LARGEST K CHAINS... | realloc N | threads TID... |
 * free ID... | scope DISTANCE SHARED_FRAMES COUNT BYTES FREE, which of the site's above from 1 on,
 * without it an unknown one | block ADDRESS SIZE AGE TID
 */
#ifndef DESCRIPTION_H
#define DESCRIPTION_H

#include "profile/profile.h"
#include "support/map.h"

#define WORDS_MAX 64

struct symbolizer {
    struct group *groups;
    size_t count;
    struct map by_id; /* hash of the id to index */
};

struct description {
    struct symbolizer symbolizer;
    struct stacks *stacks;
    struct snapshot snapshot;
    size_t capacity;
    size_t block_capacity;
    char *engine;
    int64_t pid;
    char *executable;
    char *interpreter;
    char *arguments[WORDS_MAX];
    bool has_arguments;
    uint32_t threshold;
};

/* Ends the program with status 3. */
void die(const char *what, const char *line) __attribute__((noreturn));
/* A whole number, or die(). */
uint64_t number(const char *word);

/* Reads a description from standard input; what is wrong with it ends the program. */
void description_read(struct description *description);
int description_profile(struct description *description, bool native_frames, struct error *error,
                        struct profile **ret);

#endif
