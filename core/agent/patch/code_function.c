#include "agent/patch/code_function.h"

#include <sys/mman.h>

#include "agent/system/c_library.h"
#include "agent/system/loaded_file.h"
#include "agent/system/loaded_symbols.h"
#include "agent/unwind/cfi_functions.h"
#include "agent/unwind/cfi_modules.h"
#include "agent/x86_64/code_instruction.h"
#include "tmpalloc/status.h"

#define ALIGNMENT 16 /* of functions, and of jumps' targets */

struct segment {
    uintptr_t address; /* to be found */
    uintptr_t end;
    int protection;
};

static int code_function_find_segment(struct dl_phdr_info *info, size_t size, void *arg) {
    struct segment *segment = arg;
    (void)size;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (header->p_type != PT_LOAD || segment->address - start >= header->p_memsz)
            continue;
        segment->end = start + header->p_memsz;
        segment->protection = loaded_segment_protection(header);
        return 1;
    }
    return 0;
}

static bool find_by_symbol(uintptr_t address, struct code_function *ret) {
    uintptr_t start = 0;
    size_t size = loaded_symbols_bounds(address, &start);
    ret->start = (const uint8_t *)start;
    ret->end = ret->start + size;
    return size;
}

static bool find_described(uintptr_t address, struct code_function *ret) {
    struct cfi_function described;
    if (!ret->header || !cfi_function_find(ret->header, address, &described))
        return false;
    ret->start = (const uint8_t *)described.start;
    ret->end = ret->start + described.size;
    return true;
}

static bool find_bounds(uintptr_t address, uint32_t size_bytes, struct code_function *ret) {
    if (find_described(address, ret) || find_by_symbol(address, ret))
        return true;
    ret->start = (const uint8_t *)address;
    ret->end = ret->start + size_bytes;
    return size_bytes != 0;
}

int code_function_find(uintptr_t address, uint32_t size_bytes, struct code_function *ret) {
    struct segment segment = {.address = address};
    struct cfi_modules modules = {0};
    const struct cfi_module *module;
    if (!c_library_dl_iterate_phdr(code_function_find_segment, &segment) ||
        !(segment.protection & PROT_EXEC))
        return TMPALLOC_E_UNSUPPORTED;
    if (cfi_modules_find(&modules, address, &module) != TMPALLOC_OK)
        return TMPALLOC_E_NOMEM;
    bool found = module;
    if (found) {
        *ret = (struct code_function){.protection = segment.protection,
                                      .segment_end = (const uint8_t *)segment.end,
                                      .file_start = module->start,
                                      .file_end = module->end,
                                      .header = module->header};
        found = find_bounds(address, size_bytes, ret) && ret->end <= ret->segment_end;
    }
    cfi_modules_deinit(&modules);
    return found ? TMPALLOC_OK : TMPALLOC_E_UNSUPPORTED;
}

struct range {
    const uint8_t *start;
    const uint8_t *end;
};

static bool code_function_covers(struct range range, uintptr_t address) {
    return address - (uintptr_t)range.start < (uintptr_t)(range.end - range.start);
}

/* Whether no branch of `code` leads into `spared`, nor, with a header, one of the functions that it
 * jumps to.  One sweep would read data in the code wrong, if there were any. */
static bool code_spares(struct range code, struct range spared, const uint8_t *header);

static bool jump_spares(const struct code_instruction *jump, struct range spared,
                        const uint8_t *header) {
    struct cfi_function other;
    if (!header || jump->kind == CODE_CALL || !cfi_function_find(header, jump->target, &other))
        return true;
    const uint8_t *start = (const uint8_t *)other.start;
    return code_spares((struct range){start, start + other.size}, spared, NULL);
}

static bool code_spares(struct range code, struct range spared, const uint8_t *header) {
    struct code_instruction instruction;
    for (const uint8_t *at = code.start; at < code.end; at += instruction.length) {
        if (!code_decode(at, code.end, &instruction) || instruction.kind == CODE_BREAKPOINT)
            return false;
        if (!code_has_target(&instruction))
            continue;
        if (code_function_covers(spared, instruction.target))
            return false;
        if (!code_function_covers(code, instruction.target) &&
            !jump_spares(&instruction, spared, header))
            return false;
    }
    return true;
}

bool code_function_spares(const struct code_function *function, const uint8_t *start,
                          const uint8_t *end) {
    return code_spares((struct range){function->start, function->end}, (struct range){start, end},
                       function->header);
}

bool code_function_pads(const struct code_function *function, const uint8_t *start,
                        const uint8_t *needed_end) {
    struct code_instruction nop;
    struct cfi_function other;
    const uint8_t *end = start + -(uintptr_t)start % ALIGNMENT;
    if (end < needed_end || end > function->segment_end)
        return false;
    for (const uint8_t *at = start; at < end; at += nop.length) {
        if (!code_decode(at, end, &nop) || nop.kind != CODE_NOP)
            return false;
        if (function->header && cfi_function_find(function->header, (uintptr_t)at, &other) &&
            other.start != (uintptr_t)function->start)
            return false;
    }
    return true;
}
