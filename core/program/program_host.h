/* A host without a debugger: no process, no files, and somewhere for messages and verdicts. */
#ifndef TMPALLOC_PROGRAM_HOST_H
#define TMPALLOC_PROGRAM_HOST_H

#include "tmpalloc/tmpalloc.h"

/* `exit_status` gets what check ends a debugger with, and lives as long as the host. */
struct tmpalloc_host program_host(int32_t *exit_status);

#endif
