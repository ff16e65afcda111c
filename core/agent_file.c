#include "agent_file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_file.h"

/* Of LD_PRELOAD's list, ld.so(8). */
#define LIST_SEPARATORS " :"

/* The folder of the file that this function is in. */
static bool find_folder(char folder[PATH_MAX]) {
    Dl_info self;
    if (!dladdr((void *)(uintptr_t)agent_file_open, &self) || !realpath(self.dli_fname, folder))
        return false;
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* Another way to a folder whose name can't stand in a list: proc(5). */
static bool rename_folder(struct agent_file *file, char folder[PATH_MAX]) {
    file->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(folder, PATH_MAX, "/proc/%ld/fd/%d", (long)getpid(), file->folder);
    return file->folder >= 0;
}

int agent_file_open(struct agent_file *file, struct error *error) {
    char folder[PATH_MAX];
    *file = (struct agent_file){.folder = -1};
    if (!find_folder(folder))
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "the folder of tmpalloc isn't known");
    if (strpbrk(folder, LIST_SEPARATORS) && !rename_folder(file, folder))
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "the folder of tmpalloc can't be opened");
    int length = snprintf(file->path, sizeof file->path, "%s/" AGENT_FILE_SONAME, folder);
    if (length < (int)sizeof file->path && access(file->path, R_OK) == 0)
        return TMPALLOC_OK;
    agent_file_close(file);
    return error_set(error, TMPALLOC_E_UNSUPPORTED, AGENT_FILE_SONAME " is missing");
}

void agent_file_close(struct agent_file *file) {
    if (file->folder >= 0)
        close(file->folder);
    file->folder = -1;
}

bool agent_file_is_sanitizer(const char *soname) {
    static const char *const runtimes[] = {"libasan",         "libtsan", "liblsan",
                                           "libhwasan",       "libmsan", "libclang_rt.asan",
                                           "libclang_rt.tsan"};
    for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++) {
        if (strncmp(soname, runtimes[i], strlen(runtimes[i])) == 0)
            return true;
    }
    return false;
}

static bool needs_sanitizer(Elf *elf, Elf_Scn *section, const GElf_Shdr *header) {
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn entry;
    for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
        if (entry.d_tag != DT_NEEDED)
            continue;
        const char *name = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
        if (name && agent_file_is_sanitizer(name))
            return true;
    }
    return false;
}

/* What a runtime linked into the program exports, compiler-rt 14. */
static bool defines_sanitizer(Elf *elf, Elf_Scn *section, const GElf_Shdr *header) {
    static const char *const marks[] = {"__asan_init", "__tsan_init", "__msan_init",
                                        "__hwasan_init", "__lsan_init"};
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Sym symbol;
    for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        for (size_t k = 0; name && k < sizeof marks / sizeof marks[0]; k++) {
            if (symbol.st_shndx != SHN_UNDEF && strcmp(name, marks[k]) == 0)
                return true;
        }
    }
    return false;
}

static bool has_sanitizer(Elf *elf) {
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            return false;
        if ((header.sh_type == SHT_DYNAMIC && needs_sanitizer(elf, section, &header)) ||
            (header.sh_type == SHT_DYNSYM && defines_sanitizer(elf, section, &header)))
            return true;
    }
    return false;
}

static bool is_interpreted(Elf *elf) {
    size_t count = 0;
    GElf_Phdr segment;
    elf_getphdrnum(elf, &count);
    for (size_t i = 0; i < count; i++) {
        if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_INTERP)
            return true;
    }
    return false;
}

/* The kernel makes the dynamic linker distrust the environment when identities change. */
static bool changes_identity(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return false;
    return ((status.st_mode & S_ISUID) && status.st_uid != getuid()) ||
           ((status.st_mode & S_ISGID) && status.st_gid != getgid());
}

static const char *refusal(Elf *elf, int fd) {
    GElf_Ehdr header;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
        return NULL;
    if (header.e_machine != EM_X86_64 || header.e_ident[EI_CLASS] != ELFCLASS64)
        return "the program is for another architecture";
    if (!is_interpreted(elf))
        return "the program is a static executable";
    if (changes_identity(fd))
        return "the program is set-user-id or set-group-id";
    return has_sanitizer(elf) ? "the program has a sanitizer's allocator" : NULL;
}

bool agent_file_refused(const char *executable, char *reason, size_t reason_bytes) {
    int fd = elf_file_open(executable);
    if (fd < 0 || elf_version(EV_CURRENT) == EV_NONE)
        return false;
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
    const char *found = elf ? refusal(elf, fd) : NULL;
    elf_end(elf);
    close(fd);
    if (found)
        snprintf(reason, reason_bytes, "%s", found);
    return found != NULL;
}
