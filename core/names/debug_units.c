#include "names/debug_units.h"

#include <dwarf.h>
#include <string.h>

#include "support/intervals.h"
#include "support/memory.h"
#include "support/progress.h"
#include "tmpalloc/status.h"

/* Nesting of scopes that is followed; deeper comes from damaged files only. */
#define DEPTH_LIMIT 256

struct debug_unit {
    Dwarf_Die die;
    bool indexed;
    struct intervals functions; /* values index dies */
    Dwarf_Die *dies;
    size_t count;
    size_t capacity;
};

struct debug_units {
    const char *missing; /* the first file of split debug information that wasn't found, or NULL */
    size_t missing_count;
    struct debug_unit *items;
    size_t count;
    size_t capacity;
    struct intervals ranges; /* values index items */
};

static int add_ranges(struct intervals *intervals, Dwarf_Die *die, uint64_t value) {
    ptrdiff_t offset = 0;
    Dwarf_Addr base = 0;
    Dwarf_Addr start;
    Dwarf_Addr end;
    while ((offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0) {
        /* Linkers leave ranges of discarded sections behind at zero. */
        if (start == 0)
            continue;
        if (intervals_add(intervals, start, end, value, 0) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    return TMPALLOC_OK;
}

static int add_unit(struct debug_units *units, const Dwarf_Die *die) {
    if (MEMORY_RESERVE(units->items, &units->capacity, units->count + 1))
        return TMPALLOC_E_NOMEM;
    struct debug_unit *unit = &units->items[units->count];
    *unit = (struct debug_unit){.die = *die};
    return add_ranges(&units->ranges, &unit->die, units->count++);
}

static int collect_units(struct debug_units *units, Dwarf *dwarf) {
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        int tag = dwarf_tag(&die);
        if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit)
            continue;
        int status = progress_step("reading", units->count, 0, "compilation units");
        if (status == TMPALLOC_OK)
            status = add_unit(units, &die);
        if (status != TMPALLOC_OK)
            return status;
    }
    intervals_sort(&units->ranges);
    return TMPALLOC_OK;
}

int debug_units_create(Dwarf *dwarf, struct debug_units **ret) {
    struct debug_units *units = memory_allocate_zeroed(1, sizeof *units);
    if (!units)
        return TMPALLOC_E_NOMEM;
    int status = collect_units(units, dwarf);
    if (status != TMPALLOC_OK) {
        debug_units_destroy(units);
        return status;
    }
    *ret = units;
    return TMPALLOC_OK;
}

size_t debug_units_count(const struct debug_units *units) {
    return units->count;
}

const char *debug_units_directory(const struct debug_units *units, size_t i) {
    Dwarf_Attribute found;
    Dwarf_Die unit = units->items[i].die;
    return dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &found));
}

static void forget_functions(struct debug_unit *unit) {
    intervals_deinit(&unit->functions);
    memory_release(unit->dies);
    unit->dies = NULL;
    unit->count = unit->capacity = 0;
}

void debug_units_destroy(struct debug_units *units) {
    if (!units)
        return;
    for (size_t i = 0; i < units->count; i++)
        forget_functions(&units->items[i]);
    intervals_deinit(&units->ranges);
    memory_release(units->items);
    memory_release(units);
}

static int add_function(struct debug_unit *unit, Dwarf_Die *die) {
    if (MEMORY_RESERVE(unit->dies, &unit->capacity, unit->count + 1))
        return TMPALLOC_E_NOMEM;
    unit->dies[unit->count] = *die;
    return add_ranges(&unit->functions, die, unit->count++);
}

static bool holds_functions(int tag) {
    switch (tag) {
    case DW_TAG_subprogram: /* nested ones lie elsewhere */
    case DW_TAG_lexical_block:
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
        return true;
    default:
        return false;
    }
}

static int collect_functions(struct debug_unit *unit, Dwarf_Die *parent, unsigned depth) {
    Dwarf_Die die;
    int status = TMPALLOC_OK;
    if (depth == DEPTH_LIMIT || dwarf_child(parent, &die) != 0)
        return status;
    do {
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_subprogram)
            status = add_function(unit, &die);
        if (status == TMPALLOC_OK && holds_functions(tag))
            status = collect_functions(unit, &die, depth + 1);
    } while (status == TMPALLOC_OK && dwarf_siblingof(&die, &die) == 0);
    return status;
}

