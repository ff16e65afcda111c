/* Loaded files that neither a debugger nor the dynamic linker's list tells. */
#ifndef TMPALLOC_MAPPED_FILES_H
#define TMPALLOC_MAPPED_FILES_H

#include <stdint.h>

#include "tmpalloc/tmpalloc.h"

/* Calls emit(arg, module) for each file that is mapped into a process of this machine as code, in
 * the order in which glibc loads files; none where its files have other paths than ours.
 * TMPALLOC_OK, TMPALLOC_E_NOMEM or what emit returned instead. */
int mapped_files_for_each(int64_t pid, tmpalloc_emit_module emit, void *arg);

#endif
