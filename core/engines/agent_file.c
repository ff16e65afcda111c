#include "engines/agent_file.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of LD_PRELOAD's list, ld.so(8). */
#define LIST_SEPARATORS " :"

/* The folder of the file that this function is in. */
static bool find_folder(char folder[PATH_MAX]) {
    Dl_info self;
    if (!dladdr((void *)(uintptr_t)agent_file_open, &self) || !realpath(self.dli_fname, folder))
        return false;
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    return slash != NULL;
}

/* Another way to a folder whose name can't stand in a list: proc(5). */
static bool rename_folder(struct agent_file *file, char folder[PATH_MAX]) {
    file->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(folder, PATH_MAX, "/proc/%ld/fd/%d", (long)getpid(), file->folder);
    return file->folder >= 0;
}

int agent_file_open(struct agent_file *file, struct error *error) {
    char folder[PATH_MAX];
    *file = (struct agent_file){.folder = -1};
    if (!find_folder(folder))
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "the folder of tmpalloc isn't known");
    if (strpbrk(folder, LIST_SEPARATORS) && !rename_folder(file, folder))
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "the folder of tmpalloc can't be opened");
    int length = snprintf(file->path, sizeof file->path, "%s/" AGENT_FILE_SONAME, folder);
    if (length < (int)sizeof file->path && access(file->path, R_OK) == 0)
        return TMPALLOC_OK;
    agent_file_close(file);
    return error_set(error, TMPALLOC_E_UNSUPPORTED, AGENT_FILE_SONAME " is missing");
}

void agent_file_close(struct agent_file *file) {
    if (file->folder >= 0)
        close(file->folder);
    file->folder = -1;
}
