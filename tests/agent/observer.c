/* Plays the debugger from within: preloaded beside the agent, it starts and stops it where the
 * program says so, and dumps the process' anonymous memory, as a core file would hold it.  Where
 * there is no agent it loads the one of $OBSERVER_AGENT, late, and hooks the running process.
 *
 * A dump is the address of the symbol tmpalloc_agent_image, and then for each mapping its address,
 * its size, and its bytes; all numbers have eight bytes.  Allocates nothing. */
#include "observer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tmpalloc/agent_image.h"

extern struct agent_image_anchor tmpalloc_agent_image __attribute__((weak));

static struct {
    struct agent_image_anchor *anchor;
    int (*install)(uint32_t max_threshold, uint32_t stack_depth, uint64_t memory_limit_bytes,
                   const uintptr_t *addresses, size_t count, int unannounced);
    int (*uninstall)(void);
} late;

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

static struct agent_image_anchor *anchor(void) {
    return late.anchor ? late.anchor : &tmpalloc_agent_image;
}

/* The agent's own data is anonymous only where it was never written, so that of files goes in, too.
 */
void observe_dump(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        _exit(71);
    const uint64_t address = (uintptr_t)anchor();
    put(fd, &address, sizeof address);
    read_maps();
    for (char *line = maps, *end; (end = strchr(line, '\n')); line = end + 1) {
        char *rest;
        uint64_t first = strtoull(line, &rest, 16), last = strtoull(rest + 1, &rest, 16);
        if (strncmp(rest, " rw-p", 5) == 0)
            put_mapping(fd, first, last);
    }
    close(fd);
}

static void *symbol(void *agent, const char *name) {
    void *found = dlsym(agent, name);
    if (!found)
        _exit(73);
    return found;
}

void observe_loads(void) {
    const char *path = getenv("OBSERVER_AGENT");
    if (late.anchor || !path)
        return;
    void *agent = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!agent)
        _exit(74);
    late.anchor = symbol(agent, "tmpalloc_agent_image");
    *(void **)&late.install = symbol(agent, AGENT_INSTALL_SYMBOL);
    *(void **)&late.uninstall = symbol(agent, AGENT_UNINSTALL_SYMBOL);
}

/* NULL: there is none, or no agent. */
static struct agent_image *image(void) {
    return anchor() ? (struct agent_image *)(uintptr_t)anchor()->image : NULL;
}

static uint64_t option(const char *name, uint64_t otherwise) {
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

int observe_installs(void) {
    observe_loads();
    if (!late.install)
        return 0;
    int status = late.install(AGENT_DEFAULT_MAX_THRESHOLD,
                              (uint32_t)option("OBSERVER_DEPTH", AGENT_STACK_LIMIT),
                              AGENT_DEFAULT_MEMORY_LIMIT, NULL, 0, 0);
    image()->mappings = (uint32_t)option("OBSERVER_MAPPINGS", 0);
    return status;
}

void observe_uninstalls(void) {
    if (late.uninstall)
        late.uninstall();
}

void observe_only(long tid) {
    observe_installs();
    if (image())
        image()->only_tid = tid;
}

static void write_generation(uint64_t generation) {
    __atomic_store_n(&image()->generation, generation, __ATOMIC_RELEASE);
}

void observe_starts(void) {
    write_generation((image()->generation | 1) + 2);
}

void observe_stops(void) {
    write_generation((image()->generation & ~UINT64_C(1)) + 2);
}

void observe_resets(void) {
    uint64_t generation = image()->generation + 2;
    image()->dropped = 0;
    __atomic_store_n(&image()->reset_generation, generation, __ATOMIC_RELEASE);
    write_generation(generation);
}

void observe_begins(void) {
    if (observe_installs() != 0 || (anchor() && !image()))
        _exit(72);
    if (image())
        observe_starts();
}

void observe_ends(void) {
    if (image())
        observe_stops();
    const char *path = getenv("OBSERVER_DUMP");
    if (path)
        observe_dump(path);
    observe_uninstalls();
}
