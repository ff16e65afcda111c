#include "names/modules_state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names/debug_files.h"
#include "support/log.h"
#include "support/memory.h"

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
    if (module->fd >= 0)
        close(module->fd);
    memory_release(module->path);
    memory_release(module);
}

void modules_destroy(struct modules *modules) {
    if (!modules)
        return;
    for (size_t i = 0; i < modules->count; i++)
        destroy_module(modules->items[i]);
    memory_release(modules->items);
    modules_deinit_layout(&modules->layout);
    memory_release(modules->unloaded);
    memory_release(modules->debug_directories);
    text_deinit(&modules->unmatched);
    map_deinit(&modules->targets);
    memory_release(modules);
}

void modules_set_process(struct modules *modules, const struct module_process *process) {
    modules->process = *process;
}

void modules_set_replacing(struct modules *modules, modules_replacing replacing, void *arg) {
    modules->replacing = replacing;
    modules->replacing_arg = arg;
}

size_t modules_unmatched(const struct modules *modules, const char **path_ret) {
    *path_ret = text_get(&modules->unmatched);
    return modules->unmatched_count;
}

size_t modules_compressed(const struct modules *modules, const char **path_ret) {
    size_t count = 0;
    *path_ret = "";
    for (size_t i = 0; i < modules->layout.count; i++) {
        const struct module *module = modules->items[modules->layout.search_order[i].module];
        if (module->facts.compressed && count++ == 0)
            *path_ret = module->path;
    }
    return count;
}

int modules_set_debug_directories(struct modules *modules, const char *directories) {
    char *copy = memory_copy_string(directories);
    if (!copy)
        return TMPALLOC_E_NOMEM;
    memory_release(modules->debug_directories);
    modules->debug_directories = copy;
    return TMPALLOC_OK;
}

static bool same_placement(const struct placement *one, const struct placement *other) {
    return one->module == other->module && one->bias == other->bias;
}

