/* The file that a process has loaded, found by the name that the debugger tells and believed when
 * it is what lies in memory.  By that name the process may have had another file: in another root,
 * or before a new one was put there. */
#ifndef TMPALLOC_MODULE_FILE_H
#define TMPALLOC_MODULE_FILE_H

#include "names/elf_file.h"
#include "names/process_maps.h"

/* Where files are loaded.  All zeros: nothing is known of it, and names are believed. */
struct module_process {
    int64_t pid; /* in /proc; 0: it isn't there */
    bool live;   /* what can't be read isn't there; else (a core file) it is only unknown */
    /* Reads memory, never code; false: it can't be read.  NULL: nothing can. */
    bool (*read)(void *arg, uint64_t address, void *buffer, size_t size);
    void *arg;
};

/* A file that is said to be loaded. */
struct loaded_file {
    const char *path;      /* what it is called; never NULL */
    const char *mapped;    /* the kernel's path of what lies in memory; NULL: unknown */
    uint64_t text_address; /* run-time address of its .text section; of no use when placed: */
    uint64_t bias;         /* what was added to its link-time addresses */
    uint64_t inside;       /* any address in it */
    bool placed;
};

struct module_file {
    struct elf_facts facts;
    uint64_t bias;
    int fd; /* of a file that isn't reached by its name here; -1 */
};

/* False: there is no such file, or it can't be told that it is the one. */
bool module_file_find(const struct module_process *process, struct process_maps *maps,
                      const struct loaded_file *loaded, struct module_file *ret);
/* An address within it. */
uint64_t module_file_address(const struct loaded_file *loaded);
/* Whether a file is what lies in memory. */
bool module_file_matches(const struct module_process *process, const struct elf_facts *facts,
                         uint64_t bias);

#endif
