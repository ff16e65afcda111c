#include "agent/unwind/cfi_bytes.h"

#include <dwarf.h>
#include <string.h>

#define FORMAT_BITS      0x0f
#define APPLICATION_BITS 0x70

const uint8_t *cfi_bytes_skip(struct cfi_bytes *bytes, uint64_t size) {
    if (size > (uint64_t)(bytes->end - bytes->at)) {
        bytes->failed = true;
        bytes->at = bytes->end;
        return NULL;
    }
    const uint8_t *skipped = bytes->at;
    bytes->at += size;
    return skipped;
}

uint64_t cfi_bytes_unsigned(struct cfi_bytes *bytes, uint32_t size) {
    uint64_t value = 0;
    const uint8_t *source = cfi_bytes_skip(bytes, size);
    if (source)
        memcpy(&value, source, size);
    return value;
}

int64_t cfi_bytes_signed(struct cfi_bytes *bytes, uint32_t size) {
    uint32_t shift = 64 - size * 8;
    return (int64_t)(cfi_bytes_unsigned(bytes, size) << shift) >> shift;
}

static uint64_t read_leb(struct cfi_bytes *bytes, bool is_signed) {
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)cfi_bytes_unsigned(bytes, 1);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (is_signed && byte & 0x40 && shift < 64)
        value |= -(UINT64_C(1) << shift);
    return value;
}

uint64_t cfi_bytes_uleb(struct cfi_bytes *bytes) {
    return read_leb(bytes, false);
}

int64_t cfi_bytes_sleb(struct cfi_bytes *bytes) {
    return (int64_t)read_leb(bytes, true);
}

static uint64_t read_format(struct cfi_bytes *bytes, uint8_t format) {
    switch (format) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        return cfi_bytes_unsigned(bytes, 8);
    case DW_EH_PE_udata4:
        return cfi_bytes_unsigned(bytes, 4);
    case DW_EH_PE_sdata4:
        return (uint64_t)cfi_bytes_signed(bytes, 4);
    case DW_EH_PE_udata2:
        return cfi_bytes_unsigned(bytes, 2);
    case DW_EH_PE_sdata2:
        return (uint64_t)cfi_bytes_signed(bytes, 2);
    case DW_EH_PE_uleb128:
        return cfi_bytes_uleb(bytes);
    case DW_EH_PE_sleb128:
        return (uint64_t)cfi_bytes_sleb(bytes);
    default:
        bytes->failed = true;
        return 0;
    }
}

uintptr_t cfi_bytes_pointer(struct cfi_bytes *bytes, uint8_t encoding, uintptr_t data) {
    uintptr_t start = (uintptr_t)bytes->at;
    uint64_t value = read_format(bytes, encoding & FORMAT_BITS);
    uint8_t application = encoding & APPLICATION_BITS;
    /* Indirect ones are of personality routines only, whose values nobody asks for. */
    if (application == DW_EH_PE_pcrel)
        return start + value;
    if (application == DW_EH_PE_datarel)
        return data + value;
    if (application != DW_EH_PE_absptr)
        bytes->failed = true;
    return value;
}
