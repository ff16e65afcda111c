/* A file that the dynamic linker has loaded: its relocations and symbols (System V ABI, dynamic
 * linking). */
#ifndef TMPALLOC_AGENT_LOADED_FILE_H
#define TMPALLOC_AGENT_LOADED_FILE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* Valid as long as the file is loaded. */
struct loaded_file {
    uintptr_t base; /* what the file's addresses count from */
    const ElfW(Phdr) * segments;
    size_t segment_count;
    const ElfW(Rela) * jump_slots;
    size_t jump_slot_count;
    const ElfW(Rela) * relocations; /* the others */
    size_t relocation_count;
    const ElfW(Sym) * symbols;
    const char *strings;
    size_t name_off; /* in `strings`: what it is called where it is needed; 0: it has no name */
    const uint32_t *hash; /* DT_GNU_HASH; NULL: there is none, and it is taken to define nothing */
};

/* False: the file has no dynamic section. */
bool loaded_file_read(const struct dl_phdr_info *info, struct loaded_file *ret);
/* The same from its dynamic section, without segments. */
void loaded_file_read_dynamic(uintptr_t base, const ElfW(Dyn) * section, struct loaded_file *ret);

bool loaded_file_covers(const struct loaded_file *file, uintptr_t address);

/* PROT_* that a segment asks for. */
int loaded_segment_protection(const ElfW(Phdr) * segment);

/* PROT_* of the page of an address in the file, now that its relocations are done. */
int loaded_file_protection(const struct loaded_file *file, uintptr_t address);

const char *loaded_file_symbol(const struct loaded_file *file, size_t index);

/* Its definition of a name, in the version that comes first, or of what is at an address; NULL: it
 * has none. */
const ElfW(Sym) * loaded_file_define(const struct loaded_file *file, const char *name);
const ElfW(Sym) * loaded_file_symbol_at(const struct loaded_file *file, uintptr_t address);

/* Whether the file defines a symbol of this name, in any version.  *is_here_ret, untouched if it
 * doesn't: at this address, or as an indirect function that is resolved to it. */
bool loaded_file_defines(const struct loaded_file *file, const char *name, uintptr_t address,
                         bool *is_here_ret);

/* Where the file defines a symbol of this name, in the version that comes first; for an indirect
 * function what it is resolved to.  0: it doesn't. */
uintptr_t loaded_file_find(const struct loaded_file *file, const char *name);

#endif
