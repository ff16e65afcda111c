#include "engines/entry_points.h"

#include <stdio.h>
#include <string.h>

#include "names/debug_copies.h"
#include "names/debug_parameters.h"
#include "support/log.h"
#include "support/memory.h"
#include "tmpalloc/allocator_functions.h"

struct known_entry {
    const char *symbol;
    const char *shown;
    struct entry_signature signature;
};

/* What the kinds of the list mean. */
#define ROLE_ALLOCATION  .role = ENTRY_ALLOCATE
#define ROLE_NEW         ROLE_ALLOCATION
#define ROLE_NEW_ALIGNED ROLE_ALLOCATION
#define ROLE_PLACEMENT   ROLE_ALLOCATION, .result = ENTRY_STORED
#define ROLE_MAPPING     ROLE_ALLOCATION, .result = ENTRY_RETURNED_MAPPED, .mapping = true
#define ROLE_COPY        ROLE_ALLOCATION, .result = ENTRY_RETURNED_STRING
#define ROLE_PATH        ROLE_COPY
#define ROLE_WIDE_COPY   ROLE_ALLOCATION, .result = ENTRY_RETURNED_WIDE_STRING
#define ROLE_RESIZE      .role = ENTRY_REALLOCATE
#define ROLE_RELEASE     .role = ENTRY_FREE
#define ROLE_UNMAPPING   ROLE_RELEASE, .mapping = true

#define ENTRY(kind, name, shown, size_argument, count_argument, pointer_argument, ...)             \
    {#name,                                                                                        \
     shown,                                                                                        \
     {ROLE_##kind, .size = size_argument, .count = count_argument, .pointer = pointer_argument}},

static const struct known_entry c_entries[] = {FOR_EACH_C_FUNCTION(ENTRY)};
static const struct known_entry mapping_entries[] = {FOR_EACH_MAPPING(ENTRY)};
static const struct known_entry operator_entries[] = {FOR_EACH_OPERATOR(ENTRY)};
static const struct known_entry secondary_entries[] = {FOR_EACH_SECONDARY_FUNCTION(ENTRY)};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct file {
    struct modules *modules;
    uint32_t module;
};

static bool entry_points_are_defined_by(void *arg, const char *name) {
    const struct file *file = arg;
    struct module_symbol symbol;
    return modules_find_function(file->modules, file->module, name,
                                 modules_is_dynamic(file->modules, file->module), &symbol);
}

/* The C library's own functions in a static executable have a second name. */
static bool is_of_static_c_library(struct modules *modules, const struct module_symbol *symbol) {
    char second[64];
    struct module_symbol found;
    snprintf(second, sizeof(second), "__%s", symbol->name);
    return modules_find_function(modules, symbol->module, second, false, &found) &&
           found.address == symbol->address;
}

/* Whether a function counts that libraries of this kind have by malloc; NULL: any does. */
static bool is_entry(struct modules *modules, const struct module_symbol *symbol,
                     const char *library) {
    struct file file = {modules, symbol->module};
    if (!library || allocator_implements(entry_points_are_defined_by, &file, library))
        return true;
    return strcmp(library, ALLOCATOR_C_LIBRARY) == 0 &&
           !modules_is_dynamic(modules, symbol->module) && !is_of_static_c_library(modules, symbol);
}

static struct entry_point *entry_points_find_address(struct entry_points *points,
                                                     uint64_t address) {
    for (size_t i = 0; i < points->count; i++) {
        if (points->items[i].address == address)
            return &points->items[i];
    }
    return NULL;
}

static void join_name(struct entry_point *point, const char *name) {
    size_t length = strlen(point->name);
    if (!strstr(point->name, name))
        snprintf(point->name + length, sizeof(point->name) - length, "/%s", name);
}

static void entry_points_place(struct entry_point *point, const struct module_symbol *symbol) {
    point->address = symbol->address;
    point->size_bytes = symbol->size_bytes;
    point->module = symbol->module;
    point->indirect = symbol->indirect;
}

static int entry_points_add(struct modules *modules, struct entry_points *points,
                            const struct module_symbol *found, const char *name,
                            const struct entry_signature *signature, bool custom) {
    struct module_symbol symbol = *found;
    modules_follow(modules, points->ignored, &symbol);
    struct entry_point *point = entry_points_find_address(points, symbol.address);
    if (point) {
        join_name(point, name);
        point->custom |= custom;
        return TMPALLOC_OK;
    }
    if (MEMORY_RESERVE(points->items, &points->capacity, points->count + 1))
        return TMPALLOC_E_NOMEM;
    point = &points->items[points->count++];
    *point = (struct entry_point){.signature = *signature, .custom = custom};
    entry_points_place(point, &symbol);
    snprintf(point->name, sizeof(point->name), "%s", name);
    LOG(LOG_MODULE, "%s %s at %#llx in %s", point->indirect ? "resolver of" : "entry point", name,
        (unsigned long long)point->address, modules_path(modules, point->module));
    return TMPALLOC_OK;
}

/* A table, and what tells the files in which its functions don't count; NULL: they always do. */
struct known_entries {
    const struct known_entry *items;
    size_t count;
    const char *library;
};

static int add_known_at(struct modules *modules, struct entry_points *points,
                        const struct module_symbol *symbol, const struct known_entries *known,
                        size_t i) {
    const struct known_entry *entry = &known->items[i];
    if (!is_entry(modules, symbol, known->library))
        return TMPALLOC_OK;
    return entry_points_add(modules, points, symbol, entry->shown, &entry->signature, false);
}

/* What is loaded by dlmopen() is bound to the C library that comes with it. */
static int add_repeated(struct modules *modules, struct entry_points *points,
                        const struct known_entries *known, size_t file, uint64_t shift) {
    uint32_t module = modules_loaded(modules, file);
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < known->count && status == TMPALLOC_OK; i++) {
        struct module_symbol symbol;
        if (!modules_find_function(modules, module, known->items[i].symbol, true, &symbol))
            continue;
        symbol.address += shift;
        status = add_known_at(modules, points, &symbol, known, i);
    }
    return status;
}

static int add_known(struct modules *modules, struct entry_points *points,
                     const struct known_entries *known) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < known->count && status == TMPALLOC_OK; i++) {
        struct module_symbol symbol;
        if (modules_find_binding(modules, known->items[i].symbol, points->ignored, &symbol))
            status = add_known_at(modules, points, &symbol, known, i);
    }
    for (size_t i = 0; i < modules_loaded_count(modules) && status == TMPALLOC_OK; i++) {
        uint64_t shift;
        uint32_t module = modules_loaded(modules, i);
        if (modules_is_repeated(modules, i, &shift) && module != points->ignored &&
            !modules_is_dynamic_linker(modules, module))
            status = add_repeated(modules, points, known, i, shift);
    }
    return status;
}

