#include "modules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debug_files.h"
#include "elf_file.h"
#include "memory.h"

/* A file that is or was loaded. */
struct module {
    char *path;
    struct elf_facts facts;
    uint64_t bias; /* where it was loaded last */
    Dwfl *dwfl;
    Dwfl_Module *file;
    bool opened; /* or tried in vain */
    bool functions_loaded;
    struct intervals functions;
};

struct placement {
    uint64_t bias;
    uint64_t start;
    uint64_t end;
    uint32_t module;
};

struct layout {
    struct placement *search_order;
    struct placement *by_address; /* the second half of the same block */
    size_t count;
};

struct modules {
    struct module **items;
    size_t count;
    size_t capacity;
    struct layout layout;
    struct placement *unloaded; /* in the order of unloading, the latest last */
    size_t unloaded_count;
    size_t unloaded_capacity;
    uint64_t generation;
    char *debug_directories;
    Dwfl_Callbacks callbacks;
};

int modules_create(struct modules **ret) {
    struct modules *modules = memory_allocate_zeroed(1, sizeof *modules);
    if (!modules)
        return TMPALLOC_E_NOMEM;
    if (modules_set_debug_directories(modules, DEBUG_FILES_DIRECTORIES) != TMPALLOC_OK) {
        memory_release(modules);
        return TMPALLOC_E_NOMEM;
    }
    modules->callbacks = (Dwfl_Callbacks){.find_elf = debug_files_find_elf,
                                          .find_debuginfo = debug_files_find,
                                          .section_address = dwfl_offline_section_address,
                                          .debuginfo_path = &modules->debug_directories};
    *ret = modules;
    return TMPALLOC_OK;
}

static void destroy_module(struct module *module) {
    intervals_deinit(&module->functions);
    if (module->dwfl)
        dwfl_end(module->dwfl);
    memory_release(module->path);
    memory_release(module);
}

static void deinit_layout(struct layout *layout) {
    memory_release(layout->search_order);
    *layout = (struct layout){0};
}

void modules_destroy(struct modules *modules) {
    if (!modules)
        return;
    for (size_t i = 0; i < modules->count; i++)
        destroy_module(modules->items[i]);
    memory_release(modules->items);
    deinit_layout(&modules->layout);
    memory_release(modules->unloaded);
    memory_release(modules->debug_directories);
    memory_release(modules);
}

int modules_set_debug_directories(struct modules *modules, const char *directories) {
    char *copy = memory_copy_string(directories);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    memory_release(modules->debug_directories);
    modules->debug_directories = copy;
    return TMPALLOC_OK;
}

static bool same_file(const struct module *module, const char *path,
                      const struct elf_facts *facts) {
    return strcmp(module->path, path) == 0 && facts->build_id.size != 0 &&
           elf_build_id_equal(&module->facts.build_id, &facts->build_id);
}

static struct module *create_module(const char *path, const struct elf_facts *facts) {
    struct module *module = memory_allocate_zeroed(1, sizeof *module);
    char *copy = memory_copy_string(path);
    if (!module || !copy) {
        memory_release(module);
        memory_release(copy);
        return NULL;
    }
    module->path = copy;
    module->facts = *facts;
    return module;
}

static int add_module(struct modules *modules, const char *path, const struct elf_facts *facts,
                      uint32_t *ret) {
    if (memory_reserve((void **)&modules->items, &modules->capacity, modules->count + 1,
                       sizeof(struct module *)))
        return TMPALLOC_E_NOMEM;
    struct module *module = create_module(path, facts);
    if (!module)
        return TMPALLOC_E_NOMEM;
    *ret = (uint32_t)modules->count;
    modules->items[modules->count++] = module;
    return TMPALLOC_OK;
}

static bool read_facts(const char *path, struct elf_facts *ret) {
    int fd = elf_file_open(path);
    if (fd < 0)
        return false;
    bool valid = elf_file_facts(fd, ret);
    close(fd);
    return valid;
}

static bool find_by_stamp(const struct modules *modules, const char *path, uint32_t *ret) {
    struct elf_stamp stamp;
    if (!elf_path_stamp(path, &stamp))
        return false;
    for (size_t i = modules->count; i > 0; i--) {
        const struct module *module = modules->items[i - 1];
        if (!elf_stamp_equal(&module->facts.stamp, &stamp) || strcmp(module->path, path) != 0)
            continue;
        *ret = (uint32_t)(i - 1);
        return true;
    }
    return false;
}

/* TMPALLOC_E_IO: the file can't be read. */
static int find_or_add(struct modules *modules, const char *path, uint32_t *ret) {
    struct elf_facts facts;
    if (find_by_stamp(modules, path, ret))
        return TMPALLOC_OK;
    if (!read_facts(path, &facts))
        return TMPALLOC_E_IO;
    for (size_t i = modules->count; i > 0; i--) {
        if (!same_file(modules->items[i - 1], path, &facts))
            continue;
        *ret = (uint32_t)(i - 1);
        return TMPALLOC_OK;
    }
    return add_module(modules, path, &facts, ret);
}

