/* `tmpalloc run`: a program beneath a debugger that nobody sees. */
#ifndef TMPALLOC_RUN_H
#define TMPALLOC_RUN_H

/* `words` follow `run` and end with NULL.  Returns the program's own status, as a shell has it;
 * when that is 0 the verdict, or 2 when a file couldn't be written; 125 for a failure of ours, 126
 * and 127 when the program can't be executed or isn't there. */
int run(char **words);

#endif
