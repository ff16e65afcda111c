/* The files of a process of this machine, as its dynamic linker lists and names them (<link.h>).
 *
 * Nothing is asked of the debugger, which may take its time to answer, or be in the middle of
 * something.  A look at a list that has not changed costs a few reads. */
#ifndef TMPALLOC_PROCESS_FILES_H
#define TMPALLOC_PROCESS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names/modules.h"

struct process_files {
    struct loaded_file *items; /* in search order; their names are owned */
    size_t count;
    size_t capacity;
    struct process_link *links; /* what they were made of, and */
    size_t link_count;
    size_t link_capacity;
    struct process_piece *pieces; /* what was read for it: all is the same as long as these are */
    size_t piece_count;
    size_t piece_capacity;
    bool told;             /* the debugger says that it isn't what it was */
    uint64_t time_used_ns; /* by the process when they were read; no more: it has not run since */
};

/* All zeros: nothing was looked at yet; so it is again afterwards. */
void process_files_deinit(struct process_files *files);

/* Looks at the stopped process.  *changed_ret: it isn't what it was, and all is made anew.
 * TMPALLOC_E_UNSUPPORTED: the process can't be read, or has no such list; TMPALLOC_E_NOMEM.  After
 * a failure the next look finds a change. */
int process_files_update(struct process_files *files, int64_t pid, bool *changed_ret);

#endif