/* False: nobody knows where the copy has what the function has in that argument. */
static bool find_argument(struct modules *modules, const struct module_symbol *copy,
                          uint8_t argument, struct debug_parameter *ret) {
    struct frame place = modules_frame(modules, copy->address, true);
    Dwarf_Addr bias;
    Dwfl_Module *file = modules_dwfl(modules, copy->module);
    Dwarf *dwarf = file ? dwfl_module_getdwarf(file, &bias) : NULL;
    *ret = (struct debug_parameter){.kind = DEBUG_PARAMETER_UNKNOWN};
    if (dwarf)
        *ret = debug_parameter_find(dwarf, place.offset - bias, argument);
    return ret->kind != DEBUG_PARAMETER_UNKNOWN;
}

static bool follow_arguments(struct modules *modules, const struct module_symbol *copy,
                             struct entry_signature *signature) {
    struct debug_parameter found;
    if (signature->pointer) {
        if (!find_argument(modules, copy, signature->pointer, &found) ||
            found.kind != DEBUG_PARAMETER_IN_REGISTER)
            return false;
        signature->pointer = (uint8_t)found.number;
    }
    if (signature->size) {
        if (!find_argument(modules, copy, signature->size, &found))
            return false;
        bool fixed = found.kind == DEBUG_PARAMETER_CONSTANT;
        signature->size = fixed ? 0 : (uint8_t)found.number;
        signature->fixed_size = fixed ? found.number : 0;
    }
    return true;
}

