/* What the kernel tells about the files in a process' memory: proc(5).
 *
 * Debuggers know files by name, and under a name there may be another file than the one that the
 * process has: in another root, or put there while the process ran. */
#ifndef TMPALLOC_PROCESS_MAPS_H
#define TMPALLOC_PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a file in memory. */
struct process_mapping {
    uint64_t start;
    uint64_t end;
    uint64_t offset; /* in the file */
    uint64_t inode;  /* 0: it is no file */
};

/* Those of a process at one time; read when the first is asked for. */
struct process_maps {
    int64_t pid; /* 0: they aren't known */
    bool read;
    struct process_mapping *items; /* by address */
    size_t count;
    size_t capacity;
};

struct process_maps process_maps_of(int64_t pid);
void process_maps_deinit(struct process_maps *maps);

/* The beginning of the file that is mapped at an address; NULL: there is none, or it isn't known.
 */
const struct process_mapping *process_maps_beginning(struct process_maps *maps, uint64_t address);

/* Opens the file of a mapping itself, whatever its name says, the executable, or a file by its name
 * in the process' root; -1: that is not allowed, or there is none. */
int process_maps_open(int64_t pid, const struct process_mapping *mapping);
int process_maps_open_executable(int64_t pid);
int process_maps_open_in_root(int64_t pid, const char *path);

/* The path of a process' executable when it was started; "": unknown. */
void process_maps_executable(int64_t pid, char *name, size_t size);

/* Whether a path is the kernel's link to a process' executable, as GDB 16 calls one that was
 * deleted, also after the process. */
bool process_maps_is_executable(int64_t pid, const char *path);

#endif