/* The DIE with the functions: a skeleton unit has them in another file (split DWARF). */
static Dwarf_Die functions_root(struct debug_units *units, struct debug_unit *unit) {
    Dwarf_Die split = {0};
    Dwarf_Attribute name;
    if (dwarf_tag(&unit->die) == DW_TAG_skeleton_unit || !dwarf_haschildren(&unit->die))
        dwarf_cu_info(unit->die.cu, NULL, NULL, NULL, &split, NULL, NULL, NULL);
    if (split.addr)
        return split;
    if ((dwarf_attr(&unit->die, DW_AT_dwo_name, &name) ||
         dwarf_attr(&unit->die, DW_AT_GNU_dwo_name, &name)) &&
        units->missing_count++ == 0)
        units->missing = dwarf_formstring(&name);
    return unit->die;
}

static int index_functions(struct debug_units *units, struct debug_unit *unit) {
    if (unit->indexed)
        return TMPALLOC_OK;
    Dwarf_Die root = functions_root(units, unit);
    if (collect_functions(unit, &root, 0) != TMPALLOC_OK) {
        forget_functions(unit);
        return TMPALLOC_E_NOMEM;
    }
    intervals_sort(&unit->functions);
    unit->indexed = true;
    return TMPALLOC_OK;
}

/* Keeps the innermost ones when there are too many. */
static void debug_units_push(struct debug_place *place, const Dwarf_Die *function) {
    if (place->count == DEBUG_UNITS_ACTIVATIONS)
        memmove(place->functions, place->functions + 1, --place->count * sizeof *function);
    place->functions[place->count++] = *function;
}

static bool debug_units_covers(Dwarf_Die *die, uint64_t address) {
    bool has_ranges = dwarf_hasattr(die, DW_AT_low_pc) || dwarf_hasattr(die, DW_AT_ranges);
    if (!has_ranges)
        return dwarf_tag(die) == DW_TAG_lexical_block;
    return dwarf_haspc(die, address) > 0;
}

static bool is_scope(int tag) {
    return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
           tag == DW_TAG_subprogram || tag == DW_TAG_try_block || tag == DW_TAG_catch_block ||
           tag == DW_TAG_with_stmt;
}

/* Pushes the activations inside of a scope, outermost first.  True: there are some. */
static bool debug_units_descend(struct debug_place *place, Dwarf_Die *scope, uint64_t address,
                                unsigned depth) {
    Dwarf_Die die;
    if (depth == DEPTH_LIMIT || dwarf_child(scope, &die) != 0)
        return false;
    do {
        int tag = dwarf_tag(&die);
        if (!is_scope(tag) || !debug_units_covers(&die, address))
            continue;
        /* A nested function is called, not inlined: what is around it isn't active. */
        if (tag == DW_TAG_subprogram)
            place->count = 0;
        bool is_function = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
        if (is_function)
            debug_units_push(place, &die);
        if (debug_units_descend(place, &die, address, depth + 1) || is_function)
            return true;
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

static void debug_units_reverse(struct debug_place *place) {
    for (size_t i = 0; i < place->count / 2; i++) {
        Dwarf_Die swapped = place->functions[i];
        place->functions[i] = place->functions[place->count - 1 - i];
        place->functions[place->count - 1 - i] = swapped;
    }
}

size_t debug_units_missing(const struct debug_units *units, const char **name_ret) {
    *name_ret = units->missing;
    return units->missing_count;
}

int debug_units_find(struct debug_units *units, uint64_t address, struct debug_place *ret) {
    const struct interval *range = intervals_covering(&units->ranges, address);
    ret->has_unit = range != NULL;
    ret->count = 0;
    if (!range)
        return TMPALLOC_OK;
    struct debug_unit *unit = &units->items[range->value];
    if (index_functions(units, unit) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    ret->unit = unit->die;
    const struct interval *function = intervals_covering(&unit->functions, address);
    if (!function)
        return TMPALLOC_OK;
    debug_units_push(ret, &unit->dies[function->value]);
    debug_units_descend(ret, &unit->dies[function->value], address, 0);
    debug_units_reverse(ret);
    return TMPALLOC_OK;
}
