#include "names/function_names.h"

#include <dwarf.h>
#include <stdlib.h>

#include "names/debug_names.h"
#include "names/demangle.h"
#include "names/function_symbols.h"
#include "names/short_name.h"
#include "support/progress.h"
#include "support/text.h"

#define DEPTH_LIMIT 256

struct visitor {
    function_names_visit *visit;
    void *arg;
    struct text name;
    struct text shortened;
    bool done; /* visit wants no more */
};

static void visit_name(struct visitor *visitor, const char *name) {
    visitor->done = visitor->done || !visitor->visit(visitor->arg, name);
}

static void visit_function(struct visitor *visitor, const char *name) {
    visit_name(visitor, name);
    text_clear(&visitor->shortened);
    short_name_append(&visitor->shortened, name);
    if (!visitor->done)
        visit_name(visitor, text_get(&visitor->shortened));
}

static bool visit_symbol(void *arg, const char *name, const GElf_Sym *symbol) {
    struct visitor *visitor = arg;
    if (!function_symbols_is_function(symbol))
        return true;
    char *readable = demangle(name, false);
    visit_function(visitor, readable ? readable : name);
    free(readable);
    return !visitor->done;
}

static void visit_subprogram(struct visitor *visitor, Dwarf_Die *die) {
    text_clear(&visitor->name);
    if (debug_names_linkage(die, &visitor->name) || debug_names_qualified(die, &visitor->name))
        visit_function(visitor, text_get(&visitor->name));
}

static void visit_dies(struct visitor *visitor, Dwarf_Die *parent, unsigned depth) {
    Dwarf_Die die;
    if (depth == DEPTH_LIMIT || dwarf_child(parent, &die) != 0)
        return;
    do {
        if (dwarf_tag(&die) == DW_TAG_subprogram)
            visit_subprogram(visitor, &die);
        else if (dwarf_haschildren(&die))
            visit_dies(visitor, &die, depth + 1);
    } while (!visitor->done && dwarf_siblingof(&die, &die) == 0);
}

static void visit_sources(struct visitor *visitor, Dwarf_Die *unit) {
    Dwarf_Files *files;
    size_t count;
    if (dwarf_getsrcfiles(unit, &files, &count) != 0)
        return;
    for (size_t i = 0; i < count && !visitor->done; i++) {
        const char *path = dwarf_filesrc(files, i, NULL, NULL);
        if (path)
            visit_name(visitor, path);
    }
}

static int visit_units(struct visitor *visitor, Dwarf *dwarf) {
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, split;
    size_t done = 0;
    while (!visitor->done && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, &split) == 0) {
        if (progress_step("looking for names", done++, 0, "compilation units") != TMPALLOC_OK)
            return TMPALLOC_E_INTERRUPTED;
        visit_sources(visitor, &die);
        visit_dies(visitor, split.addr ? &split : &die, 0);
    }
    return TMPALLOC_OK;
}

static int visit_module(struct visitor *visitor, struct modules *modules, uint32_t module) {
    visit_name(visitor, modules_path(modules, module));
    Dwfl_Module *file = visitor->done ? NULL : modules_dwfl(modules, module);
    if (!file)
        return TMPALLOC_OK;
    function_symbols_for_each(file, visit_symbol, visitor);
    Dwarf_Addr bias;
    Dwarf *dwarf = visitor->done ? NULL : dwfl_module_getdwarf(file, &bias);
    return dwarf ? visit_units(visitor, dwarf) : TMPALLOC_OK;
}

int function_names_for_each(struct modules *modules, function_names_visit *visit, void *arg) {
    struct visitor visitor = {.visit = visit, .arg = arg};
    int status = TMPALLOC_OK;
    text_init(&visitor.name);
    text_init(&visitor.shortened);
    for (size_t i = 0; i < modules_loaded_count(modules) && !visitor.done; i++) {
        status = visit_module(&visitor, modules, modules_loaded(modules, i));
        if (status != TMPALLOC_OK)
            break;
    }
    if (visitor.name.failed || visitor.shortened.failed)
        status = TMPALLOC_E_NOMEM;
    text_deinit(&visitor.name);
    text_deinit(&visitor.shortened);
    return status;
}
