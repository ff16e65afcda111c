/* Allocates three times and makes other processes, a way for each argument. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *const arguments[] = {"true", NULL};
static char stack[65536];
static void *volatile kept;

static int leave(void *argument) {
    (void)argument;
    _exit(0);
}

static void by_fork(void) {
    errno = 77;
    if (fork() == 0) {
        for (int i = 0; i < 100; i++)
            free(kept = malloc(20));
        _exit(0);
    }
    if (errno != 77)
        exit(9);
}

static void by_vfork(void) {
    if (vfork() == 0) {
        execv("/bin/true", arguments);
        _exit(1);
    }
}

static void by_spawn(void) {
    pid_t child;
    posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ);
}

static void by_spawnp(void) {
    posix_spawnp(NULL, "true", NULL, NULL, arguments, environ);
}

/* Makes none. */
static void by_failing(void) {
    posix_spawn(NULL, "/no/such/program", NULL, NULL, arguments, environ);
    clone(leave, NULL, SIGCHLD, NULL);
}

static void by_system(void) {
    if (system("exit 0"))
        exit(8);
}

static void by_clone(void) {
    clone(leave, stack + sizeof stack, SIGCHLD, NULL);
}

/* The child goes on. */
static void by_daemon(void) {
    if (daemon(1, 1))
        exit(7);
}

static void by_exec(void) {
    execv("/bin/true", arguments);
}

static const struct {
    const char *name;
    void (*make)(void);
} ways[] = {
    {"fork", by_fork},       {"vfork", by_vfork},   {"spawn", by_spawn},
    {"spawnp", by_spawnp},   {"system", by_system}, {"clone", by_clone},
    {"failing", by_failing}, {"exec", by_exec},     {"daemon", by_daemon},
};

__attribute__((noinline)) void begin(void) {
    for (int i = 0; i < 3; i++)
        free(kept = malloc(50));
}

int main(int count, char **words) {
    begin();
    for (int i = 1; i < count; i++)
        for (size_t j = 0; j < sizeof ways / sizeof *ways; j++)
            if (strcmp(words[i], ways[j].name) == 0)
                ways[j].make();
    while (wait(NULL) > 0)
        continue;
    return 4;
}
