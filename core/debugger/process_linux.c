#include "debugger/process_linux.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

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

/* proc(5): /proc/PID/cmdline, whose size isn't known before. */
void process_arguments(int64_t pid, struct text *text) {
    char path[PATH_BYTES], chunk[1024];
    size_t length;
    snprintf(path, sizeof(path), "/proc/%lld/cmdline", (long long)pid);
    FILE *file = fopen(path, "re");
    while (file && (length = fread(chunk, 1, sizeof(chunk), file)) > 0)
        text_append_bytes(text, chunk, length);
    if (file)
        fclose(file);
}

/* proc(5): in /proc/PID/stat the state and the parent follow the name in parentheses. */
int64_t process_parent(int64_t pid) {
    char path[PATH_BYTES], line[512] = "";
    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    bool read = fgets(line, sizeof(line), file) != NULL;
    fclose(file);
    const char *end_of_name = read ? strrchr(line, ')') : NULL;
    char state = 'X';
    long long parent = 0;
    if (end_of_name)
        sscanf(end_of_name, ") %c %lld", &state, &parent);
    return state == 'X' || state == 'Z' ? 0 : parent;
}

/* proc(5): of /proc/PID/task/TID/comm, a line. */
void process_thread_name(int64_t pid, int64_t tid, struct text *text) {
    char path[PATH_BYTES], line[64] = "";
    snprintf(path, sizeof(path), "/proc/%lld/task/%lld/comm", (long long)pid, (long long)tid);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(line, sizeof(line), file))
        text_printf(text, "%.*s", (int)strcspn(line, "\n"), line);
    fclose(file);
}

/* proc(5): of /proc/PID/status. */
bool process_is_started_by_tracer(int64_t pid) {
    char path[PATH_BYTES], line[256];
    long long tracer = 0;
    snprintf(path, sizeof(path), "/proc/%lld/status", (long long)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "TracerPid: %lld", &tracer);
    if (file)
        fclose(file);
    return tracer != 0 && tracer == process_parent(pid);
}
