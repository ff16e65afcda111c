#include "agent/patch/sandbox_code.h"

#include <link.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/system/c_library.h"
#include "agent/system/loaded_file.h"
#include "agent/x86_64/code_instruction.h"

/* Of each segment: reading more would delay large programs. */
#define SCANNED_BYTES ((size_t)8 << 20)

/* After so many bytes decoding has found where instructions begin, wherever it began. */
#define DECODED_BYTES 64

/* What an instruction has before its immediate operand of four bytes: Intel's manual, MOV and PUSH.
 */
#define MOV_TO_REGISTER 0xb8 /* and the seven after it */
#define MOV_TO_PLACE    0xc7
#define PUSH            0x68
#define LONGEST_PLACE   4 /* the opcode and the bytes that tell the place */

static bool is_moved(const uint8_t *number) {
    if ((number[-1] & 0xf8) == MOV_TO_REGISTER || number[-1] == PUSH)
        return true;
    for (int i = 2; i <= LONGEST_PLACE; i++) {
        if (number[-i] == MOV_TO_PLACE)
            return true;
    }
    return false;
}

static bool has_number(const uint8_t *code, size_t size) {
    for (size_t i = LONGEST_PLACE; i + sizeof(uint32_t) <= size; i++) {
        uint32_t number;
        memcpy(&number, code + i, sizeof number);
        if ((number == SYS_prctl || number == SYS_seccomp) && is_moved(code + i))
            return true;
    }
    return false;
}

/* Whether an instruction begins there: its bytes are found by chance within others, too. */
static bool is_instruction(const uint8_t *code, size_t size, size_t i) {
    struct code_instruction instruction;
    size_t at = i > DECODED_BYTES ? i - DECODED_BYTES : 0;
    while (at < i)
        at += code_decode(code + at, code + size, &instruction) ? instruction.length : 1;
    return at == i;
}

static bool has_system_call(const uint8_t *code, size_t size) {
    for (size_t i = 0; i + 1 < size; i++) {
        if (code[i] == 0x0f && code[i + 1] == 0x05 && is_instruction(code, size, i))
            return true;
    }
    return false;
}

static bool segment_enters(uintptr_t base, const ElfW(Phdr) * segment) {
    const uint8_t *code = (const uint8_t *)(base + segment->p_vaddr);
    size_t size = segment->p_memsz < SCANNED_BYTES ? segment->p_memsz : SCANNED_BYTES;
    return segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && (segment->p_flags & PF_R) &&
           has_system_call(code, size) && has_number(code, size);
}

/* What the system brings calls the C library.  The executable has no name, the kernel's library
 * none with a folder. */
static bool is_of_program(const char *name) {
    return !*name ||
           (*name == '/' && strncmp(name, "/lib", 4) != 0 && strncmp(name, "/usr/", 5) != 0);
}

static int file_enters(struct dl_phdr_info *info, size_t size, void *arg) {
    struct loaded_file file;
    (void)size;
    (void)arg;
    if (!is_of_program(info->dlpi_name) || !loaded_file_read(info, &file) ||
        loaded_file_covers(&file, (uintptr_t)sandbox_code_found))
        return 0;
    for (size_t i = 0; i < file.segment_count; i++) {
        if (segment_enters(file.base, &file.segments[i]))
            return 1;
    }
    return 0;
}

bool sandbox_code_found(void) {
    return c_library_dl_iterate_phdr(file_enters, NULL) != 0;
}
