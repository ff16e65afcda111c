/* Frames in, function names and source lines out. */
#ifndef TMPALLOC_SYMBOLIZER_H
#define TMPALLOC_SYMBOLIZER_H

#include "names/debug_files.h"
#include "names/modules.h"

/* One function activation; inlined functions have one of their own.  Strings belong to the
 * symbolizer; NULL means unknown, never a guess. */
struct symbol {
    uint64_t address;     /* run-time address of the physical frame */
    uint64_t offset;      /* the same within the module's file */
    const char *function; /* demangled, without parameters */
    const char *file;     /* as in the debug information, made absolute with its directory */
    const char *module;   /* path of the ELF file */
    const char *build_id; /* of that file, in hexadecimal digits */
    uint32_t line;        /* 0: unknown */
    bool inlined;         /* inlined into the next symbol */
    bool python;          /* a Python function */
};

struct symbolizer;

int symbolizer_create(struct modules *modules, struct symbolizer **ret);
void symbolizer_destroy(struct symbolizer *symbolizer);

/* Stores a number for a Python function at a line (0: unknown) in *ret: the offset of frames of the
 * module FRAME_PYTHON.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int symbolizer_add_python(struct symbolizer *symbolizer, const char *function, const char *file,
                          uint32_t line, uint64_t *ret);

/* The activations at a frame, innermost first, at least one.  Cached; valid until destroy.
 * TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int symbolizer_resolve(struct symbolizer *symbolizer, const struct frame *frame,
                       const struct symbol **ret, size_t *count_ret);

/* The directories, absolute ones, that units of this file were compiled in; NULL-terminated,
 * cached; NULL: it isn't loaded, has no debug information, or without memory. */
const char *const *symbolizer_directories(struct symbolizer *symbolizer, const char *path);

/* How many files of split debug information were missing so far, so that inlined functions were
 * left out; the first one's name, and the path of the module that names it. */
size_t symbolizer_missing(const struct symbolizer *symbolizer, const char **name_ret,
                          const char **module_ret);
/* How many modules whose names were looked for lack this; the first one's file and path. */
size_t symbolizer_lacking(const struct symbolizer *symbolizer, enum debug_lack lack,
                          const char **name_ret, const char **module_ret);

#endif
