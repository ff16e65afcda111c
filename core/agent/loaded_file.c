#include "loaded_file.h"

#include <string.h>
#include <sys/mman.h>

#include "kernel_memory.h"

/* The dynamic linker stores addresses in place of the file's, but for those that it doesn't
 * relocate itself, such as the kernel's. */
static uintptr_t address_of(const struct loaded_file *file, const ElfW(Dyn) * entry) {
    uintptr_t value = entry->d_un.d_ptr;
    return value < file->base ? value + file->base : value;
}

static void note(struct loaded_file *file, const ElfW(Dyn) * entry) {
    switch (entry->d_tag) {
    case DT_JMPREL:
        file->jump_slots = (const void *)address_of(file, entry);
        break;
    case DT_PLTRELSZ:
        file->jump_slot_count = entry->d_un.d_val / sizeof *file->jump_slots;
        break;
    case DT_RELA:
        file->relocations = (const void *)address_of(file, entry);
        break;
    case DT_RELASZ:
        file->relocation_count = entry->d_un.d_val / sizeof *file->relocations;
        break;
    case DT_SYMTAB:
        file->symbols = (const void *)address_of(file, entry);
        break;
    case DT_STRTAB:
        file->strings = (const char *)address_of(file, entry);
        break;
    case DT_GNU_HASH:
        file->hash = (const uint32_t *)address_of(file, entry);
        break;
    }
}

bool loaded_file_read(const struct dl_phdr_info *info, struct loaded_file *ret) {
    *ret = (struct loaded_file){
        .base = info->dlpi_addr, .segments = info->dlpi_phdr, .segment_count = info->dlpi_phnum};
    const ElfW(Dyn) *entry = NULL;
    for (size_t i = 0; i < ret->segment_count && !entry; i++) {
        if (ret->segments[i].p_type == PT_DYNAMIC)
            entry = (const void *)(ret->base + ret->segments[i].p_vaddr);
    }
    if (!entry)
        return false;
    for (; entry->d_tag != DT_NULL; entry++)
        note(ret, entry);
    return true;
}

int loaded_segment_protection(const ElfW(Phdr) * segment) {
    return (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) |
           (segment->p_flags & PF_X ? PROT_EXEC : 0);
}

static const ElfW(Phdr) * segment_of(const struct loaded_file *file, uintptr_t address) {
    for (size_t i = 0; i < file->segment_count; i++) {
        const ElfW(Phdr) *segment = &file->segments[i];
        if (segment->p_type == PT_LOAD &&
            address - (file->base + segment->p_vaddr) < segment->p_memsz)
            return segment;
    }
    return NULL;
}

bool loaded_file_covers(const struct loaded_file *file, uintptr_t address) {
    return segment_of(file, address) != NULL;
}

/* Both ends are rounded down, as the dynamic linker does. */
static bool is_read_only_after_relocation(const struct loaded_file *file, uintptr_t address) {
    for (size_t i = 0; i < file->segment_count; i++) {
        uintptr_t start = file->base + file->segments[i].p_vaddr;
        uintptr_t end = start + file->segments[i].p_memsz;
        if (file->segments[i].p_type == PT_GNU_RELRO && address >= (start & -KERNEL_PAGE_BYTES) &&
            address < (end & -KERNEL_PAGE_BYTES))
            return true;
    }
    return false;
}

int loaded_file_protection(const struct loaded_file *file, uintptr_t address) {
    const ElfW(Phdr) *segment = segment_of(file, address);
    if (!segment)
        return PROT_NONE;
    if (is_read_only_after_relocation(file, address))
        return PROT_READ;
    return loaded_segment_protection(segment);
}

const char *loaded_file_symbol(const struct loaded_file *file, size_t index) {
    return file->strings + file->symbols[index].st_name;
}

static uint32_t hash_name(const char *name) {
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

/* The first symbol of the bucket that a hash belongs in; 0: it is empty. */
static uint32_t bucket(const uint32_t *table, uint32_t hash, const uint32_t **chain_ret) {
    uint32_t bucket_count = table[0];
    uint32_t first_symbol = table[1];
    uint32_t filter_count = table[2];
    const uint32_t *buckets = table + 4 + filter_count * (sizeof(uint64_t) / sizeof *table);
    *chain_ret = buckets + bucket_count - first_symbol;
    return bucket_count ? buckets[hash % bucket_count] : 0;
}

/* The definition of a name from symbol i of its chain on; 0: there is none. */
static uint32_t find_definition(const struct loaded_file *file, const char *name, uint32_t hash,
                                const uint32_t *chain, uint32_t i) {
    for (bool is_last = i == 0; !is_last; i++) {
        is_last = chain[i] & 1;
        if ((chain[i] | 1) == (hash | 1) && file->symbols[i].st_shndx != SHN_UNDEF &&
            strcmp(loaded_file_symbol(file, i), name) == 0)
            return i;
    }
    return 0;
}

uintptr_t loaded_file_find(const struct loaded_file *file, const char *name) {
    const uint32_t *chain;
    uint32_t hash = hash_name(name);
    uint32_t i = file->hash ? bucket(file->hash, hash, &chain) : 0;
    i = i ? find_definition(file, name, hash, chain, i) : 0;
    const ElfW(Sym) *symbol = &file->symbols[i];
    if (i == 0 || symbol->st_value == 0)
        return 0;
    uintptr_t address = file->base + symbol->st_value;
    bool is_indirect = ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
    return is_indirect ? ((uintptr_t(*)(void))address)() : address;
}

bool loaded_file_defines(const struct loaded_file *file, const char *name, uintptr_t address,
                         bool *is_here_ret) {
    const uint32_t *chain;
    uint32_t hash = hash_name(name);
    uint32_t i = file->hash ? bucket(file->hash, hash, &chain) : 0;
    bool found = false;
    bool is_here = false;
    for (bool is_last = i == 0; !is_last; i++) {
        const ElfW(Sym) *symbol = &file->symbols[i];
        is_last = chain[i] & 1;
        if ((chain[i] | 1) != (hash | 1) || symbol->st_shndx == SHN_UNDEF ||
            strcmp(loaded_file_symbol(file, i), name) != 0)
            continue;
        found = true;
        is_here |= file->base + symbol->st_value == address;
    }
    if (found)
        *is_here_ret = is_here;
    return found;
}
