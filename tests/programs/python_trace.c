/* Preloaded into Python: writes each heap call with the innermost Python function, as CPython's own
 * crash dump names it, to the file that PYTHON_TRACE names.
 *
 *     a TID ADDRESS SIZE | WHERE        f TID ADDRESS        r TID OLD NEW SIZE | WHERE        x
 * TID
 *
 * WHERE is a line of the dump, or empty.  Calls take turns, so that the order of the lines is that
 * of the events; failed calls write nothing.  Children write nothing. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dump_function.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* Enough for a header and the innermost frame. */
#define DUMP_BYTES 2048

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static pid_t owner;
static int output = -1, dump_file = -1;
static dump_function *dump_traceback;
static void *(*this_state)(void);

static void write_line(const char *line, int length) {
    if (output >= 0 && getpid() == owner && write(output, line, (size_t)length) != length)
        abort();
}

static void leave(void *arg) {
    char line[40];
    (void)arg;
    pthread_mutex_lock(&mutex);
    write_line(line, snprintf(line, sizeof line, "x %d\n", gettid()));
    pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("PYTHON_TRACE");
    dump_traceback = find_dump_function();
    this_state = (void *(*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "PyGILState_GetThisThreadState");
    if (!path || !dump_traceback || !this_state || pthread_key_create(&key, leave) != 0)
        return;
    owner = getpid();
    dump_file = memfd_create("dump", MFD_CLOEXEC);
    output = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
}

/* The first frame's line of a dump, without its end; empty: there is no frame. */
static void find_where(char where[DUMP_BYTES]) {
    void *state = this_state();
    where[0] = '\0';
    if (!state)
        return;
    ftruncate(dump_file, 0);
    lseek(dump_file, 0, SEEK_SET);
    dump_traceback(dump_file, state, true);
    ssize_t size = pread(dump_file, where, DUMP_BYTES - 1, 0);
    where[size > 0 ? size : 0] = '\0';
    char *line = strstr(where, "  File ");
    if (!line) {
        where[0] = '\0';
        return;
    }
    line[strcspn(line, "\n")] = '\0';
    memmove(where, line, strlen(line) + 1);
}

static void trace(const char *event, bool located) {
    char where[DUMP_BYTES], line[DUMP_BYTES + 200];
    int saved_errno = errno;
    if (output >= 0) {
        if (located)
            find_where(where);
        pthread_setspecific(key, &key);
        write_line(line, located ? snprintf(line, sizeof line, "%s |%s\n", event, where)
                                 : snprintf(line, sizeof line, "%s\n", event));
    }
    errno = saved_errno;
}

static void *allocated(void *block, size_t size) {
    char event[100];
    snprintf(event, sizeof event, "a %d %zu %zu", gettid(), (size_t)block, size);
    if (block)
        trace(event, true);
    pthread_mutex_unlock(&mutex);
    return block;
}

void *malloc(size_t size) {
    pthread_mutex_lock(&mutex);
    return allocated(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size) {
    pthread_mutex_lock(&mutex);
    return allocated(__libc_calloc(count, size), count * size);
}

void *memalign(size_t alignment, size_t size) {
    pthread_mutex_lock(&mutex);
    return allocated(__libc_memalign(alignment, size), size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size) {
    void *block = memalign(alignment, size);
    if (!block)
        return ENOMEM;
    *ret = block;
    return 0;
}

void *realloc(void *block, size_t size) {
    char event[120];
    pthread_mutex_lock(&mutex);
    void *result = __libc_realloc(block, size);
    snprintf(event, sizeof event, "r %d %zu %zu %zu", gettid(), (size_t)block, (size_t)result,
             size);
    if (result || (block && size == 0))
        trace(event, true);
    pthread_mutex_unlock(&mutex);
    return result;
}

void free(void *block) {
    char event[60];
    if (!block)
        return;
    pthread_mutex_lock(&mutex);
    snprintf(event, sizeof event, "f %d %zu", gettid(), (size_t)block);
    trace(event, false);
    __libc_free(block);
    pthread_mutex_unlock(&mutex);
}
