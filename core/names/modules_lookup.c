#include "names/modules.h"
#include "platform/page.h"

#include <string.h>

struct search {
    const char *name;
    bool found;
    GElf_Sym symbol;
};

static bool is_local(const GElf_Sym *symbol) {
    return GELF_ST_BIND(symbol->st_info) == STB_LOCAL;
}

/* Goes on after a local function: a global one of the same name is meant more likely. */
static bool modules_lookup_visit(void *arg, const char *name, const GElf_Sym *symbol) {
    struct search *search = arg;
    if (!function_symbols_is_function(symbol) || (search->found && is_local(symbol)))
        return true;
    if (strcmp(name, search->name) != 0)
        return true;
    search->found = true;
    search->symbol = *symbol;
    return is_local(symbol);
}

static struct module_symbol modules_lookup_describe(const struct modules *modules, uint32_t module,
                                                    const char *name, const GElf_Sym *symbol,
                                                    bool exported) {
    struct frame frame = {.module = module, .offset = symbol->st_value};
    bool indirect = function_symbols_is_indirect(symbol);
    return (struct module_symbol){.name = name,
                                  .address = modules_address(modules, &frame),
                                  .size_bytes = indirect ? 0 : symbol->st_size,
                                  .module = module,
                                  .exported = exported,
                                  .indirect = indirect};
}

static bool find_exported(struct modules *modules, uint32_t module, const char *name, int type,
                          struct module_symbol *ret) {
    GElf_Sym symbol;
    GElf_Addr bias;
    Dwfl_Module *file = modules_dwfl(modules, module);
    Elf *elf = file ? dwfl_module_getelf(file, &bias) : NULL;
    if (!elf || !function_symbols_find_exported(elf, name, type, &symbol))
        return false;
    *ret = modules_lookup_describe(modules, module, name, &symbol, true);
    return true;
}

static bool find_internal(struct modules *modules, uint32_t module, const char *name,
                          struct module_symbol *ret) {
    struct search search = {.name = name};
    Dwfl_Module *file = modules_dwfl(modules, module);
    if (!file)
        return false;
    function_symbols_for_each(file, modules_lookup_visit, &search);
    if (search.found)
        *ret = modules_lookup_describe(modules, module, name, &search.symbol, false);
    return search.found;
}

bool modules_find_function(struct modules *modules, uint32_t module, const char *name,
                           bool exported_only, struct module_symbol *ret) {
    if (find_exported(modules, module, name, STT_FUNC, ret))
        return true;
    return !exported_only && find_internal(modules, module, name, ret);
}

bool modules_find_object(struct modules *modules, uint32_t module, const char *name,
                         uint64_t *address_ret) {
    struct module_symbol symbol;
    if (!find_exported(modules, module, name, STT_OBJECT, &symbol))
        return false;
    *address_ret = symbol.address;
    return true;
}

bool modules_is_dynamic_linker(struct modules *modules, uint32_t module) {
    return c_libraries_link(modules_soname(modules, module));
}

bool modules_find_binding(struct modules *modules, const char *name, uint32_t ignored,
                          struct module_symbol *ret) {
    for (size_t i = 0; i < modules_loaded_count(modules); i++) {
        uint32_t module = modules_loaded(modules, i);
        if (module == ignored || modules_is_dynamic_linker(modules, module))
            continue;
        if (modules_find_function(modules, module, name, modules_is_dynamic(modules, module), ret))
            return true;
    }
    return false;
}

bool modules_find_c_library(struct modules *modules, uint32_t *ret) {
    for (size_t i = 0; i < modules_loaded_count(modules); i++) {
        uint32_t module = modules_loaded(modules, i);
        if (!c_libraries_find(modules_soname(modules, module)))
            continue;
        *ret = module;
        return true;
    }
    return false;
}

const struct c_library *modules_c_library(struct modules *modules) {
    uint32_t module;
    return modules_find_c_library(modules, &module)
               ? c_libraries_find(modules_soname(modules, module))
               : c_libraries_usual();
}

bool modules_find_soname(struct modules *modules, const char *soname, uint32_t *ret) {
    for (size_t i = 0; i < modules_loaded_count(modules); i++) {
        uint32_t module = modules_loaded(modules, i);
        if (strcmp(modules_soname(modules, module), soname) != 0)
            continue;
        *ret = module;
        return true;
    }
    return false;
}

/* Bytes of the file fill the last page (System V ABI, AMD64, 5.1). */
static bool has_room_behind(const GElf_Phdr *segment, size_t size_bytes, uint64_t *end_ret) {
    uint64_t end = (segment->p_vaddr + segment->p_memsz + 15) & ~UINT64_C(15);
    *end_ret = end;
    return segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && end % PAGE_BYTES != 0 &&
           PAGE_BYTES - end % PAGE_BYTES >= size_bytes;
}

bool modules_find_room(struct modules *modules, uint32_t module, size_t size_bytes,
                       uint64_t *address_ret) {
    GElf_Phdr segment;
    GElf_Addr bias;
    struct frame frame = {.module = module};
    Dwfl_Module *file = modules_dwfl(modules, module);
    Elf *elf = file ? dwfl_module_getelf(file, &bias) : NULL;
    for (int i = 0; elf && gelf_getphdr(elf, i, &segment); i++) {
        if (!has_room_behind(&segment, size_bytes, &frame.offset))
            continue;
        *address_ret = modules_address(modules, &frame);
        return true;
    }
    return false;
}
