/* What the kernel would execute for a program's name, and what a shell says when it can't. */
#ifndef TMPALLOC_RUN_PROGRAM_H
#define TMPALLOC_RUN_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#define RUN_NOT_EXECUTABLE 126
#define RUN_NOT_FOUND      127

struct run_program {
    char path[PATH_MAX];   /* the executable, a script's interpreter */
    char script[PATH_MAX]; /* "": it is none */
    char line[PATH_MAX];   /* the first line of a script, which `words` may point into */
    char **words;          /* all arguments, with the program's own name for itself */
};

/* `given` are the program and its arguments, end with NULL and outlive *ret, which is to be
 * deinitialized in any case.  0, RUN_NOT_EXECUTABLE or RUN_NOT_FOUND, with the line told to
 * standard error. */
int run_program_find(char **given, struct run_program *ret);
void run_program_deinit(struct run_program *program);

/* Whether a program of this name is on PATH. */
bool run_program_is_there(const char *name);

#endif
