#include "program/run_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/memory.h"

static int told(const char *name, int error, int status) {
    fprintf(stderr, "tmpalloc: %s: %s\n", name, strerror(error));
    return status;
}

static int judge_file(const char *path) {
    struct stat file;
    if (stat(path, &file) != 0)
        return errno;
    if (!S_ISREG(file.st_mode))
        return EACCES;
    return access(path, X_OK) == 0 ? 0 : errno;
}

/* Along PATH, as execvp() does it: what can't be executed there is passed over. */
static int find_file(const char *name, char *ret) {
    if (strchr(name, '/')) {
        snprintf(ret, PATH_MAX, "%s", name);
        return judge_file(name);
    }
    int worst = ENOENT;
    const char *folders = getenv("PATH");
    const char *next = folders ? folders : "/bin:/usr/bin";
    while (*name && next) {
        const char *at = next;
        int length = (int)strcspn(at, ":");
        next = at[length] ? at + length + 1 : NULL;
        snprintf(ret, PATH_MAX, "%.*s%s%s", length, at, length ? "/" : "./", name);
        int error = judge_file(ret);
        if (error == 0)
            return 0;
        worst = error == EACCES ? error : worst;
    }
    return worst;
}

bool run_program_is_there(const char *name) {
    char path[PATH_MAX];
    return find_file(name, path) == 0;
}

/* Reads "#! INTERPRETER ARGUMENT"; a text without it is the shell's, as for execvp().  False: the
 * file is a program. */
static bool read_interpreter(const char *path, char *line) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, line, PATH_MAX - 1);
    if (fd >= 0)
        close(fd);
    if (size < 0 || (size >= 4 && memcmp(line, "\177ELF", 4) == 0))
        return false;
    line[size] = '\0';
    if (strncmp(line, "#!", 2) != 0) {
        strcpy(line, "/bin/sh");
        return true;
    }
    line[strcspn(line, "\n")] = '\0';
    char *begin = line + 2 + strspn(line + 2, " \t");
    memmove(line, begin, strlen(begin) + 1);
    for (size_t end = strlen(line); end && strchr(" \t\r", line[end - 1]); end--)
        line[end - 1] = '\0';
    return true;
}

static size_t count_of(char **words) {
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

/* The words that a script's interpreter gets. */
static int lead_to_interpreter(struct run_program *program, char **given) {
    char *argument = program->line + strcspn(program->line, " \t");
    bool has_argument = *argument != '\0';
    if (has_argument) {
        *argument++ = '\0';
        argument += strspn(argument, " \t");
    }
    snprintf(program->script, PATH_MAX, "%s", program->path);
    snprintf(program->path, PATH_MAX, "%s", program->line);
    size_t count = 0;
    program->words[count++] = program->line;
    if (has_argument)
        program->words[count++] = argument;
    program->words[count++] = program->script;
    memcpy(program->words + count, given + 1, (count_of(given + 1) + 1) * sizeof(*given));
    int error = judge_file(program->path);
    return error == 0
               ? 0
               : told(program->path, error, error == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
}

int run_program_find(char **given, struct run_program *ret) {
    size_t count = count_of(given);
    ret->script[0] = '\0';
    ret->words = memory_allocate((count + 3) * sizeof(*given));
    if (!ret->words)
        return told(given[0], ENOMEM, RUN_NOT_EXECUTABLE);
    memcpy(ret->words, given, (count + 1) * sizeof(*given));
    int error = find_file(given[0], ret->path);
    if (error != 0)
        return told(given[0], error, error == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
    return read_interpreter(ret->path, ret->line) ? lead_to_interpreter(ret, given) : 0;
}

void run_program_deinit(struct run_program *program) {
    memory_release(program->words);
}
