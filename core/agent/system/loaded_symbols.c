#include "agent/system/loaded_symbols.h"

#include "agent/system/c_library.h"
#include "agent/system/kernel_memory.h"
#include "agent/system/loaded_file.h"

struct search {
    uintptr_t address;
    struct loaded_file file;
};

static int loaded_symbols_covers(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search *search = arg;
    (void)size;
    return loaded_file_read(info, &search->file) &&
           loaded_file_covers(&search->file, search->address);
}

static bool loaded_symbols_find_file(uintptr_t address, struct loaded_file *ret) {
    struct search search = {.address = address};
    bool found = c_library_dl_iterate_phdr(loaded_symbols_covers, &search) != 0;
    *ret = search.file;
    return found;
}

bool loaded_symbols_define(uintptr_t address, const char *name) {
    struct loaded_file file;
    return loaded_symbols_find_file(address, &file) && loaded_file_find(&file, name) != 0;
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
    c_library_dl_iterate_phdr(find_definition, &definition);
    return definition.address;
}

bool loaded_symbols_share_file(uintptr_t one, uintptr_t other) {
    struct loaded_file file;
    return loaded_symbols_find_file(one, &file) && loaded_file_covers(&file, other);
}

/* It comes first. */
static int compare_executable(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search *search = arg;
    (void)size;
    loaded_file_read(info, &search->file);
    return 1;
}

bool loaded_symbols_in_executable(uintptr_t address) {
    struct search search = {.address = address};
    return c_library_dl_iterate_phdr(compare_executable, &search) != 0 &&
           loaded_file_covers(&search.file, address);
}

size_t loaded_symbols_bounds(uintptr_t address, uintptr_t *start_ret) {
    struct loaded_file file;
    const ElfW(Sym) *symbol =
        loaded_symbols_find_file(address, &file) ? loaded_file_symbol_at(&file, address) : NULL;
    if (!symbol)
        return 0;
    *start_ret = file.base + symbol->st_value;
    return symbol->st_size;
}

/* A symbol without a value binds nobody. */
void loaded_symbols_hide(const char *name) {
    static const ElfW(Addr) none;
    struct loaded_file file;
    const ElfW(Sym) *symbol = loaded_symbols_find_file((uintptr_t)loaded_symbols_hide, &file)
                                  ? loaded_file_define(&file, name)
                                  : NULL;
    if (symbol)
        kernel_write((void *)(uintptr_t)&symbol->st_value, &none, sizeof none,
                     loaded_file_protection(&file, (uintptr_t)&symbol->st_value));
}

static int note_path(struct dl_phdr_info *info, size_t size, void *arg) {
    struct search search = {.address = (uintptr_t)note_path};
    if (loaded_symbols_covers(info, size, &search))
        *(const char **)arg = info->dlpi_name;
    return *(const char **)arg != NULL;
}

const char *loaded_symbols_own_path(void) {
    const char *path = NULL;
    c_library_dl_iterate_phdr(note_path, &path);
    return path;
}

void loaded_symbols_segment(uintptr_t address, uintptr_t *start_ret, uintptr_t *size_bytes_ret) {
    struct loaded_file file;
    *start_ret = *size_bytes_ret = 0;
    if (!loaded_symbols_find_file(address, &file))
        return;
    for (size_t i = 0; i < file.segment_count; i++) {
        uintptr_t start = file.base + file.segments[i].p_vaddr;
        if (file.segments[i].p_type != PT_LOAD || address - start >= file.segments[i].p_memsz)
            continue;
        *start_ret = start;
        *size_bytes_ret = file.segments[i].p_memsz;
    }
}
