#include "names/symbolizer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "names/debug_names.h"
#include "names/debug_units.h"
#include "names/demangle.h"
#include "names/elf_file.h"
#include "names/name_lists.h"
#include "support/arena.h"
#include "support/hash.h"
#include "support/map.h"
#include "support/memory.h"
#include "support/text.h"

/* What is known of one module's debug information. */
struct debug_module {
    bool opened;
    struct debug_units *units; /* NULL: there is none */
    Dwarf_Addr bias;           /* what to take off an address for DWARF */
    const char *build_id;      /* in hexadecimal digits; NULL: there is none */
    const char **directories;  /* of compilation; NULL: not looked for */
    enum debug_lack lack;
    const char *lacked; /* the file */
};

/* A cached answer. */
struct resolution {
    struct frame frame;
    size_t count;
    struct symbol symbols[];
};

/* A line of a Python function; strings are interned. */
struct python_place {
    const char *function;
    const char *file;
    uint32_t line;
};

struct symbolizer {
    struct modules *modules;
    struct debug_module *debug_modules; /* by module number */
    size_t debug_module_count;
    size_t debug_module_capacity;
    struct map resolutions;      /* hash of a frame -> struct resolution */
    struct map strings;          /* hash -> const char * */
    struct python_place *python; /* by number */
    size_t python_count;
    size_t python_capacity;
    struct map python_numbers; /* hash of a place -> number */
    struct arena arena;
    struct text text; /* being composed */
    /* Of the address being resolved. */
    struct debug_place place;
    const struct intervals *functions;
};

int symbolizer_create(struct modules *modules, struct symbolizer **ret) {
    struct symbolizer *symbolizer = memory_allocate_zeroed(1, sizeof *symbolizer);
    if (!symbolizer)
        return TMPALLOC_E_NOMEM;
    symbolizer->modules = modules;
    *ret = symbolizer;
    return TMPALLOC_OK;
}

void symbolizer_destroy(struct symbolizer *symbolizer) {
    if (!symbolizer)
        return;
    for (size_t i = 0; i < symbolizer->debug_module_count; i++)
        debug_units_destroy(symbolizer->debug_modules[i].units);
    memory_release(symbolizer->debug_modules);
    map_deinit(&symbolizer->resolutions);
    map_deinit(&symbolizer->strings);
    map_deinit(&symbolizer->python_numbers);
    memory_release(symbolizer->python);
    arena_deinit(&symbolizer->arena);
    text_deinit(&symbolizer->text);
    memory_release(symbolizer);
}

/* Takes the composed text as an interned string. */
static int take_text(struct symbolizer *symbolizer, const char **ret) {
    const struct text *text = &symbolizer->text;
    uint64_t known;
    if (text->failed)
        return TMPALLOC_E_NOMEM;
    uint64_t hash = hash_string(0, text_get(text));
    if (map_get(&symbolizer->strings, hash, &known) &&
        strcmp((const char *)(uintptr_t)known, text_get(text)) == 0) {
        *ret = (const char *)(uintptr_t)known;
        return TMPALLOC_OK;
    }
    char *copy = arena_allocate(&symbolizer->arena, text->length + 1, 1);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    int status = map_put(&symbolizer->strings, hash, (uintptr_t)copy);
    if (status != TMPALLOC_OK)
        return status;
    memcpy(copy, text_get(text), text->length);
    *ret = copy;
    return TMPALLOC_OK;
}

/* Python. */

static int symbolizer_intern_string(struct symbolizer *symbolizer, const char *string,
                                    const char **ret) {
    text_clear(&symbolizer->text);
    text_append(&symbolizer->text, string);
    return take_text(symbolizer, ret);
}

static bool same_place(const struct python_place *one, const struct python_place *other) {
    return one->function == other->function && one->file == other->file && one->line == other->line;
}

static int symbolizer_add_place(struct symbolizer *symbolizer, const struct python_place *place,
                                uint64_t hash, uint64_t *ret) {
    if (MEMORY_RESERVE(symbolizer->python, &symbolizer->python_capacity,
                       symbolizer->python_count + 1))
        return TMPALLOC_E_NOMEM;
    int status = map_put(&symbolizer->python_numbers, hash, symbolizer->python_count);
    if (status != TMPALLOC_OK)
        return status;
    *ret = symbolizer->python_count;
    symbolizer->python[symbolizer->python_count++] = *place;
    return TMPALLOC_OK;
}

