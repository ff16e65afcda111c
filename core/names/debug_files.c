#include "names/debug_files.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "names/elf_file.h"

/* What a debug file must match. */
struct wanted {
    const char *name;
    GElf_Word crc;
    struct elf_stamp program; /* the file itself must not be taken for its debug file */
    struct elf_build_id build_id;
    bool others; /* those that don't match are looked for */
};

int debug_files_find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                         char **file_name, Elf **elf) {
    (void)module, (void)userdata, (void)name, (void)base, (void)file_name, (void)elf;
    errno = ENOENT;
    return -1;
}

static bool crc_matches(int fd, uint32_t expected) {
    unsigned char buffer[16384];
    uLong crc = crc32(0, NULL, 0);
    ssize_t got;
    for (off_t offset = 0; (got = pread(fd, buffer, sizeof buffer, offset)) > 0; offset += got)
        crc = crc32(crc, buffer, (uInt)got);
    return got == 0 && crc == expected;
}

static bool is_program(int fd, const struct wanted *wanted) {
    struct elf_stamp stamp;
    return !elf_file_stamp(fd, &stamp) || elf_stamp_equal(&stamp, &wanted->program);
}

/* Build ids decide when both files have one, else the checksum. */
static bool debug_files_matches(int fd, const struct wanted *wanted) {
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
    if (!elf || elf_kind(elf) != ELF_K_ELF) {
        elf_end(elf);
        return false;
    }
    struct elf_build_id build_id;
    elf_read_build_id(elf, &build_id);
    elf_end(elf);
    if (build_id.size && wanted->build_id.size)
        return elf_build_id_equal(&build_id, &wanted->build_id);
    return crc_matches(fd, wanted->crc);
}

static int try_open(const struct wanted *wanted, char **found_name, const char *directory,
                    const char *subdirectory) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s/%s", directory, subdirectory, wanted->name);
    if (length < 0 || (size_t)length >= sizeof path)
        return -1;
    int fd = elf_file_open(path);
    if (fd < 0)
        return -1;
    /* elfutils frees the name. */
    bool found = !is_program(fd, wanted) && debug_files_matches(fd, wanted) != wanted->others;
    char *copy = found ? strdup(path) : NULL;
    if (!copy) {
        close(fd);
        return -1;
    }
    *found_name = copy;
    return fd;
}

/* Looks below each of the global directories, in DIRECTORY/path/of/the/program. */
static int search_global(const struct wanted *wanted, const char *directories,
                         const char *program_directory, char **found_name) {
    int fd = -1;
    for (const char *item = directories; fd < 0 && *item;) {
        size_t length = strcspn(item, ":");
        char directory[PATH_MAX];
        if (length > 0 && length < sizeof directory) {
            memcpy(directory, item, length);
            directory[length] = '\0';
            fd = try_open(wanted, found_name, directory, program_directory);
        }
        item += length + (item[length] == ':');
    }
    return fd;
}

static int debug_files_search(const struct wanted *wanted, const char *directories,
                              const char *program, char **found_name) {
    char copy[PATH_MAX];
    if (program[0] != '/' || strlen(program) >= sizeof copy)
        return -1;
    strcpy(copy, program);
    const char *directory = dirname(copy);
    int fd = try_open(wanted, found_name, directory, "");
    if (fd < 0)
        fd = try_open(wanted, found_name, directory, "/.debug");
    if (fd < 0)
        fd = search_global(wanted, directories, directory, found_name);
    return fd;
}

static int find_by_link(Dwfl_Module *module, const char *directories, const char *program,
                        struct wanted wanted, char **found_name) {
    GElf_Addr bias;
    Elf *elf = dwfl_module_getelf(module, &bias);
    if (!elf || !elf_path_stamp(program, &wanted.program))
        return -1;
    elf_read_build_id(elf, &wanted.build_id);
    int fd = debug_files_search(&wanted, directories, program, found_name);
    if (fd >= 0)
        return fd;
    char resolved[PATH_MAX];
    if (!realpath(program, resolved) || strcmp(resolved, program) == 0)
        return -1;
    return debug_files_search(&wanted, directories, resolved, found_name);
}

int debug_files_find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
                     const char *file_name, const char *link_name, GElf_Word link_crc,
                     char **found_name) {
    int fd = dwfl_build_id_find_debuginfo(module, userdata, name, base, file_name, link_name,
                                          link_crc, found_name);
    /* Without a checksum this is the search for a dwz file.  It has been looked for by build id; by
     * name libdw does it itself, when the first reference into it is followed. */
    if (fd < 0 && file_name && link_name && link_crc != 0 && strchr(link_name, '/') == NULL)
        fd = find_by_link(module, *userdata, file_name,
                          (struct wanted){.name = link_name, .crc = link_crc}, found_name);
    if (fd < 0)
        errno = 0;
    return fd;
}

static bool lacks_dwz(Dwarf *dwarf, char *name, size_t size) {
    const char *linked;
    const void *build_id;
    if (dwelf_dwarf_gnu_debugaltlink(dwarf, &linked, &build_id) <= 0 || dwarf_getalt(dwarf))
        return false;
    snprintf(name, size, "%s", linked);
    return true;
}

static bool is_section_compressed(int fd) {
    struct elf_facts facts;
    return elf_file_facts(fd, &facts) && facts.compressed;
}

static enum debug_lack take_lack(int fd, enum debug_lack lack, char *found, char *name,
                                 size_t size) {
    snprintf(name, size, "%s", found ? found : "");
    free(found);
    close(fd);
    return lack;
}

/* Why there is no debug information at all. */
static enum debug_lack find_lack(Dwfl_Module *module, char *name, size_t size) {
    struct wanted wanted = {.others = true};
    const char *program = NULL;
    char *found = NULL;
    void **directories;
    GElf_Addr bias;
    Elf *elf = dwfl_module_getelf(module, &bias);
    wanted.name = elf ? dwelf_elf_gnu_debuglink(elf, &wanted.crc) : NULL;
    dwfl_module_info(module, &directories, NULL, NULL, NULL, NULL, &program, NULL);
    int fd =
        debug_files_find(module, directories, program, 0, program, wanted.name, wanted.crc, &found);
    if (fd >= 0)
        return take_lack(fd, is_section_compressed(fd) ? DEBUG_LACKS_READABLE : DEBUG_LACKS_NOTHING,
                         found, name, size);
    if (program && wanted.name && !strchr(wanted.name, '/'))
        fd = find_by_link(module, *directories, program, wanted, &found);
    return fd >= 0 ? take_lack(fd, DEBUG_LACKS_OWN, found, name, size) : DEBUG_LACKS_NOTHING;
}

enum debug_lack debug_files_lack(Dwfl_Module *module, Dwarf *dwarf, char *name, size_t size) {
    if (dwarf)
        return lacks_dwz(dwarf, name, size) ? DEBUG_LACKS_DWZ : DEBUG_LACKS_NOTHING;
    return find_lack(module, name, size);
}
