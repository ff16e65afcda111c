/* What Linux tells of a process on this machine. */
#ifndef TMPALLOC_PROCESS_LINUX_H
#define TMPALLOC_PROCESS_LINUX_H

#include <stdbool.h>
#include <stdint.h>

#include "support/text.h"

/* Whether one of its threads has a seccomp filter that this process doesn't have, or is in the
 * strict mode: a system call that the debugger makes it do may be its end.  Filters of a container
 * are ours, too, and let us live.  False where that is unknown, or pid is 0. */
bool process_is_sandboxed(int64_t pid);

/* Appends the arguments that it was started with, each ended by a NUL; nothing where they are
 * unknown. */
void process_arguments(int64_t pid, struct text *text);

/* The process that has started it, or taken it over; 0: it has ended, or isn't known. */
int64_t process_parent(int64_t pid);

/* Appends the name of one of its threads; nothing where it is unknown. */
void process_thread_name(int64_t pid, int64_t tid, struct text *text);

/* Whether whoever traces it has started it. */
bool process_is_started_by_tracer(int64_t pid);

#endif
