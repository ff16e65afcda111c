/* The files mapped into the debuggee.
 *
 * Module numbers are given in the order of first sight and never reused: a file stays known after
 * it was unloaded or the process ended, so that its frames can be symbolized later.  The same path
 * with the same build id is the same module, wherever it is loaded. */
#ifndef TMPALLOC_MODULES_H
#define TMPALLOC_MODULES_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

#include "names/elf_file.h"
#include "names/function_symbols.h"
#include "names/module_file.h"
#include "platform/c_libraries.h"
#include "support/error.h"
#include "tables/stacks.h"

struct modules;

int modules_create(struct modules **ret);
void modules_destroy(struct modules *modules);

/* Where separate debug files are looked for besides the file's own directory and its .debug: a
 * colon-separated list of absolute directories, DEBUG_FILES_DIRECTORIES at first.  To be called
 * before the first file is looked into.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int modules_set_debug_directories(struct modules *modules, const char *directories);

/* The process or core file whose memory decides which files are believed. */
void modules_set_process(struct modules *modules, const struct module_process *process);

/* Called when files are about to be loaded where others have been, and addresses still mean the
 * others; what it returns, if not TMPALLOC_OK, modules_update() does.  NULL: nothing is. */
typedef int (*modules_replacing)(void *arg, struct error *error);
void modules_set_replacing(struct modules *modules, modules_replacing replacing, void *arg);

/* Replaces the current layout by the `count` files that are loaded now, in search order.  A file is
 * looked for by its name, then in the process' root and in its memory; files that can't be read, or
 * that aren't the ones in memory, are skipped.  *changed_ret (may be NULL): the layout is not what
 * it was. */
int modules_update(struct modules *modules, const struct loaded_file *loaded, size_t count,
                   bool *changed_ret, struct error *error);
/* How many files were skipped, and the first one's path ("": none). */
size_t modules_unmatched(const struct modules *modules, const char **path_ret);
/* The same of loaded files with debug information that can't be read. */
size_t modules_compressed(const struct modules *modules, const char **path_ret);
/* Grows whenever a file was unloaded: what was learned about addresses before is void. */
uint64_t modules_generation(const struct modules *modules);

/* A run-time address as a frame. */
struct frame modules_frame(const struct modules *modules, uint64_t address, bool exact);
/* The same for an address that was seen at some time: where nothing is loaded now, the file is
 * meant that was unloaded there last. */
struct frame modules_past_frame(const struct modules *modules, uint64_t address, bool exact);
/* The run-time address of a frame where its module was loaded last; for display. */
uint64_t modules_address(const struct modules *modules, const struct frame *frame);

/* Path of a module, and a libdwfl module of that file alone at its link-time addresses (bias 0),
 * for unwinding and symbolization; opened on first use, NULL when the file is gone or another one
 * took its place.  Owned by `modules`.  No debuginfod server is ever asked. */
const char *modules_path(const struct modules *modules, uint32_t module);
const struct elf_build_id *modules_build_id(const struct modules *modules, uint32_t module);
Dwfl_Module *modules_dwfl(struct modules *modules, uint32_t module);
/* The functions in the module's symbol table, for function_symbols_covering(); empty when the file
 * is gone.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int modules_functions(struct modules *modules, uint32_t module, const struct intervals **ret);

/* A function found by name. */
struct module_symbol {
    const char *name;    /* as asked for */
    uint64_t address;    /* run-time */
    uint64_t size_bytes; /* of its code; 0: unknown */
    uint32_t module;
    bool exported; /* in the dynamic symbol table */
    /* STT_GNU_IFUNC: the address is that of a resolver, which the dynamic linker calls to be told
     * the function's; modules_follow() looks for that. */
    bool indirect;
};

/* Number of files now loaded; the i-th in search order as a module number. */
size_t modules_loaded_count(const struct modules *modules);
uint32_t modules_loaded(const struct modules *modules, size_t i);
/* Whether the i-th is loaded before it, too, as dlmopen() does; addresses of functions are those of
 * the first place, *shift_ret leads from there to this one. */
bool modules_is_repeated(const struct modules *modules, size_t i, uint64_t *shift_ret);
bool modules_repeats_soname(struct modules *modules, const char *soname);
/* Whether the dynamic linker binds the file (false: a static executable), and its DT_SONAME or "".
 */
bool modules_is_dynamic(struct modules *modules, uint32_t module);
bool modules_is_library(struct modules *modules, uint32_t module); /* names no dynamic linker */
const char *modules_soname(struct modules *modules, uint32_t module);
bool modules_is_dynamic_linker(struct modules *modules, uint32_t module);
/* The file of the C library; *ret is untouched where there is none. */
bool modules_find_c_library(struct modules *modules, uint32_t *ret);
/* The process' C library; where it has no file of its own, the usual one. */
const struct c_library *modules_c_library(struct modules *modules);
/* Looks a defined function up by its symbol name in one loaded file: in its dynamic symbol table,
 * and when exported_only is false also in .symtab and its separate debug file.  It may be indirect.
 */
bool modules_find_function(struct modules *modules, uint32_t module, const char *name,
                           bool exported_only, struct module_symbol *ret);
/* Looks an exported variable up in one loaded file. */
bool modules_find_object(struct modules *modules, uint32_t module, const char *name,
                         uint64_t *address_ret);
/* The definition of a function that the dynamic linker binds to: the first in search order, one
 * file (FRAME_NO_MODULE: none) left aside. */
bool modules_find_binding(struct modules *modules, const char *name, uint32_t ignored,
                          struct module_symbol *ret);
/* Makes an indirect function the one that calls of it reach, as the loaded files' pointers have it
 * (those of one file, or FRAME_NO_MODULE, left aside) or as it was learned; others stay as they
 * are. False: no pointer has it yet. */
bool modules_follow(struct modules *modules, uint32_t ignored, struct module_symbol *symbol);
/* A resolver returned this. */
void modules_learn_target(struct modules *modules, uint64_t resolver, uint64_t target);
/* The loaded file with this DT_SONAME; *ret is untouched when there is none. */
bool modules_find_soname(struct modules *modules, const char *soname, uint32_t *ret);
/* Bytes that a loaded file has in its pages of code, but uses for nothing: from the end of its code
 * to that of the last page.  False: there are fewer than that. */
bool modules_find_room(struct modules *modules, uint32_t module, size_t size_bytes,
                       uint64_t *address_ret);
/* A function that a user named, or a whole copy that a compiler made of it. */
struct user_function {
    struct module_symbol symbol; /* its name is that of the copy */
    bool copy;
    bool changed; /* its arguments may not be those of the function, nor where they were */
    bool local;   /* to its file */
};

#define USER_FUNCTIONS 16

struct user_functions {
    struct user_function items[USER_FUNCTIONS];
    size_t count;
    bool cut; /* there are more */
    /* The file in which a compiler has made a function of a part of one, to be called from
     * elsewhere; FRAME_NO_MODULE: none. */
    uint32_t parted_in;
};

/* The functions of that name in the first loaded file with any, and their copies; `name` may also
 * be a demangled C++ or Rust name, with or without its parameter list.  False: there are none. */
bool modules_find_user_functions(struct modules *modules, const char *name,
                                 struct user_functions *ret);

#endif