static void entry_points_leave_out(struct entry_points *points, const char *name) {
    size_t length = strlen(points->left_out);
    snprintf(points->left_out + length, sizeof(points->left_out) - length, "%s%s",
             length > 0 ? ", " : "", name);
}

/* As the user named it, with what the compiler appended. */
static void name_copy(const struct user_function *function, const char *name, char *ret) {
    const char *suffix = function->copy ? strchr(function->symbol.name + 1, '.') : NULL;
    snprintf(ret, ENTRY_NAME_BYTES, "%s%s", name, suffix ? suffix : "");
}

static int add_copy(struct modules *modules, struct entry_points *points, const char *name,
                    const struct user_function *function, struct entry_signature signature) {
    const struct module_symbol *symbol = &function->symbol;
    char full_name[ENTRY_NAME_BYTES];
    name_copy(function, name, full_name);
    if (function->changed && !follow_arguments(modules, symbol, &signature)) {
        entry_points_leave_out(points, full_name);
        return TMPALLOC_OK;
    }
    return entry_points_add(modules, points, symbol, full_name, &signature, true);
}

static int add_user_function(struct modules *modules, struct entry_points *points, const char *name,
                             const struct entry_signature *signature, const char **missing) {
    struct user_functions found;
    int status = TMPALLOC_OK;
    if (name[0] == '\0')
        return TMPALLOC_OK;
    if (!modules_find_user_functions(modules, name, &found)) {
        if (!*missing)
            *missing = name;
        return TMPALLOC_OK;
    }
    for (size_t i = 0; i < found.count && status == TMPALLOC_OK; i++)
        status = add_copy(modules, points, name, &found.items[i], *signature);
    if (found.cut)
        entry_points_leave_out(points, name);
    return status;
}

static int entry_points_add_custom(struct modules *modules, struct entry_points *points,
                                   const struct entry_custom *custom, const char **missing) {
    int status =
        add_user_function(modules, points, custom->alloc, &custom->alloc_signature, missing);
    if (status != TMPALLOC_OK)
        return status;
    status = add_user_function(modules, points, custom->free, &custom->free_signature, missing);
    if (status != TMPALLOC_OK)
        return status;
    return add_user_function(modules, points, custom->realloc, &custom->realloc_signature, missing);
}

#define KNOWN(entries, library)                                                                    \
    (&(const struct known_entries){(entries), COUNT(entries), (library)})

int entry_points_resolve(struct modules *modules, const struct entry_options *options,
                         struct entry_points *ret, struct error *error) {
    struct entry_points points = {.ignored = FRAME_NO_MODULE};
    const char *missing = NULL;
    int status = TMPALLOC_OK;
    if (options->ignored_soname)
        modules_find_soname(modules, options->ignored_soname, &points.ignored);
    for (size_t i = 0; status == TMPALLOC_OK && i < options->custom_count; i++)
        status = entry_points_add_custom(modules, &points, &options->custom[i], &missing);
    if (status == TMPALLOC_OK)
        status = add_known(modules, &points, KNOWN(c_entries, NULL));
    if (status == TMPALLOC_OK)
        status = add_known(modules, &points, KNOWN(operator_entries, ALLOCATOR_CXX_LIBRARY));
    if (status == TMPALLOC_OK)
        status = add_known(modules, &points, KNOWN(secondary_entries, ALLOCATOR_C_LIBRARY));
    if (status == TMPALLOC_OK && options->mappings)
        status = add_known(modules, &points, KNOWN(mapping_entries, NULL));
    if (status != TMPALLOC_OK) {
        entry_points_deinit(&points);
        return error_no_memory(error);
    }
    *ret = points;
    if (missing)
        return error_set(error, TMPALLOC_E_STATE, "no function %s in the loaded files", missing);
    return TMPALLOC_OK;
}

bool entry_point_follow(struct modules *modules, const struct entry_points *points,
                        struct entry_point *point) {
    struct module_symbol symbol = {
        .name = "", .address = point->address, .module = point->module, .indirect = true};
    if (point->indirect && modules_follow(modules, points->ignored, &symbol))
        entry_points_place(point, &symbol);
    return !point->indirect;
}

void entry_points_deinit(struct entry_points *points) {
    memory_release(points->items);
    *points = (struct entry_points){0};
}

