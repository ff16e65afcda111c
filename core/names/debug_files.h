/* Separate debug files: by build id, and by .gnu_debuglink with its checksum.
 *
 * elfutils' own search (dwfl_standard_find_debuginfo, and dwfl_build_id_find_elf for executables)
 * asks debuginfod servers when DEBUGINFOD_URLS is set; these callbacks look at files only. */
#ifndef TMPALLOC_DEBUG_FILES_H
#define TMPALLOC_DEBUG_FILES_H

#include <elfutils/libdwfl.h>

#define DEBUG_FILES_DIRECTORIES "/usr/lib/debug"

/* struct Dwfl_Callbacks' find_elf: finds nothing, since every file is reported open. */
int debug_files_find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                         char **file_name, Elf **elf);

/* Its find_debuginfo.  *userdata must be a `const char *` (colon-separated absolute directories,
 * the same as the callbacks' debuginfo_path). */
int debug_files_find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                     const char *file_name, const char *link_name, GElf_Word link_crc,
                     char **found_name);

/* What lines or names depend on and isn't there. */
enum debug_lack {
    DEBUG_LACKS_NOTHING,  /* that is known */
    DEBUG_LACKS_DWZ,      /* the file that others have parts of their debug information in, too */
    DEBUG_LACKS_OWN,      /* the debug file: what is in its place belongs to another file */
    DEBUG_LACKS_READABLE, /* it is compressed in a way that elfutils here doesn't know */
    DEBUG_LACKS_LINES     /* there are line tables that elfutils here can't read */
};

/* `dwarf` is the module's, or NULL.  Where it lacks something `name` becomes the file's. */
enum debug_lack debug_files_lack(Dwfl_Module *module, Dwarf *dwarf, char *name, size_t size);

#endif
