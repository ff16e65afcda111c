#include "support/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

static int file_read_fail(const char *path, struct error *error) {
    return error_set(error, TMPALLOC_E_IO, "can't read %s: %s", path, strerror(errno));
}

static int check_file(int file, const char *path, uint64_t largest_bytes, struct error *error) {
    struct stat status;
    if (fstat(file, &status) != 0)
        return file_read_fail(path, error);
    if (!S_ISREG(status.st_mode))
        return error_set(error, TMPALLOC_E_IO, "%s is not a regular file", path);
    if ((uint64_t)status.st_size <= largest_bytes)
        return TMPALLOC_OK;
    struct text limit;
    text_init(&limit);
    text_append_size(&limit, largest_bytes);
    int answer = error_set(error, TMPALLOC_E_IO, "%s is larger than %s", path, text_get(&limit));
    text_deinit(&limit);
    return answer;
}

/* A file that grows meanwhile is read no further than its limit. */
static int read_bytes(int file, const char *path, uint64_t largest_bytes, struct text *ret,
                      struct error *error) {
    char chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t length = read(file, chunk, sizeof chunk);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return file_read_fail(path, error);
        if (length == 0 || ret->length + (size_t)length > largest_bytes)
            return TMPALLOC_OK;
        text_append_bytes(ret, chunk, (size_t)length);
        if (ret->failed)
            return error_no_memory(error);
    }
}

int file_read_whole(const char *path, uint64_t largest_bytes, struct text *ret,
                    struct error *error) {
    /* Opening a pipe must not wait for somebody to write. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return file_read_fail(path, error);
    int status = check_file(file, path, largest_bytes, error);
    if (status == TMPALLOC_OK)
        status = read_bytes(file, path, largest_bytes, ret, error);
    close(file);
    return status;
}
