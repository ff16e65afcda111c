#include "agent/patch/relocations.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/system/c_library.h"
#include "agent/system/capture_pages.h"
#include "agent/system/kernel_memory.h"
#include "agent/system/loaded_file.h"
#include "agent/x86_64/relocation_types.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

/* A pointer that was changed, or once was. */
struct cell {
    struct cell *next;
    uintptr_t address;
    int protection;
    uintptr_t hook;
    uintptr_t before;
};

struct redirection {
    const char *name;
    uintptr_t function;
    uintptr_t hook;
    struct loaded_file owner; /* of the function */
    size_t count;             /* pointers that lead to the hook */
    int status;
};

static struct cell *cells;

static bool cell_has(const struct cell *cell, uintptr_t value) {
    return capture_pages_readable(&(struct capture_pages){0}, cell->address) &&
           *(const uintptr_t *)cell->address == value;
}

static bool relocations_set_cell(const struct cell *cell, uintptr_t value) {
    return kernel_write((void *)cell->address, &value, sizeof value, cell->protection);
}

void relocations_undo(void) {
    for (struct cell *cell = __atomic_load_n(&cells, __ATOMIC_ACQUIRE); cell; cell = cell->next) {
        if (cell_has(cell, cell->hook))
            relocations_set_cell(cell, cell->before);
    }
}

static struct cell *find_cell(uintptr_t address) {
    struct cell *cell = cells;
    while (cell && cell->address != address)
        cell = cell->next;
    return cell;
}

/* A cell is kept for ever, so that relocations_undo() can come at any time. */
static struct cell *create_cell(uintptr_t address) {
    struct cell *cell = memory_allocate_zeroed(1, sizeof *cell);
    if (!cell)
        return NULL;
    cell->address = address;
    cell->next = cells;
    return cell;
}

static int relocations_redirect_cell(struct redirection *redirection, uintptr_t address,
                                     int protection) {
    struct cell *known = find_cell(address);
    struct cell *cell = known ? known : create_cell(address);
    if (!cell)
        return TMPALLOC_E_NOMEM;
    cell->before = *(const uintptr_t *)address;
    cell->hook = redirection->hook;
    cell->protection = protection;
    if (!known)
        __atomic_store_n(&cells, cell, __ATOMIC_RELEASE);
    redirection->count += relocations_set_cell(cell, redirection->hook);
    return TMPALLOC_OK;
}

/* The slot of a symbol that nobody has called yet. */
static bool is_unbound(const struct loaded_file *file, uintptr_t value) {
    return loaded_file_covers(file, value) && relocation_binds_later(value);
}

struct lookup {
    const char *name;
    uintptr_t function;
    bool leads_there;
};

static int relocations_look_up(struct dl_phdr_info *info, size_t size, void *arg) {
    struct lookup *lookup = arg;
    struct loaded_file file;
    (void)size;
    return loaded_file_read(info, &file) &&
           loaded_file_defines(&file, lookup->name, lookup->function, &lookup->leads_there);
}

/* The first file in the order of loading that defines a name is the one that a pointer will be
 * bound to; for speed that of the function is asked before all others, except for the name by which
 * it was found: an indirect function may be resolved to another file's. */
static bool would_be_bound(const struct redirection *redirection, const char *name) {
    struct lookup lookup = {.name = name, .function = redirection->function};
    bool has_name =
        strcmp(name, redirection->name) == 0 ||
        (loaded_file_defines(&redirection->owner, name, lookup.function, &lookup.leads_there) &&
         lookup.leads_there);
    return has_name && c_library_dl_iterate_phdr(relocations_look_up, &lookup) &&
           lookup.leads_there;
}

static bool leads_there(const struct redirection *redirection, const struct loaded_file *file,
                        const ElfW(Rela) * relocation, uintptr_t value) {
    uint64_t type = ELF64_R_TYPE(relocation->r_info);
    if (relocation_is_pointer(type))
        return value == redirection->function;
    return relocation_is_call(type) &&
           (value == redirection->function ||
            (is_unbound(file, value) &&
             would_be_bound(redirection,
                            loaded_file_symbol(file, ELF64_R_SYM(relocation->r_info)))));
}

static int redirect_all(struct redirection *redirection, const struct loaded_file *file,
                        const ElfW(Rela) * relocations, size_t count) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++) {
        uintptr_t address = file->base + relocations[i].r_offset;
        /* Pointers in packed structures, which nobody has to functions, are left alone. */
        if (address % sizeof(uintptr_t) != 0 || !loaded_file_covers(file, address))
            continue;
        uintptr_t value = *(const uintptr_t *)address;
        if (value == redirection->hook)
            redirection->count++;
        else if (leads_there(redirection, file, &relocations[i], value))
            status = relocations_redirect_cell(redirection, address,
                                               loaded_file_protection(file, address));
    }
    return status;
}

static int redirect_file(struct dl_phdr_info *info, size_t size, void *arg) {
    struct redirection *redirection = arg;
    struct loaded_file file;
    (void)size;
    if (!loaded_file_read(info, &file) ||
        loaded_file_covers(&file, (uintptr_t)relocations_redirect))
        return 0;
    redirection->status = redirect_all(redirection, &file, file.jump_slots, file.jump_slot_count);
    if (redirection->status == TMPALLOC_OK)
        redirection->status =
            redirect_all(redirection, &file, file.relocations, file.relocation_count);
    return redirection->status != TMPALLOC_OK;
}

static int find_owner(struct dl_phdr_info *info, size_t size, void *arg) {
    struct redirection *redirection = arg;
    (void)size;
    return loaded_file_read(info, &redirection->owner) &&
           loaded_file_covers(&redirection->owner, redirection->function);
}

int relocations_redirect(const char *name, uintptr_t function, uintptr_t hook) {
    struct redirection redirection = {.name = name, .function = function, .hook = hook};
    if (!c_library_dl_iterate_phdr(find_owner, &redirection))
        return TMPALLOC_E_UNSUPPORTED;
    c_library_dl_iterate_phdr(redirect_file, &redirection);
    if (redirection.status == TMPALLOC_OK && redirection.count == 0)
        return TMPALLOC_E_UNSUPPORTED;
    return redirection.status;
}
