#include "loaded_symbols.h"

#include <dlfcn.h>

#include "kernel_memory.h"
#include "loaded_file.h"

struct search {
    uintptr_t address;
    struct loaded_file file;
};

static int covers(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search *search = arg;
    (void)size;
    return loaded_file_read(info, &search->file) &&
           loaded_file_covers(&search->file, search->address);
}

static bool find_file(uintptr_t address, struct loaded_file *ret) {
    struct search search = {.address = address};
    bool found = dl_iterate_phdr(covers, &search) != 0;
    *ret = search.file;
    return found;
}

bool loaded_symbols_define(uintptr_t address, const char *name) {
    struct loaded_file file;
    return find_file(address, &file) && loaded_file_find(&file, name) != 0;
}

/* What only the dynamic linker defines. */
static const char dynamic_linkers[] = "__tls_get_addr";

struct definition {
    const char *name;
    enum loaded_symbols_choice choice;
    bool own_seen;
    uintptr_t address;
};

static bool is_eligible(struct definition *definition, const struct loaded_file *file) {
    bool own = loaded_file_covers(file, (uintptr_t)loaded_symbols_find);
    definition->own_seen |= own;
    if (loaded_file_find(file, dynamic_linkers) != 0)
        return false;
    if (definition->choice == LOADED_NEXT)
        return definition->own_seen && !own;
    return definition->choice == LOADED_FIRST || !own;
}

static int find_definition(struct dl_phdr_info *info, size_t size, void *arg) {
    struct definition *definition = arg;
    struct loaded_file file;
    (void)size;
    if (!loaded_file_read(info, &file) || !is_eligible(definition, &file))
        return 0;
    definition->address = loaded_file_find(&file, definition->name);
    return definition->address != 0;
}

uintptr_t loaded_symbols_find(const char *name, enum loaded_symbols_choice choice) {
    struct definition definition = {.name = name, .choice = choice};
    dl_iterate_phdr(find_definition, &definition);
    return definition.address;
}

/* A symbol without a value binds nobody. */
void loaded_symbols_hide(uintptr_t address) {
    static const ElfW(Addr) none;
    Dl_info info;
    ElfW(Sym) *symbol = NULL;
    struct loaded_file file;
    if (!find_file(address, &file) ||
        !dladdr1((const void *)address, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
        (uintptr_t)info.dli_saddr != address)
        return;
    kernel_write(&symbol->st_value, &none, sizeof none,
                 loaded_file_protection(&file, (uintptr_t)&symbol->st_value));
}

void loaded_symbols_segment(uintptr_t address, uintptr_t *start_ret, uintptr_t *size_bytes_ret) {
    struct loaded_file file;
    *start_ret = *size_bytes_ret = 0;
    if (!find_file(address, &file))
        return;
    for (size_t i = 0; i < file.segment_count; i++) {
        uintptr_t start = file.base + file.segments[i].p_vaddr;
        if (file.segments[i].p_type != PT_LOAD || address - start >= file.segments[i].p_memsz)
            continue;
        *start_ret = start;
        *size_bytes_ret = file.segments[i].p_memsz;
    }
}
