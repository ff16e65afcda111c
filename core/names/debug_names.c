#include "names/debug_names.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "names/demangle.h"
#include "platform/c_libraries.h"

/* Declarations that are followed from one to the next. */
#define ORIGIN_LIMIT 16

const char *debug_names_string(Dwarf_Die *die, unsigned attribute) {
    Dwarf_Attribute found;
    return dwarf_formstring(dwarf_attr_integrate(die, attribute, &found));
}

static int language_of(Dwarf_Die *die) {
    Dwarf_Die unit;
    return dwarf_diecu(die, &unit, NULL, NULL) ? dwarf_srclang(&unit) : -1;
}

static bool is_ada(Dwarf_Die *die) {
    int language = language_of(die);
    return language == DW_LANG_Ada83 || language == DW_LANG_Ada95;
}

static bool is_fortran(Dwarf_Die *die) {
    switch (language_of(die)) {
    case DW_LANG_Fortran77:
    case DW_LANG_Fortran90:
    case DW_LANG_Fortran95:
    case DW_LANG_Fortran03:
    case DW_LANG_Fortran08:
        return true;
    default:
        return false;
    }
}

/* Fortran's procedures that are in no module are linked as "name_". */
static bool is_plain_name(Dwarf_Die *function, const char *linkage) {
    const char *name = debug_names_string(function, DW_AT_name);
    size_t length = name ? strlen(name) : 0;
    return name && strncmp(linkage, name, length) == 0 && strcmp(linkage + length, "_") == 0 &&
           is_fortran(function);
}

static void append_demangled(Dwarf_Die *die, const char *name, struct text *text) {
    char *readable = is_ada(die) ? demangle_ada(name) : demangle(name, false);
    text_append(text, readable ? readable : name);
    free(readable);
}

/* GNAT's only name is the one that is linked. */
static const char *get_linkage_name(Dwarf_Die *function) {
    const char *name = debug_names_string(function, DW_AT_linkage_name);
    if (!name)
        name = debug_names_string(function, DW_AT_MIPS_linkage_name);
    return !name && is_ada(function) ? debug_names_string(function, DW_AT_name) : name;
}

bool debug_names_is_internal(Dwarf_Die *function) {
    const char *name = get_linkage_name(function);
    const char *prefix = c_libraries_usual()->hidden_prefix;
    return name && strncmp(name, prefix, strlen(prefix)) == 0;
}

bool debug_names_linkage(Dwarf_Die *function, struct text *text) {
    const char *name = get_linkage_name(function);
    if (!name || debug_names_is_internal(function) || is_plain_name(function, name))
        return false;
    append_demangled(function, name, text);
    return true;
}

/* The declaration at the end of the chain is where the function's scopes are. */
static Dwarf_Die find_declaration(Dwarf_Die die) {
    for (int i = 0; i < ORIGIN_LIMIT; i++) {
        Dwarf_Attribute found;
        Dwarf_Die origin;
        if (!dwarf_attr(&die, DW_AT_abstract_origin, &found) &&
            !dwarf_attr(&die, DW_AT_specification, &found))
            break;
        if (!dwarf_formref_die(&found, &origin))
            break;
        die = origin;
    }
    return die;
}

static bool has_scopes(Dwarf_Die *die) {
    switch (language_of(die)) {
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case DW_LANG_Mips_Assembler:
    case -1:
        return false;
    default:
        return true;
    }
}

/* Appends the part of a qualified name that one scope gives. */
static void append_scope(Dwarf_Die *scope, struct text *text) {
    const char *name = debug_names_string(scope, DW_AT_name);
    switch (dwarf_tag(scope)) {
    case DW_TAG_namespace:
        text_append(text, name ? name : "(anonymous namespace)");
        break;
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
        text_append(text, name ? name : "{unnamed}");
        break;
    case DW_TAG_subprogram:
        if (!debug_names_linkage(scope, text))
            text_append(text, name ? name : "{unnamed}");
        break;
    default:
        return;
    }
    text_append(text, "::");
}

/* A linkage name tells the scopes around it, too. */
static int outermost_scope(Dwarf_Die *scopes, int count) {
    for (int i = 1; i < count; i++) {
        if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram &&
            debug_names_string(&scopes[i], DW_AT_linkage_name))
            return i;
    }
    return count - 1;
}

static void debug_names_append_scopes(Dwarf_Die *function, struct text *text) {
    Dwarf_Die declaration = find_declaration(*function);
    Dwarf_Die *scopes = NULL;
    int count = has_scopes(&declaration) ? dwarf_getscopes_die(&declaration, &scopes) : 0;
    if (count > 0) {
        for (int i = outermost_scope(scopes, count); i > 0; i--)
            append_scope(&scopes[i], text);
    }
    free(scopes);
}

bool debug_names_qualified(Dwarf_Die *function, struct text *text) {
    const char *name = debug_names_string(function, DW_AT_name);
    if (!name)
        return false;
    debug_names_append_scopes(function, text);
    text_append(text, name);
    return true;
}

/* Builds that map their directory away leave a relative one, which would make nothing absolute. */
static bool append_file(Dwarf_Die *unit, const char *path, struct text *text) {
    Dwarf_Attribute found;
    if (!path || path[0] == '\0')
        return false;
    const char *directory = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &found));
    if (path[0] != '/' && directory && directory[0] == '/')
        text_printf(text, "%s/", directory);
    text_append(text, path);
    return true;
}

bool debug_names_source(Dwarf_Die *unit, uint64_t address, struct text *text, uint32_t *line_ret) {
    int line = 0;
    Dwarf_Line *row = dwarf_getsrc_die(unit, address);
    if (!row)
        return false;
    dwarf_lineno(row, &line);
    *line_ret = (uint32_t)line;
    return append_file(unit, dwarf_linesrc(row, NULL, NULL), text);
}

static uint32_t debug_names_get_number(Dwarf_Die *die, unsigned attribute) {
    Dwarf_Attribute found;
    Dwarf_Word number;
    if (dwarf_formudata(dwarf_attr(die, attribute, &found), &number) != 0 || number > INT32_MAX)
        return 0;
    return (uint32_t)number;
}

bool debug_names_call_site(Dwarf_Die *inlined, struct text *text, uint32_t *line_ret) {
    Dwarf_Die unit;
    Dwarf_Files *files;
    size_t count;
    if (!dwarf_hasattr(inlined, DW_AT_call_file) || !dwarf_diecu(inlined, &unit, NULL, NULL) ||
        dwarf_getsrcfiles(&unit, &files, &count) != 0)
        return false;
    *line_ret = debug_names_get_number(inlined, DW_AT_call_line);
    return append_file(
        &unit, dwarf_filesrc(files, debug_names_get_number(inlined, DW_AT_call_file), NULL, NULL),
        text);
}

bool debug_names_lacks_lines(Dwarf_Die *unit) {
    Dwarf_Lines *lines;
    size_t count;
    return dwarf_hasattr(unit, DW_AT_stmt_list) && dwarf_getsrclines(unit, &lines, &count) != 0;
}