int symbolizer_add_python(struct symbolizer *symbolizer, const char *function, const char *file,
                          uint32_t line, uint64_t *ret) {
    struct python_place place = {.line = line};
    if (symbolizer_intern_string(symbolizer, function, &place.function) != TMPALLOC_OK ||
        symbolizer_intern_string(symbolizer, file, &place.file) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    uint64_t hash = map_hash((uintptr_t)place.function) + map_hash((uintptr_t)place.file + line);
    for (; map_get(&symbolizer->python_numbers, hash, ret); hash++) {
        if (same_place(&symbolizer->python[*ret], &place))
            return TMPALLOC_OK;
    }
    return symbolizer_add_place(symbolizer, &place, hash, ret);
}

static int grow_debug_modules(struct symbolizer *symbolizer, size_t needed) {
    if (MEMORY_RESERVE(symbolizer->debug_modules, &symbolizer->debug_module_capacity, needed))
        return TMPALLOC_E_NOMEM;
    for (; symbolizer->debug_module_count < needed; symbolizer->debug_module_count++)
        symbolizer->debug_modules[symbolizer->debug_module_count] = (struct debug_module){0};
    return TMPALLOC_OK;
}

/* NULL in *ret when the file has none. */
static int build_id_digits(struct symbolizer *symbolizer, uint32_t module, const char **ret) {
    const struct elf_build_id *build_id = modules_build_id(symbolizer->modules, module);
    text_clear(&symbolizer->text);
    for (uint32_t i = 0; i < build_id->size; i++)
        text_printf(&symbolizer->text, "%02x", build_id->bytes[i]);
    *ret = NULL;
    return build_id->size > 0 ? take_text(symbolizer, ret) : TMPALLOC_OK;
}

static int note_lack(struct symbolizer *symbolizer, Dwfl_Module *file, Dwarf *dwarf,
                     struct debug_module *module) {
    char name[PATH_MAX];
    module->lack = file ? debug_files_lack(file, dwarf, name, sizeof name) : DEBUG_LACKS_NOTHING;
    return module->lack == DEBUG_LACKS_NOTHING
               ? TMPALLOC_OK
               : symbolizer_intern_string(symbolizer, name, &module->lacked);
}

static int open_debug_module(struct symbolizer *symbolizer, uint32_t number,
                             struct debug_module **ret) {
    if (grow_debug_modules(symbolizer, (size_t)number + 1) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    struct debug_module *module = &symbolizer->debug_modules[number];
    *ret = module;
    if (module->opened)
        return TMPALLOC_OK;
    Dwfl_Module *file = modules_dwfl(symbolizer->modules, number);
    Dwarf *dwarf = file ? dwfl_module_getdwarf(file, &module->bias) : NULL;
    if ((dwarf && !module->units && debug_units_create(dwarf, &module->units) != TMPALLOC_OK) ||
        note_lack(symbolizer, file, dwarf, module) != TMPALLOC_OK ||
        build_id_digits(symbolizer, number, &module->build_id) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    module->opened = true;
    return TMPALLOC_OK;
}

/* Appends the name of the ELF symbol that covers an address, demangled.  Where the symbol is only
 * wanted if it is mangled, others give nothing. */
static bool append_elf_name(struct symbolizer *symbolizer, uint64_t address, bool only_mangled) {
    const char *name = function_symbols_covering(symbolizer->functions, address, NULL);
    char *readable = name ? demangle(name, false) : NULL;
    bool wanted = name && (readable || !only_mangled);
    if (wanted && readable)
        text_append(&symbolizer->text, readable);
    else if (wanted)
        text_append_bytes(&symbolizer->text, name, name_plain_length(name));
    free(readable);
    return wanted;
}

/* Static functions and lambdas have no linkage name, but the symbol table knows their scopes.  Of
 * the aliases of a C library function it knows the one that people know. */
static bool append_function_name(struct symbolizer *symbolizer, uint64_t address, size_t i) {
    struct text *text = &symbolizer->text;
    struct debug_place *place = &symbolizer->place;
    if (i >= place->count)
        return append_elf_name(symbolizer, address, false);
    Dwarf_Die *function = &place->functions[i];
    bool inlined = i + 1 < place->count;
    return debug_names_linkage(function, text) ||
           (!inlined && append_elf_name(symbolizer, address, !debug_names_is_internal(function))) ||
           debug_names_qualified(function, text) ||
           (!inlined && append_elf_name(symbolizer, address, false));
}

static bool append_source(struct symbolizer *symbolizer, uint64_t dwarf_address, size_t i,
                          uint32_t *line_ret) {
    struct debug_place *place = &symbolizer->place;
    if (!place->has_unit)
        return false;
    if (i == 0)
        return debug_names_source(&place->unit, dwarf_address, &symbolizer->text, line_ret);
    return debug_names_call_site(&place->functions[i - 1], &symbolizer->text, line_ret);
}

static int symbolizer_fill(struct symbolizer *symbolizer, uint64_t address, uint64_t dwarf_address,
                           size_t i, struct symbol *symbol) {
    int status = TMPALLOC_OK;
    symbol->inlined = i + 1 < symbolizer->place.count;
    text_clear(&symbolizer->text);
    if (append_function_name(symbolizer, address, i))
        status = take_text(symbolizer, &symbol->function);
    text_clear(&symbolizer->text);
    if (status != TMPALLOC_OK)
        return status;
    if (append_source(symbolizer, dwarf_address, i, &symbol->line))
        return take_text(symbolizer, &symbol->file);
    return TMPALLOC_OK;
}

static struct resolution *create_resolution(struct symbolizer *symbolizer,
                                            const struct frame *frame, size_t count) {
    struct resolution *resolution =
        arena_allocate(&symbolizer->arena, 1, sizeof *resolution + count * sizeof(struct symbol));
    if (!resolution)
        return NULL;
    resolution->frame = *frame;
    resolution->count = count;
    bool known = frame->module != FRAME_NO_MODULE;
    for (size_t i = 0; i < count; i++)
        resolution->symbols[i] = (struct symbol){
            .address = modules_address(symbolizer->modules, frame),
            .offset = frame->offset,
            .module = known ? modules_path(symbolizer->modules, frame->module) : NULL};
    return resolution;
}

static void note_lines(const struct symbolizer *symbolizer, struct debug_module *module) {
    struct debug_place place = symbolizer->place;
    if (!place.has_unit || module->lack != DEBUG_LACKS_NOTHING ||
        !debug_names_lacks_lines(&place.unit))
        return;
    module->lack = DEBUG_LACKS_LINES;
    module->lacked = ".debug_line";
}

static int resolve_in_module(struct symbolizer *symbolizer, const struct frame *frame,
                             struct resolution **ret) {
    struct debug_module *module;
    uint64_t address = frame->offset - !frame->exact;
    if (open_debug_module(symbolizer, frame->module, &module) != TMPALLOC_OK ||
        modules_functions(symbolizer->modules, frame->module, &symbolizer->functions) !=
            TMPALLOC_OK ||
        (module->units && debug_units_find(module->units, address - module->bias,
                                           &symbolizer->place) != TMPALLOC_OK))
        return TMPALLOC_E_NOMEM;
    note_lines(symbolizer, module);
    size_t count = symbolizer->place.count ? symbolizer->place.count : 1;
    struct resolution *resolution = create_resolution(symbolizer, frame, count);
    for (size_t i = 0; resolution && i < count; i++) {
        resolution->symbols[i].build_id = module->build_id;
        if (symbolizer_fill(symbolizer, address, address - module->bias, i,
                            &resolution->symbols[i]) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    *ret = resolution;
    return resolution ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
}

static int resolve_python(struct symbolizer *symbolizer, const struct frame *frame,
                          struct resolution **ret) {
    static const struct python_place unknown;
    bool known = frame->offset < symbolizer->python_count;
    const struct python_place *place = known ? &symbolizer->python[frame->offset] : &unknown;
    struct resolution *resolution =
        arena_allocate(&symbolizer->arena, 1, sizeof *resolution + sizeof(struct symbol));
    if (!resolution)
        return TMPALLOC_E_NOMEM;
    resolution->frame = *frame;
    resolution->count = 1;
    resolution->symbols[0] = (struct symbol){
        .function = place->function, .file = place->file, .line = place->line, .python = true};
    *ret = resolution;
    return TMPALLOC_OK;
}

static int symbolizer_resolve_frame(struct symbolizer *symbolizer, const struct frame *frame,
                                    struct resolution **ret) {
    symbolizer->place.count = 0;
    symbolizer->place.has_unit = false;
    if (frame->module == FRAME_PYTHON)
        return resolve_python(symbolizer, frame, ret);
    if (frame->module != FRAME_NO_MODULE)
        return resolve_in_module(symbolizer, frame, ret);
    *ret = create_resolution(symbolizer, frame, 1);
    return *ret ? TMPALLOC_OK : TMPALLOC_E_NOMEM;
}

/* Units of one directory mostly follow each other. */
static int collect_directories(struct symbolizer *symbolizer, const struct debug_units *units,
                               const char **ret) {
    size_t count = 0;
    for (size_t i = 0; i < debug_units_count(units); i++) {
        const char *directory = debug_units_directory(units, i), *kept;
        if (!directory || directory[0] != '/')
            continue;
        if (count > 0 && strcmp(directory, ret[count - 1]) == 0)
            continue;
        if (symbolizer_intern_string(symbolizer, directory, &kept) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
        size_t known = 0;
        while (known < count && ret[known] != kept)
            known++;
        if (known == count)
            ret[count++] = kept;
    }
    return TMPALLOC_OK;
}

/* Among the loaded files, or when these are gone those that names were looked for in. */
static uint32_t find_module(const struct symbolizer *symbolizer, const char *path) {
    const struct modules *modules = symbolizer->modules;
    for (size_t i = 0; i < modules_loaded_count(modules); i++) {
        uint32_t number = modules_loaded(modules, i);
        if (strcmp(modules_path(modules, number), path) == 0)
            return number;
    }
    for (uint32_t number = 0; number < symbolizer->debug_module_count; number++) {
        if (strcmp(modules_path(modules, number), path) == 0)
            return number;
    }
    return FRAME_NO_MODULE;
}

const char *const *symbolizer_directories(struct symbolizer *symbolizer, const char *path) {
    struct debug_module *module;
    uint32_t number = path ? find_module(symbolizer, path) : FRAME_NO_MODULE;
    if (number == FRAME_NO_MODULE ||
        open_debug_module(symbolizer, number, &module) != TMPALLOC_OK || !module->units)
        return NULL;
    if (module->directories)
        return module->directories;
    const char **directories = arena_allocate(
        &symbolizer->arena, debug_units_count(module->units) + 1, sizeof *directories);
    if (!directories || collect_directories(symbolizer, module->units, directories) != TMPALLOC_OK)
        return NULL;
    module->directories = directories;
    return directories;
}

size_t symbolizer_missing(const struct symbolizer *symbolizer, const char **name_ret,
                          const char **module_ret) {
    size_t sum = 0;
    for (size_t i = 0; i < symbolizer->debug_module_count; i++) {
        const struct debug_units *units = symbolizer->debug_modules[i].units;
        const char *name;
        size_t count = units ? debug_units_missing(units, &name) : 0;
        if (count > 0 && sum == 0) {
            *name_ret = name;
            *module_ret = modules_path(symbolizer->modules, (uint32_t)i);
        }
        sum += count;
    }
    return sum;
}

size_t symbolizer_lacking(const struct symbolizer *symbolizer, enum debug_lack lack,
                          const char **name_ret, const char **module_ret) {
    size_t count = 0;
    for (size_t i = 0; i < symbolizer->debug_module_count; i++) {
        const struct debug_module *module = &symbolizer->debug_modules[i];
        if (module->lack != lack || count++ > 0)
            continue;
        *name_ret = module->lacked;
        *module_ret = modules_path(symbolizer->modules, (uint32_t)i);
    }
    return count;
}

static uint64_t hash_frame(const struct frame *frame) {
    return map_hash(frame->offset) ^ map_hash(((uint64_t)frame->module << 1) + !frame->exact);
}

static bool symbolizer_same_frame(const struct frame *one, const struct frame *other) {
    return one->offset == other->offset && one->module == other->module &&
           one->exact == other->exact;
}

int symbolizer_resolve(struct symbolizer *symbolizer, const struct frame *frame,
                       const struct symbol **ret, size_t *count_ret) {
    uint64_t known;
    uint64_t hash = hash_frame(frame);
    struct resolution *resolution = NULL;
    if (map_get(&symbolizer->resolutions, hash, &known))
        resolution = (struct resolution *)(uintptr_t)known;
    if (!resolution || !symbolizer_same_frame(&resolution->frame, frame)) {
        int status = symbolizer_resolve_frame(symbolizer, frame, &resolution);
        if (status == TMPALLOC_OK)
            status = map_put(&symbolizer->resolutions, hash, (uintptr_t)resolution);
        if (status != TMPALLOC_OK)
            return status;
    }
    *ret = resolution->symbols;
    *count_ret = resolution->count;
    return TMPALLOC_OK;
}
