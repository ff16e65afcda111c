#include "support/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ATTEMPTS 16
#define NAME_BYTES    64

/* A report on its way to its place. */
struct output {
    const char *path; /* as given, for messages */
    const char *name; /* the last component */
    int folder;
    int file;
    char beside[NAME_BYTES]; /* the temporary name in the folder */
};

static int file_write_fail(const struct output *output, struct error *error) {
    return error_set(error, TMPALLOC_E_IO, "can't write %s: %s", output->path, strerror(errno));
}

static int open_folder(struct output *output, struct error *error) {
    struct text folder;
    text_init(&folder);
    const char *slash = strrchr(output->path, '/');
    output->name = slash ? slash + 1 : output->path;
    if (slash)
        text_append_bytes(&folder, output->path, (size_t)(output->name - output->path));
    else
        text_append(&folder, ".");
    if (!folder.failed)
        output->folder = open(text_get(&folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
    int status = folder.failed         ? error_no_memory(error)
                 : output->folder >= 0 ? TMPALLOC_OK
                                       : file_write_fail(output, error);
    text_deinit(&folder);
    return status;
}

/* What a link leads to that is no file by itself, such as /dev/stdout, is used by others through
 * that link; any other link is replaced like a file. */
static bool is_shared_link(const struct output *output) {
    static const char open_files[] = "/proc/";
    char target[sizeof open_files] = "";
    struct stat status;
    if (readlinkat(output->folder, output->name, target, sizeof target - 1) < 0)
        return false;
    return strcmp(target, open_files) == 0 ||
           (fstatat(output->folder, output->name, &status, 0) == 0 && !S_ISREG(status.st_mode));
}

static int check_target(const struct output *output, bool force, struct error *error) {
    struct stat status;
    if (fstatat(output->folder, output->name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? TMPALLOC_OK : file_write_fail(output, error);
    if ((!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) || is_shared_link(output))
        return error_set(error, TMPALLOC_E_IO, "%s is not a regular file", output->path);
    if (!force)
        return error_set(error, TMPALLOC_E_IO, "%s exists; --force replaces it", output->path);
    return TMPALLOC_OK;
}

static int create_beside(struct output *output, struct error *error) {
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        unsigned long long random;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            break;
        snprintf(output->beside, sizeof output->beside, ".tmpalloc-%016llx", random);
        output->file = openat(output->folder, output->beside,
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (output->file >= 0)
            return TMPALLOC_OK;
        if (errno != EEXIST)
            break;
    }
    return file_write_fail(output, error);
}

static bool write_all(int file, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

/* A link, unlike a rename, fails when somebody else made the file meanwhile; file systems without
 * links have to do with the check before. */
static bool move_into_place(const struct output *output, bool force) {
    if (!force) {
        if (linkat(output->folder, output->beside, output->folder, output->name, 0) == 0) {
            unlinkat(output->folder, output->beside, 0);
            return true;
        }
        if (errno == EEXIST)
            return false;
    }
    return renameat(output->folder, output->beside, output->folder, output->name) == 0;
}

/* Closes the file; false with errno when not all of the text has reached the disk. */
static bool fill_and_close(int file, const struct text *text) {
    bool complete = write_all(file, text_get(text), text->length);
    /* Some file systems tell only here that they are full; some can't do it at all. */
    complete = complete && (fsync(file) == 0 || errno == EINVAL);
    int reason = errno;
    if (close(file) != 0 && complete)
        return false;
    errno = reason;
    return complete;
}

static int write_and_move(struct output *output, bool force, const struct text *text,
                          struct error *error) {
    if (fill_and_close(output->file, text) && move_into_place(output, force))
        return TMPALLOC_OK;
    int status = file_write_fail(output, error);
    unlinkat(output->folder, output->beside, 0);
    return status;
}

/* Leaves the folder open, also after a failure. */
static int open_output(struct output *output, bool force, struct error *error) {
    int status = open_folder(output, error);
    if (status == TMPALLOC_OK && !*output->name)
        status = error_set(error, TMPALLOC_E_IO, "%s names a folder, not a file", output->path);
    return status == TMPALLOC_OK ? check_target(output, force, error) : status;
}

static void close_output(struct output *output) {
    if (output->folder >= 0)
        close(output->folder);
}

int file_write_check(const char *path, bool force, struct error *error) {
    struct output output = {.path = path, .folder = -1, .file = -1};
    int status = open_output(&output, force, error);
    close_output(&output);
    return status;
}

int file_write_whole(const char *path, bool force, const struct text *text, struct error *error) {
    struct output output = {.path = path, .folder = -1, .file = -1};
    int status = open_output(&output, force, error);
    if (status == TMPALLOC_OK)
        status = create_beside(&output, error);
    if (status == TMPALLOC_OK)
        status = write_and_move(&output, force, text, error);
    close_output(&output);
    return status;
}
