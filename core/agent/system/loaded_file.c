#include "agent/system/loaded_file.h"

#include <string.h>
#include <sys/mman.h>

#include "agent/system/kernel_memory.h"
#include "platform/page.h"

/* The dynamic linker stores addresses in place of the file's, but for those that it doesn't
 * relocate itself, such as the kernel's. */
static uintptr_t loaded_file_address_of(const struct loaded_file *file, const ElfW(Dyn) * entry) {
    uintptr_t value = entry->d_un.d_ptr;
    return value < file->base ? value + file->base : value;
}

static void loaded_file_note(struct loaded_file *file, const ElfW(Dyn) * entry) {
    switch (entry->d_tag) {
    case DT_JMPREL:
        file->jump_slots = (const void *)loaded_file_address_of(file, entry);
        break;
    case DT_PLTRELSZ:
        file->jump_slot_count = entry->d_un.d_val / sizeof *file->jump_slots;
        break;
    case DT_RELA:
        file->relocations = (const void *)loaded_file_address_of(file, entry);
        break;
    case DT_RELASZ:
        file->relocation_count = entry->d_un.d_val / sizeof *file->relocations;
        break;
    case DT_SYMTAB:
        file->symbols = (const void *)loaded_file_address_of(file, entry);
        break;
    case DT_STRTAB:
        file->strings = (const char *)loaded_file_address_of(file, entry);
        break;
    case DT_GNU_HASH:
        file->hash = (const uint32_t *)loaded_file_address_of(file, entry);
        break;
    case DT_SONAME:
        file->name_off = entry->d_un.d_val;
        break;
    }
}

void loaded_file_read_dynamic(uintptr_t base, const ElfW(Dyn) * section, struct loaded_file *ret) {
    *ret = (struct loaded_file){.base = base};
    for (const ElfW(Dyn) *entry = section; entry->d_tag != DT_NULL; entry++)
        loaded_file_note(ret, entry);
}

bool loaded_file_read(const struct dl_phdr_info *info, struct loaded_file *ret) {
    const ElfW(Dyn) *section = NULL;
    for (size_t i = 0; i < info->dlpi_phnum && !section; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            section = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
    *ret = (struct loaded_file){0};
    if (section)
        loaded_file_read_dynamic(info->dlpi_addr, section, ret);
    ret->segments = info->dlpi_phdr;
    ret->segment_count = info->dlpi_phnum;
    return section;
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
        if (file->segments[i].p_type == PT_GNU_RELRO && address >= (start & -PAGE_BYTES) &&
            address < (end & -PAGE_BYTES))
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

/* The symbols of a bucket from one on. */
struct chain {
    const uint32_t *hashes; /* by symbol; the lowest bit marks the last of a bucket */
    uint32_t hash;          /* that is looked for */
    uint32_t next;          /* symbol; 0: there is no more */
};

static struct chain find_chain(const struct loaded_file *file, const char *name) {
    const uint32_t *table = file->hash;
    struct chain chain = {.hash = hash_name(name)};
    if (!table || table[0] == 0)
        return chain;
    uint32_t bucket_count = table[0];
    uint32_t first_symbol = table[1];
    uint32_t filter_count = table[2];
    const uint32_t *buckets = table + 4 + filter_count * (sizeof(uint64_t) / sizeof *table);
    chain.hashes = buckets + bucket_count - first_symbol;
    chain.next = buckets[chain.hash % bucket_count];
    return chain;
}

/* The next definition of a name in its chain; 0: there is none. */
static uint32_t next_definition(const struct loaded_file *file, const char *name,
                                struct chain *chain) {
    while (chain->next) {
        uint32_t i = chain->next;
        chain->next = chain->hashes[i] & 1 ? 0 : i + 1;
        if ((chain->hashes[i] | 1) == (chain->hash | 1) && file->symbols[i].st_shndx != SHN_UNDEF &&
            strcmp(loaded_file_symbol(file, i), name) == 0)
            return i;
    }
    return 0;
}

const ElfW(Sym) * loaded_file_define(const struct loaded_file *file, const char *name) {
    struct chain chain = find_chain(file, name);
    uint32_t i = next_definition(file, name, &chain);
    return i ? &file->symbols[i] : NULL;
}

/* The table of names is all that tells how many symbols there are. */
static uint32_t count_symbols(const struct loaded_file *file) {
    const uint32_t *table = file->hash;
    if (!table || table[0] == 0)
        return 0;
    const uint32_t *buckets = table + 4 + table[2] * (sizeof(uint64_t) / sizeof *table);
    const uint32_t *hashes = buckets + table[0] - table[1];
    uint32_t last = 0;
    for (uint32_t i = 0; i < table[0]; i++)
        last = buckets[i] > last ? buckets[i] : last;
    while (last && !(hashes[last] & 1))
        last++;
    return last ? last + 1 : 0;
}

const ElfW(Sym) * loaded_file_symbol_at(const struct loaded_file *file, uintptr_t address) {
    uint32_t count = count_symbols(file);
    for (uint32_t i = 1; i < count; i++) {
        const ElfW(Sym) *symbol = &file->symbols[i];
        if (symbol->st_shndx != SHN_UNDEF &&
            address - (file->base + symbol->st_value) < symbol->st_size)
            return symbol;
    }
    return NULL;
}

static uintptr_t loaded_file_resolve(const struct loaded_file *file, const ElfW(Sym) * symbol) {
    uintptr_t address = file->base + symbol->st_value;
    bool is_indirect = ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
    return is_indirect ? ((uintptr_t(*)(void))address)() : address;
}

uintptr_t loaded_file_find(const struct loaded_file *file, const char *name) {
    const ElfW(Sym) *symbol = loaded_file_define(file, name);
    return symbol && symbol->st_value != 0 ? loaded_file_resolve(file, symbol) : 0;
}

bool loaded_file_defines(const struct loaded_file *file, const char *name, uintptr_t address,
                         bool *is_here_ret) {
    struct chain chain = find_chain(file, name);
    bool found = false;
    bool is_here = false;
    for (uint32_t i; (i = next_definition(file, name, &chain));) {
        found = true;
        is_here |= loaded_file_resolve(file, &file->symbols[i]) == address;
    }
    if (found)
        *is_here_ret = is_here;
    return found;
}
