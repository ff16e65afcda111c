/* What Linux tells of a process on this machine. */
#ifndef TMPALLOC_PROCESS_LINUX_H
#define TMPALLOC_PROCESS_LINUX_H

#include <stdbool.h>
#include <stdint.h>

/* Whether one of its threads has a seccomp filter that this process doesn't have, or is in the
 * strict mode: a system call that the debugger makes it do may be its end.  Filters of a container
 * are ours, too, and let us live.  False where that is unknown, or pid is 0. */
bool process_is_sandboxed(int64_t pid);

#endif
