/* Which files lie where. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names/modules_state.h"
#include "support/memory.h"
#include "support/search.h"

void modules_deinit_layout(struct layout *layout) {
    memory_release(layout->search_order);
    memory_release(layout->by_address);
    *layout = (struct layout){0};
}

static bool same_file(const struct module *module, const char *path,
                      const struct elf_facts *facts) {
    if (strcmp(module->path, path) != 0 || facts->build_id.size != module->facts.build_id.size)
        return false;
    return facts->build_id.size ? elf_build_id_equal(&module->facts.build_id, &facts->build_id)
                                : elf_stamp_equal(&module->facts.stamp, &facts->stamp);
}

static struct module *create_module(const char *path, const struct module_file *file) {
    struct module *module = memory_allocate_zeroed(1, sizeof *module);
    char *copy = memory_copy_string(path);
    if (!module || !copy) {
        memory_release(module);
        memory_release(copy);
        return NULL;
    }
    module->path = copy;
    module->fd = file->fd;
    module->facts = file->facts;
    return module;
}

/* Takes over the file. */
static int add_module(struct modules *modules, const char *path, const struct module_file *file,
                      uint32_t *ret) {
    struct module *module = MEMORY_RESERVE(modules->items, &modules->capacity, modules->count + 1)
                                ? NULL
                                : create_module(path, file);
    if (!module) {
        if (file->fd >= 0)
            close(file->fd);
        return TMPALLOC_E_NOMEM;
    }
    *ret = (uint32_t)modules->count;
    modules->items[modules->count++] = module;
    return TMPALLOC_OK;
}

static int find_or_add(struct modules *modules, const char *path, const struct module_file *file,
                       uint32_t *ret) {
    for (size_t i = modules->count; i > 0; i--) {
        if (!same_file(modules->items[i - 1], path, &file->facts))
            continue;
        if (file->fd >= 0)
            close(file->fd);
        *ret = (uint32_t)(i - 1);
        return TMPALLOC_OK;
    }
    return add_module(modules, path, file, ret);
}

static int compare_addresses(const void *left, const void *right) {
    const struct placement *one = left;
    const struct placement *other = right;
    return (one->start > other->start) - (one->start < other->start);
}

const struct placement *modules_find_placement(const struct layout *layout, uint64_t address) {
    const struct placement *places = layout->by_address;
    size_t count = layout->address_count;
    size_t starting = count ? search_up_to(&places->start, count, sizeof *places, address) : 0;
    const struct placement *below = starting ? &places[starting - 1] : NULL;
    return below && address < below->end ? below : NULL;
}

static bool is_layout_unchanged(struct modules *modules, const struct module *module,
                                uint64_t bias) {
    struct elf_stamp stamp;
    if (module->fd >= 0)
        return module_file_matches(&modules->process, &module->facts, bias);
    return elf_path_stamp(module->path, &stamp) && elf_stamp_equal(&stamp, &module->facts.stamp);
}

/* The same as in the layout before. */
static const struct placement *find_placed(struct modules *modules,
                                           const struct loaded_file *loaded) {
    const struct placement *placed =
        modules_find_placement(&modules->layout, module_file_address(loaded));
    if (!placed || placed->told != module_file_address(loaded))
        return NULL;
    const struct module *module = modules->items[placed->module];
    return strcmp(module->path, loaded->path) == 0 &&
                   is_layout_unchanged(modules, module, placed->bias)
               ? placed
               : NULL;
}

static void forget_unmatched(struct modules *modules) {
    text_clear(&modules->unmatched);
    modules->unmatched_count = 0;
}

static void note_unmatched(struct modules *modules, const struct loaded_file *loaded) {
    bool is_file = loaded->path[0] == '/' && modules->process.read &&
                   (modules->process.pid == 0 ||
                    process_maps_beginning(&modules->maps, module_file_address(loaded)) != NULL);
    if (is_file && modules->unmatched_count++ == 0)
        text_append(&modules->unmatched, loaded->path);
}

static int modules_layout_find_file(struct modules *modules, const struct loaded_file *loaded,
                                    struct placement *ret) {
    struct module_file file;
    uint32_t number;
    const struct placement *placed = find_placed(modules, loaded);
    if (placed) {
        *ret = *placed;
        return TMPALLOC_OK;
    }
    if (!module_file_find(&modules->process, &modules->maps, loaded, &file)) {
        note_unmatched(modules, loaded);
        return TMPALLOC_E_IO;
    }
    if (find_or_add(modules, loaded->path, &file, &number) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    *ret = (struct placement){.module = number,
                              .bias = file.bias,
                              .told = module_file_address(loaded),
                              .start = file.facts.start + file.bias,
                              .end = file.facts.end + file.bias};
    return TMPALLOC_OK;
}

struct building {
    struct modules *modules;
    struct layout layout;
};

static int add_placement(struct layout *layout, const struct placement *added) {
    const struct placement copy = *added; /* it may be in what grows */
    if (MEMORY_RESERVE(layout->search_order, &layout->capacity, layout->count + 1))
        return TMPALLOC_E_NOMEM;
    layout->search_order[layout->count++] = copy;
    return TMPALLOC_OK;
}

static int modules_layout_add_place(struct building *building, const struct loaded_file *loaded) {
    struct placement found;
    int status = modules_layout_find_file(building->modules, loaded, &found);
    if (status == TMPALLOC_OK)
        return add_placement(&building->layout, &found);
    return status == TMPALLOC_E_IO ? TMPALLOC_OK : status;
}

static int add_all_by_address(struct layout *layout) {
    if (MEMORY_RESERVE(layout->by_address, &layout->address_capacity, layout->count))
        return TMPALLOC_E_NOMEM;
    layout->address_count = layout->count;
    if (layout->count == 0)
        return TMPALLOC_OK;
    memcpy(layout->by_address, layout->search_order, layout->count * sizeof *layout->by_address);
    qsort(layout->by_address, layout->count, sizeof *layout->by_address, compare_addresses);
    return TMPALLOC_OK;
}

int modules_build_layout(struct modules *modules, const struct loaded_file *loaded, size_t count,
                         struct layout *ret) {
    struct building building = {.modules = modules};
    int status = TMPALLOC_OK;
    forget_unmatched(modules);
    modules->maps = process_maps_of(modules->process.pid);
    for (size_t i = 0; i < count && status == TMPALLOC_OK; i++)
        status = modules_layout_add_place(&building, &loaded[i]);
    if (status == TMPALLOC_OK)
        status = add_all_by_address(&building.layout);
    process_maps_deinit(&modules->maps);
    if (status != TMPALLOC_OK)
        modules_deinit_layout(&building.layout);
    *ret = building.layout;
    return status;
}
