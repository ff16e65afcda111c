/* The "shell" by which GDB starts the program: it gives it back what GDB has changed. */
#ifndef TMPALLOC_RUN_EXEC_H
#define TMPALLOC_RUN_EXEC_H

#include <stdbool.h>

/* Of the environment of the debugger: where its driver tells what happens, then the program's
 * standard files and process group, each a number; the drivers in ../../gdb and ../../lldb read the
 * others. */
#define RUN_VARIABLE "TMPALLOC_RUN"
/* What the program calls itself. */
#define RUN_NAME RUN_VARIABLE "_NAME"
/* Before the names of variables that debuggers change. */
#define RUN_KEPT RUN_VARIABLE "_KEPT_"

/* Before the debugger is started: keeps the variables that it changes. */
void run_exec_keep(void);

/* Whether this process is to be the program: called by GDB as SHELL -c "exec ...". */
bool run_exec_is_asked(char **words);

/* Becomes the program; returns the status of a shell that can't. */
int run_exec(char **words);

#endif
