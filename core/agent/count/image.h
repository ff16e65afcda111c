/* The image that the debugger reads, and whether tracking is on. */
#ifndef TMPALLOC_IMAGE_H
#define TMPALLOC_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "tmpalloc/agent_image.h"

/* Of this process; never NULL.  Before image_create() it is an empty one that is not tracking. */
extern struct agent_image *image;

/* A lone store or load of a field that another thread, or the debugger, uses meanwhile. */
#define IMAGE_LOAD(place)         __atomic_load_n((place), __ATOMIC_ACQUIRE)
#define IMAGE_STORE(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)

static inline bool image_tracks(uint64_t generation) {
    return generation & AGENT_TRACKS;
}

struct image_options {
    uint32_t max_threshold;
    uint32_t stack_depth; /* 1..AGENT_STACK_LIMIT */
    uint64_t memory_limit_bytes;
    bool mappings; /* mmap and munmap count */
    bool python;   /* Python frames are wanted */
    bool asks;     /* the debugger answers what is asked of code */
    bool within;   /* calls count only while a function that encloses them is on the stack */
};

#define IMAGE_DEFAULTS                                                                             \
    {                                                                                              \
        .max_threshold = AGENT_DEFAULT_MAX_THRESHOLD, .stack_depth = AGENT_STACK_LIMIT,            \
        .memory_limit_bytes = AGENT_DEFAULT_MEMORY_LIMIT                                           \
    }

/* Maps it, in its final place, not yet to be found.  The options are those of the process from now
 * on.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int image_create(const struct image_options *options);
/* Lets the debugger find it. */
void image_publish(void);

/* Each begins a new generation. */
void image_start(void);
/* Stops; false: a debugger has begun another generation meanwhile. */
bool image_end(uint64_t generation);
void image_reset(void);

/* Puts a new link in front of a list whose first link is at *place. */
static inline void image_link(uint64_t *place, uint64_t *next, const void *element) {
    *next = *place;
    IMAGE_STORE(place, (uint64_t)(uintptr_t)element);
}

/* The kernel empties the image in a new process, so one that was made without fork() tracks
 * nothing; these bring it back, with all counters reset. */
void image_before_fork(void);
void image_in_child(void);

/* An event that no thread's record could count. */
void image_count_dropped(void);
/* The process has made another one, which is not counted here. */
void image_count_child(void);

#endif
