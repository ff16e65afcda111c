#include "agent/unwind/cfi_modules.h"

#include <dwarf.h>
#include <string.h>

#include "agent/system/c_library.h"
#include "support/hash.h"
#include "support/memory.h"
#include "tmpalloc/status.h"

/* What counts for the identity: so many entries of a search table, or bytes of a file without one,
 * which has its headers there. */
#define SAMPLES      512
#define HEADER_BYTES 1024

/* A file as it is found. */
struct found {
    uintptr_t address; /* to be found */
    uintptr_t start;
    uintptr_t end;
    const uint8_t *header;
    const char *name;
};

static bool cfi_modules_covers(uintptr_t start, uintptr_t end, uintptr_t address) {
    return address - start < end - start;
}

static void note_segment(struct found *file, uintptr_t base, const ElfW(Phdr) * segment) {
    uintptr_t start = base + segment->p_vaddr;
    if (segment->p_type == PT_GNU_EH_FRAME)
        file->header = (const uint8_t *)start;
    if (segment->p_type != PT_LOAD)
        return;
    if (file->end == 0 || start < file->start)
        file->start = start;
    if (start + segment->p_memsz > file->end)
        file->end = start + segment->p_memsz;
}

static int cfi_modules_compare_file(struct dl_phdr_info *info, size_t size, void *arg) {
    struct found *ret = arg;
    struct found file = {.address = ret->address, .name = info->dlpi_name};
    (void)size;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++)
        note_segment(&file, info->dlpi_addr, &info->dlpi_phdr[i]);
    if (!cfi_modules_covers(file.start, file.end, file.address))
        return 0;
    *ret = file;
    return 1;
}

static bool find_file(struct found *file) {
#ifdef DLFO_EH_SEGMENT_TYPE
    /* It takes no lock. */
    if (c_library_has_find_object()) {
        struct dl_find_object object;
        if (c_library__dl_find_object((void *)file->address, &object) != 0)
            return false;
        file->start = (uintptr_t)object.dlfo_map_start;
        file->end = (uintptr_t)object.dlfo_map_end;
        file->header = object.dlfo_eh_frame;
        file->name = object.dlfo_link_map->l_name;
        return true;
    }
#endif
    return c_library_dl_iterate_phdr(cfi_modules_compare_file, file) != 0;
}

static bool has_table(const uint8_t *header) {
    return header[0] == 1 && (header[1] & 0x0f) == DW_EH_PE_sdata4 &&
           header[2] == DW_EH_PE_udata4 && header[3] == (DW_EH_PE_datarel | DW_EH_PE_sdata4);
}

/* Of the table with the places of the functions, evenly spread entries. */
static uint64_t mix_table(uint64_t hash, const uint8_t *header) {
    uint32_t count;
    memcpy(&count, header + CFI_TABLE_COUNT_OFFSET, sizeof count);
    const struct cfi_table_entry *table = (const void *)(header + CFI_TABLE_OFFSET);
    hash = hash_bytes(hash, header, CFI_TABLE_OFFSET);
    for (uint32_t i = 0; i < count; i += count / SAMPLES + 1)
        hash = hash_bytes(hash, &table[i], sizeof table[i]);
    return hash;
}

static uint32_t cfi_modules_identify(const struct found *file) {
    uint64_t hash = map_hash(file->start) ^ file->end;
    if (file->name)
        hash = hash_bytes(hash, file->name, strlen(file->name));
    if (file->header)
        hash = mix_table(hash, file->header);
    else if (file->end - file->start >= HEADER_BYTES)
        hash = hash_bytes(hash, (const void *)file->start, HEADER_BYTES);
    return (uint32_t)hash;
}

void cfi_modules_deinit(struct cfi_modules *modules) {
    memory_release(modules->items);
    *modules = (struct cfi_modules){0};
}

void cfi_modules_clear(struct cfi_modules *modules) {
    modules->count = 0;
}

int cfi_modules_find(struct cfi_modules *modules, uintptr_t address,
                     const struct cfi_module **ret) {
    struct found file = {.address = address};
    *ret = NULL;
    for (size_t i = 0; i < modules->count && !*ret; i++) {
        if (cfi_modules_covers(modules->items[i].start, modules->items[i].end, address))
            *ret = &modules->items[i];
    }
    if (*ret || !find_file(&file))
        return TMPALLOC_OK;
    if (MEMORY_RESERVE(modules->items, &modules->capacity, modules->count + 1))
        return TMPALLOC_E_NOMEM;
    if (file.header && !has_table(file.header))
        file.header = NULL;
    struct cfi_module *module = &modules->items[modules->count++];
    *module = (struct cfi_module){.start = file.start,
                                  .end = file.end,
                                  .header = file.header,
                                  .identity = cfi_modules_identify(&file)};
    *ret = module;
    return TMPALLOC_OK;
}

static int read_unloaded(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    *(uint32_t *)arg = (uint32_t)info->dlpi_subs;
    return 1;
}

uint32_t cfi_modules_unloaded(void) {
    uint32_t count = 0;
    c_library_dl_iterate_phdr(read_unloaded, &count);
    return count;
}
