#include "names/elf_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool elf_file_stamp_of(const struct stat *status, struct elf_stamp *ret) {
    if (!S_ISREG(status->st_mode))
        return false;
    *ret = (struct elf_stamp){.device = status->st_dev,
                              .inode = status->st_ino,
                              .size_bytes = (uint64_t)status->st_size,
                              .changed_ns =
                                  status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec};
    return true;
}

int elf_file_checked(int fd) {
    struct elf_stamp ignored;
    if (fd >= 0 && !elf_file_stamp(fd, &ignored)) {
        close(fd);
        return -1;
    }
    return fd;
}

int elf_file_open(const char *path) {
    /* Not waiting for a writer, should the path be a pipe. */
    return elf_file_checked(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

bool elf_file_stamp(int fd, struct elf_stamp *ret) {
    struct stat status;
    return fstat(fd, &status) == 0 && elf_file_stamp_of(&status, ret);
}

bool elf_path_stamp(const char *path, struct elf_stamp *ret) {
    struct stat status;
    return stat(path, &status) == 0 && elf_file_stamp_of(&status, ret);
}

bool elf_stamp_equal(const struct elf_stamp *one, const struct elf_stamp *other) {
    return one->device == other->device && one->inode == other->inode &&
           one->size_bytes == other->size_bytes && one->changed_ns == other->changed_ns;
}

bool elf_build_id_equal(const struct elf_build_id *one, const struct elf_build_id *other) {
    return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}

void elf_read_build_id(Elf *elf, struct elf_build_id *ret) {
    *ret = (struct elf_build_id){0};
    const void *bytes;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &bytes);
    if (size <= 0)
        return;
    ret->size = size < ELF_BUILD_ID_BYTES ? (uint32_t)size : ELF_BUILD_ID_BYTES;
    memcpy(ret->bytes, bytes, ret->size);
}

static void read_dynamic(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                         struct elf_facts *facts) {
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn entry;
    for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
        /* A static PIE has a dynamic section for its own relocation only. */
        if (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_PIE) && !facts->interpreted)
            facts->dynamic = false;
        const char *name =
            entry.d_tag == DT_SONAME ? elf_strptr(elf, header->sh_link, entry.d_un.d_val) : NULL;
        if (name)
            snprintf(facts->soname, sizeof facts->soname, "%s", name);
    }
}

/* Asks elfutils itself, about the smallest of the sections without which there are no lines. */
static bool is_compressed_unknown(Elf_Scn *section, const GElf_Shdr *header, const char *name) {
    return (header->sh_flags & SHF_COMPRESSED) && name && strcmp(name, ".debug_abbrev") == 0 &&
           elf_compress(section, 0, 0) < 0;
}

static bool read_sections(Elf *elf, struct elf_facts *facts) {
    bool has_text = false;
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return false;
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            return false;
        const char *name = elf_strptr(elf, names, header.sh_name);
        if (name && strcmp(name, ".text") == 0 && (header.sh_flags & SHF_ALLOC)) {
            facts->text_address = header.sh_addr;
            has_text = true;
        }
        if (is_compressed_unknown(section, &header, name))
            facts->compressed = true;
        if (header.sh_type == SHT_DYNAMIC)
            read_dynamic(elf, section, &header, facts);
    }
    return has_text;
}

static void find_build_id(Elf *elf, const GElf_Phdr *segment, struct elf_facts *facts) {
    Elf_Type type = segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
    Elf_Data *notes =
        elf_getdata_rawchunk(elf, (int64_t)segment->p_offset, segment->p_filesz, type);
    GElf_Nhdr note;
    size_t offset = 0, name, content;
    while (notes && (offset = gelf_getnote(notes, offset, &note, &name, &content)) > 0) {
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
            memcmp((const char *)notes->d_buf + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0)
            facts->build_id_address = segment->p_vaddr + content;
    }
}

static void add_load(const GElf_Phdr *segment, struct elf_facts *facts) {
    if (segment->p_vaddr < facts->start) {
        facts->start = segment->p_vaddr;
        facts->loads_header = segment->p_offset == 0;
    }
    if (segment->p_vaddr + segment->p_memsz > facts->end)
        facts->end = segment->p_vaddr + segment->p_memsz;
}

static bool elf_file_read_segments(Elf *elf, struct elf_facts *facts) {
    size_t count;
    if (elf_getphdrnum(elf, &count) != 0)
        return false;
    facts->start = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(elf, (int)i, &segment))
            return false;
        if (segment.p_type == PT_DYNAMIC)
            facts->dynamic = true;
        if (segment.p_type == PT_INTERP)
            facts->interpreted = true;
        if (segment.p_type == PT_NOTE)
            find_build_id(elf, &segment, facts);
        if (segment.p_type == PT_LOAD)
            add_load(&segment, facts);
    }
    return facts->start < facts->end;
}

static bool read_facts(Elf *elf, struct elf_facts *facts) {
    GElf_Ehdr header;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
        return false;
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
        return false;
    facts->relocatable = header.e_type == ET_DYN;
    elf_read_build_id(elf, &facts->build_id);
    return elf_file_read_segments(elf, facts) && read_sections(elf, facts);
}

static bool read_header(int fd, struct elf_facts *facts) {
    return pread(fd, facts->header, sizeof facts->header, 0) == (ssize_t)sizeof facts->header;
}

bool elf_file_facts(int fd, struct elf_facts *ret) {
    struct elf_facts facts = {0};
    if (elf_version(EV_CURRENT) == EV_NONE || !elf_file_stamp(fd, &facts.stamp) ||
        !read_header(fd, &facts))
        return false;
    /* Not mapped: to end a mapping costs a debugger with threads more than the few reads. */
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    if (!elf)
        return false;
    bool valid = read_facts(elf, &facts);
    elf_end(elf);
    if (valid)
        *ret = facts;
    return valid;
}