/* Takes one ":KEY=ARG" off the end of text.  Colons within C++ names are left alone. */
static bool parse_argument(char *text, struct entry_signature *signature, bool *bad) {
    char *colon = strrchr(text, ':');
    char *equals = colon ? strchr(colon, '=') : NULL;
    if (!equals)
        return false;
    bool size = strncmp(colon, ":size=", 6) == 0 && signature->role != ENTRY_FREE;
    bool pointer = strncmp(colon, ":ptr=", 5) == 0 && signature->role != ENTRY_ALLOCATE;
    *bad = !(size || pointer) || equals[1] < '1' || equals[1] > '6' || equals[2] != '\0';
    if (size)
        signature->size = (uint8_t)(equals[1] - '0');
    else if (pointer)
        signature->pointer = (uint8_t)(equals[1] - '0');
    *colon = '\0';
    return !*bad;
}

static bool parse_function(char *text, char *name, struct entry_signature *signature) {
    bool bad = false;
    while (parse_argument(text, signature, &bad))
        continue;
    size_t length = strlen(text);
    if (bad || length == 0 || length >= ENTRY_NAME_BYTES)
        return false;
    memcpy(name, text, length + 1);
    return true;
}

static bool parse_part(char *part, struct entry_custom *custom) {
    char *value = strchr(part, '=');
    if (!value)
        return false;
    *value++ = '\0';
    if (strcmp(part, "alloc") == 0)
        return parse_function(value, custom->alloc, &custom->alloc_signature);
    if (strcmp(part, "free") == 0)
        return parse_function(value, custom->free, &custom->free_signature);
    if (strcmp(part, "realloc") == 0)
        return parse_function(value, custom->realloc, &custom->realloc_signature);
    return false;
}

int entry_custom_parse(const char *spec, struct entry_custom *ret, struct error *error) {
    static const char accepted[] =
        "python, or alloc=NAME[:size=ARG],free=NAME[:ptr=ARG][,realloc=NAME:ptr=ARG:size=ARG], "
        "ARG 1 to 6";
    struct entry_custom custom = {
        .alloc_signature = {.role = ENTRY_ALLOCATE, .size = 1},
        .free_signature = {.role = ENTRY_FREE, .pointer = 1},
        .realloc_signature = {.role = ENTRY_REALLOCATE, .pointer = 1, .size = 2},
    };
    char *copy = memory_copy_string(spec);
    if (!copy)
        return error_no_memory(error);
    bool valid = true;
    char *rest = NULL;
    for (char *part = strtok_r(copy, ",", &rest); part && valid; part = strtok_r(NULL, ",", &rest))
        valid = parse_part(part, &custom);
    memory_release(copy);
    if (!valid || custom.alloc[0] == '\0' || custom.free[0] == '\0')
        return error_set(error, TMPALLOC_E_ARGUMENT, "bad allocator '%s': accepted is %s", spec,
                         accepted);
    *ret = custom;
    return TMPALLOC_OK;
}

/* Without debug information a part that was made a function is the only trace. */
static void append_parted(struct modules *modules, uint32_t module, const char *name,
                          struct text *text) {
    struct user_functions found;
    modules_find_user_functions(modules, name, &found);
    if (found.parted_in == module)
        text_printf(text, "%s%s is inlined in part, where no call can be counted",
                    text->length > 0 ? "; " : "", name);
}

int entry_points_inlined(struct modules *modules, uint32_t module, const char *name,
                         struct text *text) {
    struct text places;
    Dwarf_Addr bias;
    size_t count = 0;
    Dwfl_Module *file = modules_dwfl(modules, module);
    Dwarf *dwarf = file ? dwfl_module_getdwarf(file, &bias) : NULL;
    if (!dwarf) {
        append_parted(modules, module, name, text);
        return TMPALLOC_OK;
    }
    text_init(&places);
    int status = debug_copies_find(dwarf, name, &places, &count);
    if (count > 0)
        text_printf(text, "%s%s is inlined in %zu place%s (%s), where no call can be counted",
                    text->length > 0 ? "; " : "", name, count, count > 1 ? "s" : "",
                    text_get(&places));
    text_deinit(&places);
    return status;
}
