#include "engines/agent_program.h"

#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "engines/agent_file.h"
#include "names/elf_file.h"
#include "platform/processor.h"

/* The agent was never tried with an older glibc than 2.35; its file may need a newer one. */
#define GLIBC_OLDEST 35

/* Of glibc: writes the callers of malloc() to the file that MALLOC_TRACE names. */
#define MALLOC_DEBUG "libc_malloc_debug"

/* Dynamic sections. */

typedef bool (*entry_check)(const GElf_Dyn *entry, const char *string);

static bool any_entry_of(Elf *elf, Elf_Scn *section, size_t strings, entry_check check) {
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn entry;
    for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
        const char *string = elf_strptr(elf, strings, entry.d_un.d_val);
        if (check(&entry, string ? string : ""))
            return true;
    }
    return false;
}

static bool any_entry(Elf *elf, entry_check check) {
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNAMIC)
            return any_entry_of(elf, section, header.sh_link, check);
    }
    return false;
}

/* Sanitizers. */

static bool is_sanitizer(const GElf_Dyn *entry, const char *string) {
    static const char *const runtimes[] = {"libasan",         "libtsan", "liblsan",
                                           "libhwasan",       "libmsan", "libclang_rt.asan",
                                           "libclang_rt.tsan"};
    for (size_t i = 0; entry->d_tag == DT_NEEDED && i < sizeof runtimes / sizeof runtimes[0]; i++) {
        if (strncmp(string, runtimes[i], strlen(runtimes[i])) == 0)
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
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM &&
            defines_sanitizer(elf, section, &header))
            return true;
    }
    return any_entry(elf, is_sanitizer);
}

/* The dynamic linker.  It is of the same release as the C library: they share private symbols. */

/* Of the file; NULL: it is out of the file. */
static const char *segment_text(Elf *elf, const GElf_Phdr *segment) {
    size_t size_bytes;
    const char *file = elf_rawfile(elf, &size_bytes);
    bool whole = file && segment->p_offset < size_bytes && segment->p_filesz > 0 &&
                 segment->p_filesz <= size_bytes - segment->p_offset &&
                 file[segment->p_offset + segment->p_filesz - 1] == '\0';
    return whole ? file + segment->p_offset : NULL;
}

static bool agent_program_find_segment(Elf *elf, uint32_t type, GElf_Phdr *ret) {
    size_t count = 0;
    elf_getphdrnum(elf, &count);
    for (size_t i = 0; i < count; i++) {
        if (gelf_getphdr(elf, (int)i, ret) && ret->p_type == type)
            return true;
    }
    return false;
}

/* The section of a type, NULL: the file has none; *strings_ret holds its strings. */
static Elf_Data *agent_program_find_section(Elf *elf, uint32_t type, size_t *strings_ret) {
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || header.sh_type != type)
            continue;
        *strings_ret = header.sh_link;
        return elf_getdata(section, NULL);
    }
    return NULL;
}

static bool defines_version(Elf *elf, const char *wanted) {
    size_t strings;
    Elf_Data *data = agent_program_find_section(elf, SHT_GNU_verdef, &strings);
    GElf_Verdef definition = {.vd_next = 0};
    GElf_Verdaux name;
    int offset = 0;
    do {
        offset += (int)definition.vd_next;
        if (!data || !gelf_getverdef(data, offset, &definition) ||
            !gelf_getverdaux(data, offset + (int)definition.vd_aux, &name))
            return false;
        const char *string = elf_strptr(elf, strings, name.vda_name);
        if (string && strcmp(string, wanted) == 0)
            return true;
    } while (definition.vd_next);
    return false;
}

static void note_minor(const char *version, const char *prefix, unsigned *highest) {
    size_t length = strlen(prefix);
    unsigned minor = 0;
    if (version && strncmp(version, prefix, length) == 0)
        sscanf(version + length, "%u", &minor);
    if (minor > *highest)
        *highest = minor;
}

/* The release of glibc that a file needs: 35 of 2.35. */
static unsigned needed_minor(Elf *elf) {
    size_t strings;
    unsigned highest = 0;
    Elf_Data *data = agent_program_find_section(elf, SHT_GNU_verneed, &strings);
    GElf_Verneed need = {.vn_next = 0};
    GElf_Vernaux name;
    int offset = 0;
    do {
        offset += (int)need.vn_next;
        if (!data || !gelf_getverneed(data, offset, &need))
            break;
        int place = offset + (int)need.vn_aux;
        for (int i = 0; i < need.vn_cnt && gelf_getvernaux(data, place, &name); i++) {
            note_minor(elf_strptr(elf, strings, name.vna_name), "GLIBC_2.", &highest);
            place += (int)name.vna_next;
        }
    } while (need.vn_next);
    return highest;
}

/* What a dynamic linker of glibc 2.33 or newer says with --version. */
static unsigned linker_minor(Elf *linker) {
    static const char text[] = " release version 2.";
    size_t size_bytes;
    unsigned minor = 0;
    const char *file = elf_rawfile(linker, &size_bytes);
    const char *found = file ? memmem(file, size_bytes, text, sizeof text - 1) : NULL;
    if (found)
        note_minor(found, text, &minor);
    return minor;
}

/* What the agent needs. */
static unsigned agent_minor(void) {
    struct agent_file file;
    unsigned minor = GLIBC_OLDEST;
    if (agent_file_open(&file, NULL) != TMPALLOC_OK)
        return minor;
    int fd = elf_file_open(file.path);
    Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL) : NULL;
    if (elf && needed_minor(elf) > minor)
        minor = needed_minor(elf);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    agent_file_close(&file);
    return minor;
}

