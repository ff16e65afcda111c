/* Plays the debugger from within: preloaded beside the agent, it starts and stops it where the
 * program says so, and dumps the process' anonymous memory, as a core file would hold it.
 *
 * A dump is the address of the symbol tmpalloc_agent_image, and then for each mapping its address,
 * its size, and its bytes; all numbers have eight bytes.  Allocates nothing. */
#include "observer.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char tmpalloc_agent_image[] __attribute__((weak));
int tmpalloc_agent_start(void) __attribute__((weak));
int tmpalloc_agent_stop(void) __attribute__((weak));

#define MAPS_BYTES 262144
#define DUMP_MAX   (64u << 20) /* bytes of one mapping */

static char maps[MAPS_BYTES];

static void read_maps(void) {
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    for (ssize_t got; (got = read(fd, maps + length, sizeof maps - 1 - length)) > 0;)
        length += (size_t)got;
    maps[length] = '\0';
    close(fd);
}

static void put(int fd, const void *data, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t written = write(fd, (const char *)data + done, size - done);
        if (written <= 0)
            _exit(70);
        done += (size_t)written;
    }
}

static void put_mapping(int fd, uint64_t start, uint64_t end) {
    const uint64_t header[] = {start, end - start};
    if (end - start > DUMP_MAX)
        return;
    put(fd, header, sizeof header);
    put(fd, (const void *)(uintptr_t)start, end - start);
}

/* The agent's own data is anonymous only where it was never written, so that of files goes in, too.
 */
void observe_dump(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        _exit(71);
    const uint64_t anchor = (uintptr_t)tmpalloc_agent_image;
    put(fd, &anchor, sizeof anchor);
    read_maps();
    for (char *line = maps, *end; (end = strchr(line, '\n')); line = end + 1) {
        char *rest;
        uint64_t first = strtoull(line, &rest, 16), last = strtoull(rest + 1, &rest, 16);
        if (strncmp(rest, " rw-p", 5) == 0)
            put_mapping(fd, first, last);
    }
    close(fd);
}

void observe_begins(void) {
    if (tmpalloc_agent_start && tmpalloc_agent_start() != 0)
        _exit(72);
}

void observe_ends(void) {
    if (tmpalloc_agent_stop)
        tmpalloc_agent_stop();
    const char *path = getenv("OBSERVER_DUMP");
    if (path)
        observe_dump(path);
}
