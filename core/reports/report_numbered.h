/* What a document writes once and names by number: strings, frames and call stacks. */
#ifndef TMPALLOC_REPORT_NUMBERED_H
#define TMPALLOC_REPORT_NUMBERED_H

#include "profile/profile.h"
#include "profile/profile_symbols.h"

#define NUMBERED_NONE UINT32_MAX

struct numbered_frame {
    const struct symbol *symbol;
    uint32_t number; /* in the order of addition */
    uint64_t uses;   /* in stacks */
    bool entry;      /* it is an entry point that was counted */
};

struct report_numbered {
    struct arena storage;
    struct profile_symbols symbols; /* of which each is different */
    struct map string_numbers;      /* address of one of their strings to its number */
    struct map frame_numbers;       /* address of a symbol, also of the profile's own */
    struct map stack_numbers;       /* address of a stack's symbols */
    const char **strings;
    size_t string_count;
    size_t string_capacity;
    struct numbered_frame *frames;
    size_t frame_count;
    size_t frame_capacity;
    const struct profile_stack **stacks;
    size_t stack_count;
    size_t stack_capacity;
    uint32_t *places; /* by number of a frame: its place in the document */
};

void report_numbered_init(struct report_numbered *numbered);
void report_numbered_deinit(struct report_numbered *numbered);

/* Adds a stack with its frames and their strings.  The stack is referred to.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM. */
int report_numbered_add(struct report_numbered *numbered, const struct profile_stack *stack);
/* After the last stack: frames get their places, those that are used most the lowest ones, which
 * are the shortest to write.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int report_numbered_place(struct report_numbered *numbered);

/* Of what was added. */
uint32_t report_numbered_string(const struct report_numbered *numbered, const char *string);
uint32_t report_numbered_frame(const struct report_numbered *numbered, const struct symbol *symbol);
uint32_t report_numbered_stack(const struct report_numbered *numbered,
                               const struct profile_stack *stack);

#endif
