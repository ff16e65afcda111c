#include "agent/patch/sandbox_code.h"

#include <link.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/system/c_library.h"
#include "agent/system/loaded_file.h"
#include "agent/x86_64/code_search.h"

/* Of each segment: reading more would delay large programs. */
#define SCANNED_BYTES ((size_t)8 << 20)

static const uint32_t numbers[] = {SYS_prctl, SYS_seccomp};

static bool segment_enters(uintptr_t base, const ElfW(Phdr) * segment) {
    const uint8_t *code = (const uint8_t *)(base + segment->p_vaddr);
    size_t size = segment->p_memsz < SCANNED_BYTES ? segment->p_memsz : SCANNED_BYTES;
    return segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && (segment->p_flags & PF_R) &&
           code_has_system_call(code, size) &&
           code_has_number(code, size, numbers, sizeof numbers / sizeof numbers[0]);
}

/* What the system brings calls the C library.  The executable has no name, the kernel's library
 * none with a folder. */
static bool is_program_named(const char *name) {
    return !*name ||
           (*name == '/' && strncmp(name, "/lib", 4) != 0 && strncmp(name, "/usr/", 5) != 0);
}

static int file_enters(struct dl_phdr_info *info, size_t size, void *arg) {
    struct loaded_file file;
    (void)size;
    (void)arg;
    if (!is_program_named(info->dlpi_name) || !loaded_file_read(info, &file) ||
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
