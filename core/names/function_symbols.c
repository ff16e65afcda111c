#include "names/function_symbols.h"

#include <string.h>

#include "tmpalloc/status.h"

/* In .gnu.version: another version of the symbol is the default. */
#define VERSION_HIDDEN 0x8000

struct dynamic_symbols {
    Elf_Data *symbols;
    Elf_Data *names;
    Elf_Data *versions;
};

bool function_symbols_is_indirect(const GElf_Sym *symbol) {
    return GELF_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
}

bool function_symbols_is_function(const GElf_Sym *symbol) {
    return GELF_ST_TYPE(symbol->st_info) == STT_FUNC || function_symbols_is_indirect(symbol);
}

static bool has_type(const GElf_Sym *symbol, int type) {
    return type == STT_FUNC ? function_symbols_is_function(symbol)
                            : GELF_ST_TYPE(symbol->st_info) == type;
}

static bool is_defined(const GElf_Sym *symbol, int type) {
    return has_type(symbol, type) && symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0;
}

static bool open_dynamic_symbols(Elf *elf, struct dynamic_symbols *ret) {
    *ret = (struct dynamic_symbols){0};
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            return false;
        if (header.sh_type == SHT_GNU_versym)
            ret->versions = elf_getdata(section, NULL);
        if (header.sh_type != SHT_DYNSYM)
            continue;
        ret->symbols = elf_getdata(section, NULL);
        ret->names = elf_getdata(elf_getscn(elf, header.sh_link), NULL);
    }
    return ret->symbols && ret->names && ret->names->d_buf;
}

static bool symbol_has_name(const Elf_Data *names, const GElf_Sym *symbol, const char *name,
                            size_t size) {
    return symbol->st_name < names->d_size && size <= names->d_size - symbol->st_name &&
           memcmp((const char *)names->d_buf + symbol->st_name, name, size) == 0;
}

static bool is_default_version(Elf_Data *versions, int i) {
    GElf_Versym version;
    return !versions || !gelf_getversym(versions, i, &version) || !(version & VERSION_HIDDEN);
}

bool function_symbols_find_exported(Elf *elf, const char *name, int type, GElf_Sym *ret) {
    struct dynamic_symbols table;
    if (!open_dynamic_symbols(elf, &table))
        return false;
    bool found = false;
    size_t size = strlen(name) + 1;
    GElf_Sym symbol;
    for (int i = 1; gelf_getsym(table.symbols, i, &symbol); i++) {
        if (!is_defined(&symbol, type) || GELF_ST_BIND(symbol.st_info) == STB_LOCAL ||
            !symbol_has_name(table.names, &symbol, name, size))
            continue;
        *ret = symbol;
        found = true;
        if (is_default_version(table.versions, i))
            break;
    }
    return found;
}

void function_symbols_for_each(Dwfl_Module *module, function_symbols_visit visit, void *arg) {
    int count = dwfl_module_getsymtab(module);
    for (int i = 1; i < count; i++) {
        GElf_Sym symbol;
        GElf_Addr address;
        GElf_Word section;
        const char *name =
            dwfl_module_getsym_info(module, i, &symbol, &address, &section, NULL, NULL);
        if (!name || name[0] == '\0' || section == SHN_UNDEF)
            continue;
        symbol.st_value = address;
        if (!visit(arg, name, &symbol))
            return;
    }
}

struct loading {
    struct intervals symbols;
    int status;
};

/* Exported and global names are the ones that people know; among aliases such as malloc and
 * __libc_malloc the one with fewer underscores. */
static uint64_t rank_name(const char *name, const GElf_Sym *symbol) {
    int binding = GELF_ST_BIND(symbol->st_info);
    uint64_t rank = binding == STB_LOCAL ? 4 : 0;
    if (GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE)
        rank += 8;
    if (name[0] == '_')
        rank += strchr("ZRD", name[1]) ? 0 : 1;
    if (name[0] == '_' && name[1] == '_')
        rank++;
    return rank;
}

static bool covers_code(const GElf_Sym *symbol) {
    return symbol->st_size != 0 &&
           (function_symbols_is_function(symbol) || GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE);
}

static bool function_symbols_add(void *arg, const char *name, const GElf_Sym *symbol) {
    struct loading *loading = arg;
    if (covers_code(symbol))
        loading->status =
            intervals_add(&loading->symbols, symbol->st_value, symbol->st_value + symbol->st_size,
                          (uintptr_t)name, rank_name(name, symbol));
    return loading->status == TMPALLOC_OK;
}

int function_symbols_load(Dwfl_Module *module, struct intervals *ret) {
    struct loading loading = {.status = TMPALLOC_OK};
    function_symbols_for_each(module, function_symbols_add, &loading);
    if (loading.status != TMPALLOC_OK) {
        intervals_deinit(&loading.symbols);
        return loading.status;
    }
    intervals_sort(&loading.symbols);
    *ret = loading.symbols;
    return TMPALLOC_OK;
}

const char *function_symbols_covering(const struct intervals *symbols, uint64_t address,
                                      uint64_t *start_ret) {
    const struct interval *found = intervals_covering(symbols, address);
    if (!found)
        return NULL;
    if (start_ret)
        *start_ret = found->start;
    return (const char *)(uintptr_t)found->value;
}