static bool refuse_linker(Elf *linker, struct text *reason) {
    if (elf_kind(linker) != ELF_K_ELF)
        return false;
    unsigned minor = linker_minor(linker), needed = agent_minor();
    if (!defines_version(linker, "GLIBC_PRIVATE"))
        text_append(reason, "the program's C library is not glibc");
    else if (minor < needed)
        text_printf(reason, "the program's C library is older than glibc 2.%u", needed);
    return reason->length > 0;
}

static bool refuse_interpreter(const char *path, struct text *reason) {
    int fd = path ? elf_file_open(path) : -1;
    Elf *linker = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL) : NULL;
    bool refused = linker && refuse_linker(linker, reason);
    elf_end(linker);
    if (fd >= 0)
        close(fd);
    return refused;
}

/* The program itself. */

/* The kernel makes the dynamic linker distrust the environment when identities change. */
static bool changes_identity(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return false;
    return ((status.st_mode & S_ISUID) && status.st_uid != getuid()) ||
           ((status.st_mode & S_ISGID) && status.st_gid != getgid());
}

static const char *judge_uninterpreted(int fd) {
    struct elf_facts facts;
    return elf_file_facts(fd, &facts) && facts.dynamic
               ? "the program is a dynamic linker that was called by name"
               : "the program is a static executable";
}

static bool looks_on(const GElf_Dyn *entry, const char *string) {
    return entry->d_tag == DT_AUDIT || entry->d_tag == DT_DEPAUDIT ||
           (entry->d_tag == DT_NEEDED && strstr(string, MALLOC_DEBUG));
}

static bool gains_capabilities(int fd) {
    return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static const char *judge_file(Elf *elf, int fd) {
    if (changes_identity(fd))
        return "the program is set-user-id or set-group-id";
    if (gains_capabilities(fd))
        return "the program has capabilities";
    if (has_sanitizer(elf))
        return "the program has a sanitizer's allocator";
    return any_entry(elf, looks_on) ? "the program has libraries that would see the agent" : NULL;
}

static bool refuse_file(Elf *elf, int fd, struct text *reason) {
    GElf_Ehdr header;
    GElf_Phdr segment;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
        return false;
    if (processor_of_machine(header.e_machine) != processor_find(TMPALLOC_AGENT_PROCESSOR) ||
        header.e_ident[EI_CLASS] != ELFCLASS64)
        text_append(reason, "the program is for another architecture");
    else if (!agent_program_find_segment(elf, PT_INTERP, &segment))
        text_append(reason, judge_uninterpreted(fd));
    else if (judge_file(elf, fd))
        text_append(reason, judge_file(elf, fd));
    else
        return refuse_interpreter(segment_text(elf, &segment), reason);
    return true;
}

static bool refuse_executable(const char *executable, struct text *reason) {
    int fd = elf_file_open(executable);
    Elf *elf = fd >= 0 && elf_version(EV_CURRENT) != EV_NONE
                   ? elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL)
                   : NULL;
    bool refused = elf && refuse_file(elf, fd, reason);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return refused;
}

/* Its environment. */

#define VALUE_BYTES 4096

/* Whether a variable is set, to something that has this part, when the program is started next. */
static bool is_set_next(struct host *host, const char *name, const char *part) {
    char value[VALUE_BYTES];
    return host_environment(host, name, value, sizeof value, NULL) == TMPALLOC_OK && value[0] &&
           strstr(value, part);
}

/* Reads up to a zero; false: there is nothing. */
static bool agent_program_read_string(FILE *file, char *ret, size_t size_bytes) {
    size_t length = 0;
    int byte = fgetc(file);
    bool any = byte != EOF;
    for (; byte != EOF && byte != '\0'; byte = fgetc(file)) {
        if (length + 1 < size_bytes)
            ret[length++] = (char)byte;
    }
    ret[length] = '\0';
    return any;
}

/* The same of a process, proc(5). */
static bool was_set(int64_t pid, const char *name, const char *part) {
    char path[64], variable[VALUE_BYTES];
    size_t length = strlen(name);
    bool found = false;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/environ", pid);
    FILE *file = fopen(path, "re");
    while (file && !found && agent_program_read_string(file, variable, sizeof variable))
        found = strncmp(variable, name, length) == 0 && variable[length] == '=' &&
                variable[length + 1] && strstr(variable + length + 1, part);
    if (file)
        fclose(file);
    return found;
}

static bool refuse_environment(struct host *host, const struct tmpalloc_process *process,
                               struct text *reason) {
    static const char *const names[][2] = {{"LD_AUDIT", ""},
                                           {"LD_DEBUG", ""},
                                           {"LD_TRACE_LOADED_OBJECTS", ""},
                                           {"MALLOC_TRACE", ""},
                                           {"LD_PRELOAD", MALLOC_DEBUG}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *name = names[i][0], *part = names[i][1];
        if (process->pid ? !was_set(process->pid, name, part) : !is_set_next(host, name, part))
            continue;
        text_printf(reason, "%s%s%s in the environment would show the agent", name,
                    part[0] ? "=" : "", part);
        return true;
    }
    return false;
}

bool agent_program_refused(struct host *host, const struct tmpalloc_process *process,
                           struct text *reason) {
    char running[64];
    snprintf(running, sizeof running, "/proc/%" PRId64 "/exe", process->pid);
    return refuse_executable(process->pid ? running : process->executable, reason) ||
           refuse_environment(host, process, reason);
}
