#include "agent/unwind/cfi_functions.h"

#include <dwarf.h>
#include <string.h>

#include "agent/unwind/cfi_modules.h"
#include "agent/unwind/cfi_program.h"

/* The entry of .eh_frame at an address: its bytes after the length; 0: where it begins. */
static struct cfi_bytes open_entry(const uint8_t *start) {
    struct cfi_bytes bytes = {.at = start, .end = start + 12};
    uint64_t size = cfi_bytes_unsigned(&bytes, 4);
    if (size == UINT32_MAX)
        size = cfi_bytes_unsigned(&bytes, 8);
    bytes.end = bytes.at + size;
    return bytes;
}

static void read_augmentation(struct cfi_bytes *bytes, const char *letters,
                              struct cfi_function *ret) {
    for (; *letters && !bytes->failed; letters++) {
        uint8_t encoding;
        switch (*letters) {
        case 'R':
            ret->pointer_encoding = (uint8_t)cfi_bytes_unsigned(bytes, 1);
            break;
        case 'L':
            cfi_bytes_skip(bytes, 1);
            break;
        case 'P':
            encoding = (uint8_t)cfi_bytes_unsigned(bytes, 1);
            cfi_bytes_pointer(bytes, encoding, 0);
            break;
        case 'S':
            ret->signal = true;
            break;
        default:
            bytes->failed = true;
        }
    }
}

static const char *read_string(struct cfi_bytes *bytes) {
    const uint8_t *end = memchr(bytes->at, 0, (size_t)(bytes->end - bytes->at));
    const uint8_t *start = bytes->at;
    bytes->failed |= !end;
    if (end)
        bytes->at = end + 1;
    return end ? (const char *)start : "";
}

static bool read_common(const uint8_t *start, struct cfi_function *ret, bool *sized_ret) {
    struct cfi_bytes bytes = open_entry(start);
    *ret = (struct cfi_function){.pointer_encoding = DW_EH_PE_absptr};
    bool is_common = cfi_bytes_unsigned(&bytes, 4) == 0;
    uint64_t version = cfi_bytes_unsigned(&bytes, 1);
    const char *letters = read_string(&bytes);
    if (version >= 4)
        cfi_bytes_skip(&bytes, 2); /* sizes of addresses and segments */
    ret->code_factor = cfi_bytes_uleb(&bytes);
    ret->data_factor = cfi_bytes_sleb(&bytes);
    ret->return_column = version == 1 ? cfi_bytes_unsigned(&bytes, 1) : cfi_bytes_uleb(&bytes);
    *sized_ret = letters[0] == 'z';
    if (*sized_ret) {
        uint64_t size = cfi_bytes_uleb(&bytes);
        struct cfi_bytes data = bytes;
        cfi_bytes_skip(&bytes, size);
        data.end = bytes.at;
        read_augmentation(&data, letters + 1, ret);
        bytes.failed |= data.failed;
    } else {
        bytes.failed |= letters[0] != 0;
    }
    ret->common_instructions = bytes;
    return is_common && !bytes.failed && ret->return_column < CFI_REGISTERS;
}

/* The description of the last function that doesn't begin after the address; NULL: none. */
static const uint8_t *search_table(const uint8_t *header, uintptr_t address) {
    uint32_t count;
    memcpy(&count, header + CFI_TABLE_COUNT_OFFSET, sizeof count);
    const struct cfi_table_entry *table = (const void *)(header + CFI_TABLE_OFFSET);
    int64_t wanted = (int64_t)(address - (uintptr_t)header);
    uint32_t low = 0;
    for (uint32_t high = count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (table[middle].function <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? header + table[low - 1].description : NULL;
}

static bool read_function(const uint8_t *description, struct cfi_function *ret) {
    struct cfi_bytes bytes = open_entry(description);
    const uint8_t *distance_at = bytes.at;
    uint64_t distance = cfi_bytes_unsigned(&bytes, 4);
    bool sized; /* there is augmentation data */
    if (bytes.failed || distance == 0 || !read_common(distance_at - distance, ret, &sized))
        return false;
    ret->start = cfi_bytes_pointer(&bytes, ret->pointer_encoding, 0);
    ret->size = cfi_bytes_pointer(&bytes, ret->pointer_encoding & 0x0f, 0);
    if (sized)
        cfi_bytes_skip(&bytes, cfi_bytes_uleb(&bytes));
    ret->instructions = bytes;
    return !bytes.failed;
}

bool cfi_function_find(const uint8_t *header, uintptr_t address, struct cfi_function *ret) {
    const uint8_t *description = search_table(header, address);
    return description && read_function(description, ret) && address - ret->start < ret->size;
}
