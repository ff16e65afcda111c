/* The loaded files: which one an address is in, and where its table of frame information is. */
#ifndef TMPALLOC_AGENT_CFI_MODULES_H
#define TMPALLOC_AGENT_CFI_MODULES_H

#include <stddef.h>
#include <stdint.h>

/* .eh_frame_hdr as linkers write it: eight bytes, the number of entries, and the entries sorted by
 * function, both of whose fields count from the start of the header. */
#define CFI_TABLE_COUNT_OFFSET 8
#define CFI_TABLE_OFFSET       12

struct cfi_table_entry {
    int32_t function;
    int32_t description; /* of the function: its FDE */
};

struct cfi_module {
    uintptr_t start;
    uintptr_t end;
    const uint8_t *header; /* .eh_frame_hdr with a table as below; NULL: it has none */
    /* Hash of place, name and functions: two files that were loaded at one address, one after the
     * other, differ in it. */
    uint32_t identity;
};

/* All zeros knows no module yet. */
struct cfi_modules {
    struct cfi_module *items;
    size_t count;
    size_t capacity;
};

void cfi_modules_deinit(struct cfi_modules *modules);
/* Files may have been unloaded: forgets them all. */
void cfi_modules_clear(struct cfi_modules *modules);

/* *ret is NULL when no file is at that address; valid until the next call.  TMPALLOC_OK or
 * TMPALLOC_E_NOMEM. */
int cfi_modules_find(struct cfi_modules *modules, uintptr_t address, const struct cfi_module **ret);

/* How many files the process has unloaded so far. */
uint32_t cfi_modules_unloaded(void);

#endif
