/* What a file on disk is: its identity and the few header facts that placing it in memory needs. */
#ifndef TMPALLOC_ELF_FILE_H
#define TMPALLOC_ELF_FILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define ELF_BUILD_ID_BYTES 64
#define ELF_HEADER_BYTES   sizeof(Elf64_Ehdr)

struct elf_build_id {
    uint32_t size; /* 0: the file has none */
    unsigned char bytes[ELF_BUILD_ID_BYTES];
};

/* Tells whether a path still names the same file. */
struct elf_stamp {
    uint64_t device;
    uint64_t inode;
    uint64_t size_bytes;
    int64_t changed_ns;
};

struct elf_facts {
    struct elf_build_id build_id;
    struct elf_stamp stamp;
    uint64_t text_address;     /* of .text, link-time */
    uint64_t build_id_address; /* of the build id's bytes, link-time; 0: they are not loaded */
    uint64_t start;            /* of the first loaded segment and */
    uint64_t end;              /* behind the last one, link-time */
    unsigned char header[ELF_HEADER_BYTES]; /* the file's first bytes */
    bool loads_header;                      /* they are loaded, at `start` */
    bool relocatable;                       /* can be loaded anywhere (PIE or library) */
    bool dynamic;     /* bound by the dynamic linker; false: a static executable */
    bool interpreted; /* names a dynamic linker */
    bool compressed;  /* has debug information in a form that elfutils can\'t decompress */
    char soname[256]; /* "" when it has none */
};

/* Opens a regular file for reading; -1 when that is impossible. */
int elf_file_open(const char *path);
/* The same of what was opened already (or -1): closes what is no regular file. */
int elf_file_checked(int fd);
/* False when the file descriptor or path names no file. */
bool elf_file_stamp(int fd, struct elf_stamp *ret);
bool elf_path_stamp(const char *path, struct elf_stamp *ret);
bool elf_stamp_equal(const struct elf_stamp *one, const struct elf_stamp *other);
bool elf_build_id_equal(const struct elf_build_id *one, const struct elf_build_id *other);

/* The build id of an open ELF file; size 0 when it has none. */
void elf_read_build_id(Elf *elf, struct elf_build_id *ret);
/* False when the file is no ELF executable or library with a .text section. */
bool elf_file_facts(int fd, struct elf_facts *ret);

#endif
