/* What the debugger told the agent through the environment. */
#ifndef TMPALLOC_ENVIRONMENT_H
#define TMPALLOC_ENVIRONMENT_H

#include "agent/count/image.h"

struct environment_options {
    bool start;
    bool functions;   /* some are to be hooked first */
    bool unannounced; /* the debugger sets breakpoints there without a word */
    bool traced;      /* tracking ends when no debugger traces the process any more */
    struct image_options image;
};

/* The dynamic linker gives the environment to constructors; nothing below is called before. */
void environment_begin(char **given);
bool environment_is_known(void);

/* Whether the options are there. */
bool environment_has_options(void);

/* Takes the options, and both their variable and this library in LD_PRELOAD, out of the
 * environment, so that neither the program nor its children see them. */
void environment_take(struct environment_options *ret);

#endif
