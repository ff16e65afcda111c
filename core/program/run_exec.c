#include "program/run_exec.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SELF   "/proc/self/exe"
#define SECOND "-tmpalloc-run" /* the name of the process in the place of GDB's exec-wrapper */
#define FAILED 127

static const char *const changed[] = {"SHELL", "LINES", "COLUMNS"};
static const char *const others[] = {RUN_VARIABLE, RUN_NAME, RUN_VARIABLE "_START",
                                     RUN_VARIABLE "_SAVE"};

void run_exec_keep(void) {
    char name[sizeof(RUN_KEPT) + 16];
    for (size_t i = 0; i < sizeof(changed) / sizeof(*changed); i++) {
        const char *value = getenv(changed[i]);
        snprintf(name, sizeof(name), RUN_KEPT "%s", changed[i]);
        if (value)
            setenv(name, value, 1);
        else
            unsetenv(name);
    }
}

static void give_back_variables(void) {
    char name[sizeof(RUN_KEPT) + 16];
    for (size_t i = 0; i < sizeof(changed) / sizeof(*changed); i++) {
        snprintf(name, sizeof(name), RUN_KEPT "%s", changed[i]);
        const char *value = getenv(name);
        if (value)
            setenv(changed[i], value, 1);
        else
            unsetenv(changed[i]);
        unsetenv(name);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        unsetenv(others[i]);
}

static void give_back_files(void) {
    int channel, files[3], group;
    const char *told = getenv(RUN_VARIABLE);
    if (!told || sscanf(told, "%d %d %d %d %d", &channel, files, files + 1, files + 2, &group) != 5)
        return;
    dprintf(channel, "pid %d\n", (int)getpid());
    setpgid(0, group);
    for (int i = 0; i < 3; i++) {
        /* One that the caller had closed is closed again. */
        if (dup2(files[i], i) < 0)
            close(i);
        close(files[i]);
    }
    close(channel);
}

bool run_exec_is_asked(char **words) {
    return getenv(RUN_VARIABLE) && words[0] &&
           (strcmp(words[0], SECOND) == 0 || (words[1] && strcmp(words[1], "-c") == 0));
}

/* NAME=VALUE... PROGRAM ARGUMENT... */
static int become(char **words) {
    for (; *words && strchr(*words, '=') && (*words)[0] != '/'; words++)
        putenv(*words);
    if (!*words)
        return FAILED;
    /* It stays where the kernel has put it when the variable is gone. */
    char *path = words[0], *name = getenv(RUN_NAME);
    give_back_files();
    give_back_variables();
    words[0] = name ? name : path;
    execv(path, words);
    return FAILED;
}

/* GDB waits for an exec of its shell, one of its exec-wrapper, where there is one, and one of the
 * program. */
int run_exec(char **words) {
    if (strcmp(words[0], SECOND) == 0)
        return become(words + 1);
    int count;
    const char **split;
    if (!words[2] || poptParseArgvString(words[2], &count, &split) != 0 || count < 2)
        return FAILED;
    char **left = (char **)split + 1; /* behind "exec" */
    if (strcmp(left[0], "env") != 0)
        return become(left);
    left[0] = (char *)SECOND;
    execv(SELF, left);
    return FAILED;
}