static bool modules_state_contains(const struct layout *layout, const struct placement *wanted) {
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
        if (MEMORY_RESERVE(modules->unloaded, &modules->unloaded_capacity, i + 1))
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
        if (modules_state_contains(layout, &before->search_order[i]))
            continue;
        *any_ret = true;
        LOG(LOG_MODULE, "%s was unloaded", modules_path(modules, before->search_order[i].module));
        if (note_unloaded(modules, &before->search_order[i]) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    return TMPALLOC_OK;
}

static void log_loaded(const struct modules *modules, const struct layout *layout) {
    for (size_t i = 0; i < layout->count; i++) {
        const struct placement *placement = &layout->search_order[i];
        if (!modules_state_contains(&modules->layout, placement))
            LOG(LOG_MODULE, "%s is loaded, bias %#llx", modules_path(modules, placement->module),
                (unsigned long long)placement->bias);
    }
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

static bool overlaps_other(const struct placement *places, size_t count,
                           const struct placement *added) {
    for (size_t i = 0; i < count; i++) {
        const struct placement *place = &places[i];
        if (place->start < added->end && added->start < place->end && !same_placement(place, added))
            return true;
    }
    return false;
}

static bool modules_state_replaces(const struct modules *modules, const struct layout *layout) {
    const struct layout *before = &modules->layout;
    for (size_t i = 0; i < layout->count; i++) {
        const struct placement *place = &layout->search_order[i];
        if (!modules_state_contains(before, place) &&
            (overlaps_other(before->search_order, before->count, place) ||
             overlaps_other(modules->unloaded, modules->unloaded_count, place)))
            return true;
    }
    return false;
}

static int tell_replaced(struct modules *modules, const struct layout *layout,
                         struct error *error) {
    return modules->replacing && modules_state_replaces(modules, layout)
               ? modules->replacing(modules->replacing_arg, error)
               : TMPALLOC_OK;
}

/* Takes over the layout. */
static void set_layout(struct modules *modules, const struct layout *layout, bool unloaded) {
    if (unloaded) {
        modules->generation++;
        map_clear(&modules->targets);
    }
    modules_deinit_layout(&modules->layout);
    modules->layout = *layout;
    for (size_t i = layout->count; i > 0; i--) { /* the first place of a file counts */
        const struct placement *place = &modules->layout.search_order[i - 1];
        modules->items[place->module]->bias = place->bias;
    }
}

int modules_update(struct modules *modules, const struct loaded_file *loaded, size_t count,
                   bool *changed_ret, struct error *error) {
    struct layout layout;
    bool unloaded;
    if (modules_build_layout(modules, loaded, count, &layout) != TMPALLOC_OK)
        return error_no_memory(error);
    int status = tell_replaced(modules, &layout, error);
    if (status == TMPALLOC_OK && note_all_unloaded(modules, &layout, &unloaded) != TMPALLOC_OK)
        status = error_no_memory(error);
    if (status != TMPALLOC_OK) {
        modules_deinit_layout(&layout);
        return status;
    }
    if (changed_ret)
        *changed_ret = !same_layout(&modules->layout, &layout);
    if (log_wanted >= LOG_MODULE)
        log_loaded(modules, &layout);
    set_layout(modules, &layout, unloaded);
    return TMPALLOC_OK;
}

uint64_t modules_generation(const struct modules *modules) {
    return modules->generation;
}

static struct frame modules_state_make_frame(const struct placement *found, uint64_t address,
                                             bool exact) {
    return (struct frame){.offset = found ? address - found->bias : address,
                          .module = found ? found->module : FRAME_NO_MODULE,
                          .exact = exact};
}

/* A call at the very end of a file returns to an address behind it. */
struct frame modules_frame(const struct modules *modules, uint64_t address, bool exact) {
    return modules_state_make_frame(modules_find_placement(&modules->layout, address - !exact),
                                    address, exact);
}

struct frame modules_past_frame(const struct modules *modules, uint64_t address, bool exact) {
    const struct placement *found = modules_find_placement(&modules->layout, address - !exact);
    for (size_t i = modules->unloaded_count; !found && i > 0; i--) {
        const struct placement *past = &modules->unloaded[i - 1];
        if (address - !exact >= past->start && address - !exact < past->end)
            found = past;
    }
    return modules_state_make_frame(found, address, exact);
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
    if (elf_file_stamp(fd, &facts.stamp) && elf_stamp_equal(&facts.stamp, &loaded->stamp))
        return true;
    return loaded->build_id.size && elf_file_facts(fd, &facts) &&
           elf_build_id_equal(&facts.build_id, &loaded->build_id);
}

/* A file that only the process has is said to be there where its debug files are looked for. */
static void name_in_root(const struct modules *modules, const struct module *module, char *name,
                         size_t size) {
    if (module->fd >= 0 && modules->process.pid)
        snprintf(name, size, "/proc/%" PRId64 "/root%s", modules->process.pid, module->path);
    else
        snprintf(name, size, "%s", module->path);
}

static void report_file(struct modules *modules, struct module *module, int fd) {
    void **userdata;
    char name[PATH_MAX];
    name_in_root(modules, module, name, sizeof name);
    dwfl_report_begin(module->dwfl);
    /* Relative to the program headers' addresses: the load bias is zero. */
    Dwfl_Module *file = dwfl_report_elf(module->dwfl, module->path, name, fd, 0, true);
    if (!file)
        close(fd);
    if (dwfl_report_end(module->dwfl, NULL, NULL) != 0 || !file)
        return;
    dwfl_module_info(file, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    *userdata = modules->debug_directories;
    module->file = file;
}

/* The file of a module that lies in memory, should its name have come to mean another one. */
static int open_mapped(const struct modules *modules, const struct module *module) {
    struct process_maps maps = process_maps_of(modules->process.pid);
    const struct process_mapping *beginning =
        process_maps_beginning(&maps, module->facts.start + module->bias);
    int fd = beginning ? process_maps_open(maps.pid, beginning) : -1;
    process_maps_deinit(&maps);
    return fd;
}

static int open_loaded(int fd, const struct module *module) {
    if (fd >= 0 && is_loaded_file(fd, &module->facts))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void open_file(struct modules *modules, struct module *module) {
    int fd = module->fd >= 0 ? fcntl(module->fd, F_DUPFD_CLOEXEC, 0)
                             : open_loaded(elf_file_open(module->path), module);
    if (fd < 0)
        fd = open_loaded(open_mapped(modules, module), module);
    if (fd < 0)
        return;
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
