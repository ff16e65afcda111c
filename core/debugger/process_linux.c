#include "debugger/process_linux.h"

#include <dirent.h>
#include <stdio.h>

#define PATH_BYTES 320 /* of /proc/PID/task/NAME/status */

/* proc(5): how many filters a thread has, or 1 in the strict mode; -1: unknown. */
static long count_filters(const char *status_path) {
    char line[256];
    long mode = -1, filters = -1;
    FILE *file = fopen(status_path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        sscanf(line, "Seccomp: %ld", &mode);
        sscanf(line, "Seccomp_filters: %ld", &filters);
    }
    if (file)
        fclose(file);
    return filters > mode ? filters : mode;
}

bool process_is_sandboxed(int64_t pid) {
    char path[PATH_BYTES];
    long own = count_filters("/proc/self/status"), most = -1;
    snprintf(path, sizeof(path), "/proc/%lld/task", (long long)pid);
    DIR *threads = pid ? opendir(path) : NULL;
    for (struct dirent *thread; threads && (thread = readdir(threads));) {
        snprintf(path, sizeof(path), "/proc/%lld/task/%s/status", (long long)pid, thread->d_name);
        long filters = count_filters(path);
        most = filters > most ? filters : most;
    }
    if (threads)
        closedir(threads);
    return most > own;
}
