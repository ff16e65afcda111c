/* The modules' inside, shared by their two halves: building a layout and using it. */
#ifndef TMPALLOC_MODULES_STATE_H
#define TMPALLOC_MODULES_STATE_H

#include "names/modules.h"
#include "support/map.h"
#include "support/text.h"

/* A file that is or was loaded. */
struct module {
    char *path;
    int fd; /* where the path doesn't lead to the file, else -1 */
    struct elf_facts facts;
    uint64_t bias; /* where it was loaded last */
    Dwfl *dwfl;
    Dwfl_Module *file;
    bool opened; /* or tried in vain */
    bool functions_loaded;
    struct intervals functions;
};

struct placement {
    uint64_t bias;
    uint64_t told; /* the address that placed it */
    uint64_t start;
    uint64_t end;
    uint32_t module;
};

struct layout {
    struct placement *search_order;
    size_t count;
    size_t capacity;
    struct placement *by_address; /* the same, once all are known */
    size_t address_count;
    size_t address_capacity;
};

struct modules {
    struct module **items;
    size_t count;
    size_t capacity;
    struct layout layout;
    struct placement *unloaded; /* in the order of unloading, the latest last */
    size_t unloaded_count;
    size_t unloaded_capacity;
    uint64_t generation;
    modules_replacing replacing;
    void *replacing_arg;
    struct map targets; /* of indirect functions, by their resolvers' addresses */
    char *debug_directories;
    Dwfl_Callbacks callbacks;
    struct module_process process;
    struct process_maps maps; /* while a layout is built */
    struct text unmatched;
    size_t unmatched_count;
};

/* The files that are loaded now.  TMPALLOC_OK or TMPALLOC_E_NOMEM. */
int modules_build_layout(struct modules *modules, const struct loaded_file *loaded, size_t count,
                         struct layout *ret);
void modules_deinit_layout(struct layout *layout);
/* The file whose addresses include this one; NULL: none. */
const struct placement *modules_find_placement(const struct layout *layout, uint64_t address);

#endif
