#include "names/debug_copies.h"

#include <dwarf.h>
#include <string.h>

#include "names/debug_names.h"
#include "names/demangle.h"
#include "support/map.h"
#include "support/progress.h"
#include "tmpalloc/status.h"

#define DEPTH_LIMIT 256
#define SHOWN       4

struct search {
    const char *name;
    struct map origins; /* offset of a function's DIE -> 1 when it has the name, else 0 */
    struct text *places;
    struct text place;
    size_t shown;
    size_t count;
    int status;
};

static bool has_name(Dwarf_Die *function, const char *name) {
    const char *plain = debug_names_string(function, DW_AT_name);
    const char *linkage = debug_names_string(function, DW_AT_linkage_name);
    return (plain && strcmp(plain, name) == 0) ||
           (linkage && (strcmp(linkage, name) == 0 || demangle_matches(linkage, name)));
}

static bool is_copy_meant(struct search *search, Dwarf_Die *inlined) {
    Dwarf_Attribute found;
    Dwarf_Die origin;
    uint64_t known;
    if (!dwarf_attr(inlined, DW_AT_abstract_origin, &found) || !dwarf_formref_die(&found, &origin))
        return false;
    Dwarf_Off offset = dwarf_dieoffset(&origin);
    if (map_get(&search->origins, offset, &known))
        return known;
    known = has_name(&origin, search->name);
    int status = map_put(&search->origins, offset, known);
    if (status != TMPALLOC_OK)
        search->status = status;
    return known;
}

static bool has_code(Dwarf_Die *die) {
    return dwarf_hasattr(die, DW_AT_low_pc) || dwarf_hasattr(die, DW_AT_ranges) ||
           dwarf_hasattr(die, DW_AT_entry_pc);
}

/* Several copies of one place, made for copies of what is around it, are shown once. */
static void debug_copies_show(struct search *search, Dwarf_Die *around, Dwarf_Die *inlined) {
    struct text file = {0};
    uint32_t line = 0;
    text_clear(&search->place);
    if (!debug_names_qualified(around, &search->place))
        text_append(&search->place, "?");
    if (debug_names_call_site(inlined, &file, &line)) {
        const char *slash = strrchr(text_get(&file), '/');
        text_printf(&search->place, " at %s:%u", slash ? slash + 1 : text_get(&file), line);
    }
    text_deinit(&file);
    if (strstr(text_get(search->places), text_get(&search->place)))
        return;
    if (search->shown++ < SHOWN)
        text_printf(search->places, "%s%s", search->places->length > 0 ? ", " : "",
                    text_get(&search->place));
    else if (search->shown == SHOWN + 1)
        text_append(search->places, ", ...");
}

/* around: the function whose code it is. */
static void search_in(struct search *search, Dwarf_Die *parent, Dwarf_Die *around, unsigned depth) {
    Dwarf_Die die;
    if (depth == DEPTH_LIMIT || dwarf_child(parent, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);
        bool inlined = tag == DW_TAG_inlined_subroutine;
        if (inlined && has_code(&die) && is_copy_meant(search, &die)) {
            search->count++;
            debug_copies_show(search, around, &die);
        } else if (dwarf_haschildren(&die)) {
            search_in(search, &die, tag == DW_TAG_subprogram || inlined ? &die : around, depth + 1);
        }
    } while (search->status == TMPALLOC_OK && dwarf_siblingof(&die, &die) == 0);
}

int debug_copies_find(Dwarf *dwarf, const char *name, struct text *places, size_t *count_ret) {
    struct search search = {.name = name, .places = places};
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, split;
    size_t done = 0;
    map_init(&search.origins);
    text_init(&search.place);
    while (search.status == TMPALLOC_OK &&
           dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, &split) == 0) {
        search.status = progress_step("looking for copies", done++, 0, "compilation units");
        Dwarf_Die *root = split.addr ? &split : &die;
        if (search.status == TMPALLOC_OK)
            search_in(&search, root, root, 0);
    }
    map_deinit(&search.origins);
    text_deinit(&search.place);
    *count_ret = search.count;
    return search.status;
}
