#include "names/core_file.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "names/elf_file.h"

#define COMPARED_BYTES 64

static bool core_file_begins_with(int fd, const GElf_Phdr *segment, const void *bytes,
                                  size_t size) {
    char begin[COMPARED_BYTES];
    return segment->p_type == PT_LOAD && segment->p_filesz >= size && size <= sizeof(begin) &&
           segment->p_offset <= INT64_MAX &&
           pread(fd, begin, size, (off_t)segment->p_offset) == (ssize_t)size &&
           memcmp(begin, bytes, size) == 0;
}

static bool read_segment(int fd, const GElf_Phdr *segment, uint64_t address, void *buffer,
                         size_t size) {
    uint64_t skipped = address - segment->p_vaddr;
    return segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
           skipped < segment->p_filesz && size <= segment->p_filesz - skipped &&
           segment->p_offset <= INT64_MAX - skipped &&
           pread(fd, buffer, size, (off_t)(segment->p_offset + skipped)) == (ssize_t)size;
}

static bool core_file_read_memory(Elf *elf, int fd, uint64_t address, void *buffer, size_t size) {
    GElf_Phdr segment;
    size_t count;
    if (elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count && gelf_getphdr(elf, (int)i, &segment); i++) {
        if (read_segment(fd, &segment, address, buffer, size))
            return true;
    }
    return false;
}

static Elf *core_file_open_elf(int fd) {
    return fd >= 0 && elf_version(EV_CURRENT) != EV_NONE ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
}

bool core_file_memory(const char *path, uint64_t address, void *buffer, size_t size) {
    int fd = elf_file_open(path);
    Elf *elf = core_file_open_elf(fd);
    bool found = elf && core_file_read_memory(elf, fd, address, buffer, size);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return found;
}

static int core_file_search(Elf *elf, int fd, const void *bytes, size_t size,
                            uint64_t *address_ret) {
    GElf_Ehdr header;
    size_t count;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) || header.e_type != ET_CORE ||
        elf_getphdrnum(elf, &count) != 0)
        return TMPALLOC_E_IO;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(elf, (int)i, &segment))
            return TMPALLOC_E_IO;
        if (core_file_begins_with(fd, &segment, bytes, size)) {
            *address_ret = segment.p_vaddr;
            return TMPALLOC_OK;
        }
    }
    return TMPALLOC_E_STATE;
}

int core_file_find(const char *path, const void *bytes, size_t size, uint64_t *address_ret,
                   struct error *error) {
    int fd = elf_file_open(path);
    Elf *elf = core_file_open_elf(fd);
    int status = elf ? core_file_search(elf, fd, bytes, size, address_ret) : TMPALLOC_E_IO;
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    if (status == TMPALLOC_E_STATE)
        return error_set(error, status, "core file %s has no results of the agent", path);
    return status == TMPALLOC_OK ? status
                                 : error_set(error, status, "core file %s can't be read", path);
}
