/* Where indirect functions lead: what the dynamic linker has stored in the pointers by which files
 * call them. */
#include <string.h>

#include "names/modules.h"
#include "names/modules_state.h"

/* A symbol's pointers, and what they hold. */
struct search {
    struct modules *modules;
    const char *name;
    struct frame resolver; /* the function that returns what the symbol stands for */
    uint32_t ignored;
    uint32_t module; /* whose pointers are looked at */
    Elf *elf;
    uint64_t target; /* 0: none was found */
};

static Elf *open_elf(struct modules *modules, uint32_t module) {
    GElf_Addr bias;
    Dwfl_Module *file = modules_dwfl(modules, module);
    return file ? dwfl_module_getelf(file, &bias) : NULL;
}

/* The name of the section that an address is in; NULL: none. */
static const char *modules_indirect_find_section(Elf *elf, uint64_t address) {
    size_t names;
    if (!elf || elf_getshdrstrndx(elf, &names) != 0)
        return NULL;
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && (header.sh_flags & SHF_EXECINSTR) &&
            address - header.sh_addr < header.sh_size)
            return elf_strptr(elf, names, header.sh_name);
    }
    return NULL;
}

/* Before the first call of a function its pointer leads to the procedure linkage table, and so do
 * those to functions of which an executable takes the address. */
static bool is_target(const struct search *search, uint64_t address) {
    struct frame frame = modules_frame(search->modules, address, true);
    if (frame.module == FRAME_NO_MODULE || frame.module == search->ignored ||
        (frame.module == search->resolver.module && frame.offset == search->resolver.offset))
        return false;
    const char *section =
        modules_indirect_find_section(open_elf(search->modules, frame.module), frame.offset);
    return section && !strstr(section, "plt");
}

/* A file's relocations of one section, and the symbols that they name. */
struct relocations {
    Elf_Data *items;
    Elf_Data *symbols;
    size_t names; /* number of the section with the symbols' names */
};

static bool open_relocations(Elf *elf, Elf_Scn *section, struct relocations *ret) {
    GElf_Shdr header, symbols;
    *ret = (struct relocations){.items = NULL};
    if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA ||
        !(header.sh_flags & SHF_ALLOC))
        return false;
    Elf_Scn *linked = elf_getscn(elf, header.sh_link);
    if (gelf_getshdr(linked, &symbols) && symbols.sh_type == SHT_DYNSYM) {
        ret->symbols = elf_getdata(linked, NULL);
        ret->names = symbols.sh_link;
    }
    ret->items = elf_getdata(section, NULL);
    return ret->items != NULL;
}

/* Whether a pointer is the function's, which its own file may know without a name. */
static bool is_pointer(const struct search *search, const struct relocations *relocations,
                       const GElf_Rela *relocation) {
    bool defines = search->module == search->resolver.module;
    GElf_Sym symbol;
    if (GELF_R_SYM(relocation->r_info) == 0)
        return defines && (uint64_t)relocation->r_addend == search->resolver.offset;
    if (!relocations->symbols ||
        !gelf_getsym(relocations->symbols, (int)GELF_R_SYM(relocation->r_info), &symbol))
        return false;
    if (symbol.st_shndx != SHN_UNDEF)
        return defines && symbol.st_value == search->resolver.offset;
    const char *name = elf_strptr(search->elf, relocations->names, symbol.st_name);
    return name && strcmp(name, search->name) == 0;
}

static bool modules_indirect_read_pointer(const struct search *search, uint64_t offset,
                                          uint64_t *ret) {
    const struct module_process *process = &search->modules->process;
    struct frame frame = {.module = search->module, .offset = offset};
    return process->read &&
           process->read(process->arg, modules_address(search->modules, &frame), ret, sizeof *ret);
}

static void search_relocations(struct search *search, const struct relocations *relocations) {
    GElf_Rela relocation;
    for (int i = 0; !search->target && gelf_getrela(relocations->items, i, &relocation); i++) {
        uint64_t target;
        if (is_pointer(search, relocations, &relocation) &&
            modules_indirect_read_pointer(search, relocation.r_offset, &target) &&
            is_target(search, target))
            search->target = target;
    }
}

static void modules_indirect_search_file(struct search *search, uint32_t module) {
    search->module = module;
    search->elf = open_elf(search->modules, module);
    for (Elf_Scn *section = search->elf ? elf_nextscn(search->elf, NULL) : NULL;
         section && !search->target; section = elf_nextscn(search->elf, section)) {
        struct relocations relocations;
        if (open_relocations(search->elf, section, &relocations))
            search_relocations(search, &relocations);
    }
}

static uint64_t modules_indirect_find_target(struct modules *modules,
                                             const struct module_symbol *symbol, uint32_t ignored) {
    struct search search = {.modules = modules,
                            .name = symbol->name,
                            .resolver = modules_frame(modules, symbol->address, true),
                            .ignored = ignored};
    if (modules_address(modules, &search.resolver) != symbol->address) /* of another namespace */
        return 0;
    modules_indirect_search_file(&search, symbol->module);
    for (size_t i = 0; i < modules_loaded_count(modules) && !search.target; i++) {
        if (modules_loaded(modules, i) != ignored)
            modules_indirect_search_file(&search, modules_loaded(modules, i));
    }
    return search.target;
}

static void lead_to(struct modules *modules, uint64_t target, struct module_symbol *symbol) {
    struct frame frame = modules_frame(modules, target, true);
    const struct intervals *functions;
    symbol->indirect = false;
    symbol->address = target;
    symbol->size_bytes = 0;
    if (frame.module == FRAME_NO_MODULE)
        return;
    symbol->module = frame.module;
    if (modules_functions(modules, frame.module, &functions) != TMPALLOC_OK)
        return;
    const struct interval *function = intervals_covering(functions, frame.offset);
    if (function && function->start == frame.offset)
        symbol->size_bytes = function->end - function->start;
}

bool modules_follow(struct modules *modules, uint32_t ignored, struct module_symbol *symbol) {
    uint64_t target = 0;
    if (!symbol->indirect)
        return true;
    if (!map_get(&modules->targets, symbol->address, &target))
        target = modules_indirect_find_target(modules, symbol, ignored);
    if (target == 0)
        return false;
    modules_learn_target(modules, symbol->address, target);
    lead_to(modules, target, symbol);
    return true;
}

void modules_learn_target(struct modules *modules, uint64_t resolver, uint64_t target) {
    map_put(&modules->targets, resolver, target); /* without memory it is found out again */
}