static int compare_addresses(const void *left, const void *right) {
    const struct placement *one = left;
    const struct placement *other = right;
    return (one->start > other->start) - (one->start < other->start);
}

static int place(struct modules *modules, const struct loaded_file *loaded, struct layout *layout) {
    uint32_t number;
    int status = find_or_add(modules, loaded->path, &number);
    if (status != TMPALLOC_OK)
        return status;
    const struct elf_facts *facts = &modules->items[number]->facts;
    uint64_t bias = loaded->placed ? loaded->bias : loaded->text_address - facts->text_address;
    if (bias != 0 && !facts->relocatable)
        return TMPALLOC_E_IO;
    layout->search_order[layout->count++] = (struct placement){
        .module = number, .bias = bias, .start = facts->start + bias, .end = facts->end + bias};
    return TMPALLOC_OK;
}

static int build_layout(struct modules *modules, const struct loaded_file *loaded, size_t count,
                        struct layout *ret) {
    struct layout layout = {0};
    layout.search_order = memory_allocate_zeroed(count, 2 * sizeof *layout.search_order);
    if (!layout.search_order)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        if (place(modules, &loaded[i], &layout) == TMPALLOC_E_NOMEM) {
            deinit_layout(&layout);
            return TMPALLOC_E_NOMEM;
        }
    }
    layout.by_address = layout.search_order + layout.count;
    if (layout.count) {
        memcpy(layout.by_address, layout.search_order, layout.count * sizeof *layout.by_address);
        qsort(layout.by_address, layout.count, sizeof *layout.by_address, compare_addresses);
    }
    *ret = layout;
    return TMPALLOC_OK;
}

static bool same_placement(const struct placement *one, const struct placement *other) {
    return one->module == other->module && one->bias == other->bias;
}

static bool contains(const struct layout *layout, const struct placement *wanted) {
    for (size_t i = 0; i < layout->count; i++) {
        if (same_placement(&layout->search_order[i], wanted))
            return true;
    }
    return false;
}

/* A library that comes and goes keeps one place: memory follows the number of libraries. */
static int note_unloaded(struct modules *modules, const struct placement *unloaded) {
    size_t i = 0;
    while (i < modules->unloaded_count && !same_placement(&modules->unloaded[i], unloaded))
        i++;
    if (i == modules->unloaded_count) {
        if (memory_reserve((void **)&modules->unloaded, &modules->unloaded_capacity, i + 1,
                           sizeof *modules->unloaded))
            return TMPALLOC_E_NOMEM;
        modules->unloaded_count++;
    }
    struct placement *places = modules->unloaded;
    memmove(&places[i], &places[i + 1], (modules->unloaded_count - 1 - i) * sizeof *places);
    places[modules->unloaded_count - 1] = *unloaded;
    return TMPALLOC_OK;
}

