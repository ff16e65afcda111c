#include "names/mapped_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names/elf_file.h"
#include "platform/page.h"
#include "support/memory.h"

/* proc(5): a line of /proc/PID/maps. */
struct mapping {
    uint64_t start;
    uint64_t offset;
    bool executable;
    char path[4096];
};

static bool mapped_files_parse(const char *line, struct mapping *ret) {
    char permissions[5] = "";
    ret->path[0] = '\0';
    sscanf(line, "%" SCNx64 "-%*x %4s %" SCNx64 " %*x:%*x %*u %4095[^\n]", &ret->start, permissions,
           &ret->offset, ret->path);
    ret->executable = permissions[2] == 'x';
    return ret->path[0] == '/';
}

struct list {
    struct tmpalloc_module *items;
    size_t count;
    size_t capacity;
};

static int mapped_files_add(struct list *list, const struct mapping *first) {
    struct elf_facts facts;
    int fd = elf_file_open(first->path);
    bool valid = fd >= 0 && elf_file_facts(fd, &facts);
    if (fd >= 0)
        close(fd);
    if (!valid)
        return TMPALLOC_OK;
    char *path = memory_copy_string(first->path);
    if (!path || MEMORY_RESERVE(list->items, &list->capacity, list->count + 1)) {
        memory_release(path);
        return TMPALLOC_E_NOMEM;
    }
    uint64_t bias = first->start - (facts.start & ~(PAGE_BYTES - 1));
    list->items[list->count++] =
        (struct tmpalloc_module){.path = path, .text_address = bias + facts.text_address};
    return TMPALLOC_OK;
}

/* A file is mapped from its beginning on, and somewhere behind that is its code. */
static int mapped_files_collect(FILE *file, struct list *list) {
    char line[4400];
    struct mapping mapping, first = {.path = ""};
    int status = TMPALLOC_OK;
    while (status == TMPALLOC_OK && fgets(line, sizeof line, file)) {
        if (!mapped_files_parse(line, &mapping))
            continue;
        if (mapping.offset == 0)
            first = mapping;
        if (!mapping.executable || strcmp(mapping.path, first.path) != 0)
            continue;
        status = mapped_files_add(list, &first);
        first.path[0] = '\0';
    }
    return status;
}

/* Whether its paths are ours; it may live in a container. */
static bool shares_root(int64_t pid) {
    char path[64];
    struct stat own, root;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/root", pid);
    return stat("/", &own) == 0 && stat(path, &root) == 0 && own.st_dev == root.st_dev &&
           own.st_ino == root.st_ino;
}

/* The kernel places each file below the one before. */
static int emit_all(const struct list *list, tmpalloc_emit_module emit, void *arg) {
    int status = TMPALLOC_OK;
    for (size_t i = list->count; i > 0 && status == TMPALLOC_OK; i--)
        status = emit(arg, &list->items[i - 1]);
    return status;
}

int mapped_files_for_each(int64_t pid, tmpalloc_emit_module emit, void *arg) {
    char path[64];
    struct list list = {0};
    snprintf(path, sizeof path, "/proc/%" PRId64 "/maps", pid);
    FILE *file = shares_root(pid) ? fopen(path, "re") : NULL;
    if (!file)
        return TMPALLOC_OK;
    int status = mapped_files_collect(file, &list);
    fclose(file);
    if (status == TMPALLOC_OK)
        status = emit_all(&list, emit, arg);
    for (size_t i = 0; i < list.count; i++)
        memory_release((char *)list.items[i].path);
    memory_release(list.items);
    return status;
}
