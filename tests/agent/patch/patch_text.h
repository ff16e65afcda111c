/* The code of all loaded files, and its protection, as they are at one time, to be compared with
 * later. */
#ifndef PATCH_TEXT_H
#define PATCH_TEXT_H

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TEXT_BYTES   (64 << 20)
#define BUFFER_BYTES (64 << 10) /* at its end */

struct text {
    char *bytes;
    size_t size;
    size_t protections; /* where the files' mappings begin */
};

static inline void text_add(struct text *text, const void *bytes, size_t size) {
    if (text->size + size > TEXT_BYTES - BUFFER_BYTES)
        abort();
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static inline int text_add_file(struct dl_phdr_info *info, size_t size, void *text) {
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X)
            text_add(text, (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                     info->dlpi_phdr[i].p_memsz);
    }
    return 0;
}

struct mapping {
    unsigned long start;
    unsigned long end;
    char protection[8];
    char path[256];
};

/* Adjacent mappings that are alike count as one: the kernel keeps apart what once was different. */
static inline void text_add_mapping(struct text *text, const struct mapping *next) {
    struct mapping *last = (struct mapping *)(void *)(text->bytes + text->size) - 1;
    if (text->size > text->protections && last->end == next->start &&
        strcmp(last->protection, next->protection) == 0 && strcmp(last->path, next->path) == 0)
        last->end = next->end;
    else
        text_add(text, next, sizeof *next);
}

/* Those of files. */
static inline void text_add_mappings(struct text *text) {
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    if (!file)
        abort();
    setbuffer(file, text->bytes + TEXT_BYTES - BUFFER_BYTES, BUFFER_BYTES);
    text->size = text->protections = (text->size + 7) & -8UL;
    while (fgets(line, sizeof line, file)) {
        struct mapping mapping = {0};
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &mapping.start, &mapping.end,
                   mapping.protection, mapping.path) == 4 &&
            mapping.path[0] == '/')
            text_add_mapping(text, &mapping);
    }
    fclose(file);
}

static inline struct text text_now(void) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    struct text text = {.bytes = mmap(NULL, TEXT_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0)};
    if (text.bytes == MAP_FAILED)
        abort();
    dl_iterate_phdr(text_add_file, &text);
    text_add_mappings(&text);
    return text;
}

/* Compares, and forgets both. */
static inline int text_are_equal(struct text *one, struct text *other) {
    int equal = one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
    munmap(one->bytes, TEXT_BYTES);
    munmap(other->bytes, TEXT_BYTES);
    return equal;
}

static inline int text_is_unchanged(struct text *before) {
    struct text now = text_now();
    return text_are_equal(&now, before);
}

#endif