/* *any_ret: something was. */
static int note_all_unloaded(struct modules *modules, const struct layout *layout, bool *any_ret) {
    const struct layout *before = &modules->layout;
    *any_ret = false;
    for (size_t i = 0; i < before->count; i++) {
        if (contains(layout, &before->search_order[i]))
            continue;
        *any_ret = true;
        if (note_unloaded(modules, &before->search_order[i]) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    return TMPALLOC_OK;
}

static bool same_layout(const struct layout *one, const struct layout *other) {
    if (one->count != other->count)
        return false;
    for (size_t i = 0; i < one->count; i++) {
        if (!same_placement(&one->search_order[i], &other->search_order[i]))
            return false;
    }
    return true;
}

int modules_update(struct modules *modules, const struct loaded_file *loaded, size_t count,
                   bool *changed_ret, struct error *error) {
    struct layout layout;
    bool unloaded;
    if (build_layout(modules, loaded, count, &layout) != TMPALLOC_OK)
        return error_no_memory(error);
    if (note_all_unloaded(modules, &layout, &unloaded) != TMPALLOC_OK) {
        deinit_layout(&layout);
        return error_no_memory(error);
    }
    if (changed_ret)
        *changed_ret = !same_layout(&modules->layout, &layout);
    if (unloaded)
        modules->generation++;
    deinit_layout(&modules->layout);
    modules->layout = layout;
    for (size_t i = layout.count; i > 0; i--) /* the first place of a file counts */
        modules->items[layout.search_order[i - 1].module]->bias = layout.search_order[i - 1].bias;
    return TMPALLOC_OK;
}

uint64_t modules_generation(const struct modules *modules) {
    return modules->generation;
}

/* The file whose addresses include this one; NULL: none. */
static const struct placement *find_placement(const struct layout *layout, uint64_t address) {
    size_t low = 0;
    size_t high = layout->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (layout->by_address[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct placement *below = low ? &layout->by_address[low - 1] : NULL;
    return below && address < below->end ? below : NULL;
}

static struct frame make_frame(const struct placement *found, uint64_t address, bool exact) {
    return (struct frame){.offset = found ? address - found->bias : address,
                          .module = found ? found->module : FRAME_NO_MODULE,
                          .exact = exact};
}

/* A call at the very end of a file returns to an address behind it. */
struct frame modules_frame(const struct modules *modules, uint64_t address, bool exact) {
    return make_frame(find_placement(&modules->layout, address - !exact), address, exact);
}

struct frame modules_past_frame(const struct modules *modules, uint64_t address, bool exact) {
    const struct placement *found = find_placement(&modules->layout, address - !exact);
    for (size_t i = modules->unloaded_count; !found && i > 0; i--) {
        const struct placement *past = &modules->unloaded[i - 1];
        if (address - !exact >= past->start && address - !exact < past->end)
            found = past;
    }
    return make_frame(found, address, exact);
}

uint64_t modules_address(const struct modules *modules, const struct frame *frame) {
    if (frame->module == FRAME_NO_MODULE)
        return frame->offset;
    return frame->offset + modules->items[frame->module]->bias;
}

const char *modules_path(const struct modules *modules, uint32_t module) {
    return modules->items[module]->path;
}

const struct elf_build_id *modules_build_id(const struct modules *modules, uint32_t module) {
    return &modules->items[module]->facts.build_id;
}

/* Whether an open file is the one that was loaded. */
static bool is_loaded_file(int fd, const struct elf_facts *loaded) {
    struct elf_facts facts;
    if (!elf_file_facts(fd, &facts))
        return false;
    if (loaded->build_id.size)
        return elf_build_id_equal(&facts.build_id, &loaded->build_id);
    return elf_stamp_equal(&facts.stamp, &loaded->stamp);
}

static void report_file(struct modules *modules, struct module *module, int fd) {
    void **userdata;
    dwfl_report_begin(module->dwfl);
    /* Relative to the program headers' addresses: the load bias is zero. */
    Dwfl_Module *file = dwfl_report_elf(module->dwfl, module->path, module->path, fd, 0, true);
    if (!file)
        close(fd);
    if (dwfl_report_end(module->dwfl, NULL, NULL) != 0 || !file)
        return;
    dwfl_module_info(file, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    *userdata = modules->debug_directories;
    module->file = file;
}

static void open_file(struct modules *modules, struct module *module) {
    int fd = elf_file_open(module->path);
    if (fd < 0)
        return;
    if (is_loaded_file(fd, &module->facts))
        module->dwfl = dwfl_begin(&modules->callbacks);
    if (module->dwfl)
        report_file(modules, module, fd);
    else
        close(fd);
}

Dwfl_Module *modules_dwfl(struct modules *modules, uint32_t number) {
    struct module *module = modules->items[number];
    if (!module->opened) {
        module->opened = true;
        open_file(modules, module);
    }
    return module->file;
}

int modules_functions(struct modules *modules, uint32_t number, const struct intervals **ret) {
    struct module *module = modules->items[number];
    Dwfl_Module *file = modules_dwfl(modules, number);
    if (!module->functions_loaded && file &&
        function_symbols_load(file, &module->functions) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    module->functions_loaded = true;
    *ret = &module->functions;
    return TMPALLOC_OK;
}

size_t modules_loaded_count(const struct modules *modules) {
    return modules->layout.count;
}

uint32_t modules_loaded(const struct modules *modules, size_t i) {
    return modules->layout.search_order[i].module;
}

bool modules_is_repeated(const struct modules *modules, size_t i, uint64_t *shift_ret) {
    const struct placement *place = &modules->layout.search_order[i];
    *shift_ret = place->bias - modules->items[place->module]->bias;
    return *shift_ret != 0;
}

bool modules_repeats_soname(struct modules *modules, const char *soname) {
    for (size_t i = 0; i < modules->layout.count; i++) {
        uint64_t shift;
        if (modules_is_repeated(modules, i, &shift) &&
            strcmp(modules_soname(modules, modules_loaded(modules, i)), soname) == 0)
            return true;
    }
    return false;
}

bool modules_is_dynamic(struct modules *modules, uint32_t module) {
    return modules->items[module]->facts.dynamic;
}

bool modules_is_library(struct modules *modules, uint32_t module) {
    const struct elf_facts *facts = &modules->items[module]->facts;
    return facts->dynamic && !facts->interpreted;
}

const char *modules_soname(struct modules *modules, uint32_t module) {
    return modules->items[module]->facts.soname;
}
