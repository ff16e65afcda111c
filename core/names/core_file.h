/* Core files, as ELF files with the memory of a process that was. */
#ifndef TMPALLOC_CORE_FILE_H
#define TMPALLOC_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/error.h"

/* The address of the first mapping whose content begins with these bytes.  The file is untrusted.
 * TMPALLOC_OK; TMPALLOC_E_STATE: there is none; TMPALLOC_E_IO: it is no core file that can be read.
 */
int core_file_find(const char *path, const void *bytes, size_t size, uint64_t *address_ret,
                   struct error *error);

/* Memory that the core file itself holds; a debugger takes what is missing from other files. False:
 * it isn't there. */
bool core_file_memory(const char *path, uint64_t address, void *buffer, size_t size);

#endif
