/* Reading the encodings of call frame information.  Reading past the end gives zeros and remembers
 * that it happened. */
#ifndef TMPALLOC_AGENT_CFI_BYTES_H
#define TMPALLOC_AGENT_CFI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cfi_bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

/* The next `size` bytes; NULL: there are fewer. */
const uint8_t *cfi_bytes_skip(struct cfi_bytes *bytes, uint64_t size);
/* A little-endian number of 1, 2, 4 or 8 bytes. */
uint64_t cfi_bytes_unsigned(struct cfi_bytes *bytes, uint32_t size);
int64_t cfi_bytes_signed(struct cfi_bytes *bytes, uint32_t size);
uint64_t cfi_bytes_uleb(struct cfi_bytes *bytes);
int64_t cfi_bytes_sleb(struct cfi_bytes *bytes);
/* A pointer in one of the DW_EH_PE encodings that x86-64 has.  data: what DW_EH_PE_datarel counts
 * from. */
uintptr_t cfi_bytes_pointer(struct cfi_bytes *bytes, uint8_t encoding, uintptr_t data);

#endif
