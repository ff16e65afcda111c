#include "names/process_maps.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "names/elf_file.h"
#include "support/memory.h"

static bool process_maps_parse(const char *line, struct process_mapping *ret) {
    return sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %" SCNu64, &ret->start,
                  &ret->end, &ret->offset, &ret->inode) == 4;
}

struct process_maps process_maps_of(int64_t pid) {
    return (struct process_maps){.pid = pid, .read = pid == 0};
}

/* What there was no memory for isn't known. */
static void process_maps_read_all(struct process_maps *maps) {
    char path[64], line[PATH_MAX + 128];
    struct process_mapping mapping;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/maps", maps->pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (process_maps_parse(line, &mapping) &&
            MEMORY_RESERVE(maps->items, &maps->capacity, maps->count + 1) == 0)
            maps->items[maps->count++] = mapping;
    }
    if (file)
        fclose(file);
    maps->read = true;
}

void process_maps_deinit(struct process_maps *maps) {
    memory_release(maps->items);
    *maps = process_maps_of(0);
}

static size_t process_maps_find(const struct process_maps *maps, uint64_t address) {
    size_t i = 0;
    while (i < maps->count && maps->items[i].end <= address)
        i++;
    return i;
}

const struct process_mapping *process_maps_beginning(struct process_maps *maps, uint64_t address) {
    if (!maps->read)
        process_maps_read_all(maps);
    size_t i = process_maps_find(maps, address);
    if (i == maps->count || maps->items[i].start > address || maps->items[i].inode == 0)
        return NULL;
    uint64_t inode = maps->items[i].inode;
    /* Between the parts of a file lies nothing, or memory without a file. */
    for (; maps->items[i].inode == inode || maps->items[i].inode == 0; i--) {
        if (maps->items[i].inode == inode && maps->items[i].offset == 0)
            return &maps->items[i];
        if (i == 0)
            break;
    }
    return NULL;
}

int process_maps_open(int64_t pid, const struct process_mapping *mapping) {
    char path[128];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/map_files/%" PRIx64 "-%" PRIx64, pid,
             mapping->start, mapping->end);
    return elf_file_open(path);
}

struct link {
    char path[64];
};

static struct link executable_link(int64_t pid) {
    struct link link;
    snprintf(link.path, sizeof link.path, "/proc/%" PRId64 "/exe", pid);
    return link;
}

int process_maps_open_executable(int64_t pid) {
    return elf_file_open(executable_link(pid).path);
}

/* Symbolic links that begin with a slash are meant from there, too: openat2(2). */
int process_maps_open_in_root(int64_t pid, const char *name) {
    char path[64];
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT};
    snprintf(path, sizeof path, "/proc/%" PRId64 "/root", pid);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    int fd = (int)syscall(SYS_openat2, root, name, &how, sizeof how);
    close(root);
    return elf_file_checked(fd);
}

void process_maps_executable(int64_t pid, char *name, size_t size) {
    ssize_t length = readlink(executable_link(pid).path, name, size - 1);
    name[length > 0 ? length : 0] = '\0';
    char *deleted = strstr(name, " (deleted)");
    if (deleted && deleted[strlen(" (deleted)")] == '\0')
        *deleted = '\0';
}

bool process_maps_is_executable(int64_t pid, const char *path) {
    return strcmp(path, executable_link(pid).path) == 0;
}
