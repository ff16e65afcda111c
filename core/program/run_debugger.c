#include "program/run_debugger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program/run_exec.h"
#include "support/memory.h"

#define ARGUMENTS  24
#define FIRST_FREE 64 /* descriptors that no shell redirects */

static const char *const gdbs[] = {"gdb", NULL};
static const char *const lldbs[] = {"lldb",    "lldb-19", "lldb-22", "lldb-21", "lldb-20",
                                    "lldb-18", "lldb-17", "lldb-16", "lldb-15", NULL};
static const int handed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};

static volatile sig_atomic_t process;
static bool in_group; /* the program is in our process group: a terminal tells it by itself */

static void hand_on(int number, siginfo_t *info, void *context) {
    (void)context;
    int before = errno;
    if ((info->si_code <= 0 || !in_group) && process > 0)
        kill((pid_t)process, number);
    errno = before;
}

static void take_signals(void) {
    struct sigaction action = {.sa_sigaction = hand_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    for (size_t i = 0; i < sizeof(handed_on) / sizeof(*handed_on); i++) {
        struct sigaction before;
        sigaction(handed_on[i], NULL, &before);
        if (before.sa_handler != SIG_IGN)
            sigaction(handed_on[i], &action, NULL);
    }
}

static const char *first_of(const char *const *names) {
    while (*names && !run_program_is_there(*names))
        names++;
    return *names;
}

/* The adapters lie beside the folder of this program in a checkout, else where they are installed.
 */
static int adapter_path(const char *rest, char *ret, struct error *error) {
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length < 0 ? 0 : length] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = '\0';
    }
    if (snprintf(ret, PATH_MAX, "%s/%s", self, rest) >= PATH_MAX)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "run: the path of tmpalloc is too long");
    if (access(ret, R_OK) != 0)
        snprintf(ret, PATH_MAX, "%s/%s", TMPALLOC_SCRIPTS, rest);
    return access(ret, R_OK) == 0
               ? TMPALLOC_OK
               : error_set(error, TMPALLOC_E_UNSUPPORTED, "run: %s can't be read", ret);
}

/* LLDB opens files by name, which gives another place in a file than the caller's, and the program
 * has a process group of its own, which a terminal stops when it reads. */
static int check_files(struct error *error) {
    static const char *const names[] = {"input", "output", "error"};
    if (isatty(STDIN_FILENO))
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "run: LLDB can't hand on a terminal as standard input: take GDB, or "
                         "</dev/null");
    for (int i = 0; i < 3; i++) {
        struct stat file;
        bool known = fstat(i, &file) == 0;
        bool begins = i == 0 && known && S_ISREG(file.st_mode) && lseek(0, 0, SEEK_CUR) == 0;
        if (!known || !(S_ISCHR(file.st_mode) || S_ISFIFO(file.st_mode) || begins))
            return error_set(error, TMPALLOC_E_UNSUPPORTED,
                             "run: LLDB can't hand on standard %s, which is neither a terminal nor "
                             "a pipe: take GDB",
                             names[i]);
    }
    return TMPALLOC_OK;
}

struct command {
    char adapter[PATH_MAX], driver[PATH_MAX];
    char line[2][PATH_MAX + 64];
    const char **words;
};

static void fill(struct command *command, bool is_gdb, const char *debugger,
                 const struct run_program *program) {
    const char *gdb_words[] = {debugger, "-batch",        "-nx",    "-x",         command->adapter,
                               "-x",     command->driver, "--args", program->path};
    const char *lldb_words[] = {debugger,         "-x", "-b",         "-o", command->line[0], "-o",
                                command->line[1], "--", program->path};
    snprintf(command->line[0], sizeof(command->line[0]), "command script import \"%s\"",
             command->adapter);
    snprintf(command->line[1], sizeof(command->line[1]), "command script import \"%s\"",
             command->driver);
    size_t count =
        is_gdb ? sizeof(gdb_words) / sizeof(*gdb_words) : sizeof(lldb_words) / sizeof(*lldb_words);
    memcpy(command->words, is_gdb ? gdb_words : lldb_words, count * sizeof(*command->words));
    for (char **word = program->words + 1; (command->words[count] = *word); word++)
        count++;
}

static void set_variables(const struct run_request *request, int channel, const int *files,
                          const char *self) {
    char numbers[96];
    snprintf(numbers, sizeof(numbers), "%d %d %d %d %d", channel, files[0], files[1], files[2],
             (int)getpgrp());
    run_exec_keep();
    setenv(RUN_VARIABLE, numbers, 1);
    setenv(RUN_NAME, request->program->words[0], 1);
    setenv(RUN_VARIABLE "_START", request->start, 1);
    if (request->save)
        setenv(RUN_VARIABLE "_SAVE", request->save, 1);
    if (self)
        setenv("SHELL", self, 1);
}

/* In the child: the debugger's own files, and those for the program where GDB's shell finds them.
 */
static void become(const struct run_request *request, struct command *command, bool is_gdb, int log,
                   int channel) {
    char self[PATH_MAX] = "";
    int files[3], nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    channel = fcntl(channel, F_DUPFD, FIRST_FREE);
    for (int i = 0; i < 3; i++)
        files[i] = is_gdb ? fcntl(i, F_DUPFD, FIRST_FREE) : -1;
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length < 0 ? 0 : length] = '\0';
    set_variables(request, channel, files, is_gdb ? self : NULL);
    setpgid(0, 0);
    dup2(nothing, 0);
    dup2(log, 1);
    dup2(log, 2);
    execvp(command->words[0], (char **)command->words);
    _exit(127);
}

static void hear(FILE *channel, struct run_ending *ret) {
    char line[sizeof(ret->why)];
    while (fgets(line, sizeof(line), channel)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "pid ", 4) == 0)
            process = ret->process = atoi(line + 4);
        else if (strncmp(line, "status ", 7) == 0)
            ret->status = atoi(line + 7);
        else if (strncmp(line, "why ", 4) == 0)
            snprintf(ret->why, sizeof(ret->why), "%s", line + 4);
    }
}

/* What the debugger said last. */
static void last_words(FILE *log, struct run_ending *ret) {
    char line[sizeof(ret->why)];
    rewind(log);
    while (ret->why[0] == '\0' && fgets(line, sizeof(line), log)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "tmpalloc ", 9) != 0 && line[0])
            snprintf(ret->why, sizeof(ret->why), "%s", line);
    }
    if (ret->why[0] == '\0')
        snprintf(ret->why, sizeof(ret->why), "the debugger ended without a word");
}

static int execute(const struct run_request *request, struct command *command, bool is_gdb,
                   struct run_ending *ret, struct error *error) {
    int ends[2];
    FILE *log = tmpfile(), *channel = NULL;
    if (!log || pipe2(ends, O_CLOEXEC) != 0) {
        if (log)
            fclose(log);
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "run: %s", strerror(errno));
    }
    in_group = is_gdb;
    take_signals();
    pid_t child = fork();
    if (child == 0)
        become(request, command, is_gdb, fileno(log), ends[1]);
    close(ends[1]);
    channel = fdopen(ends[0], "r");
    if (channel)
        hear(channel, ret);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (ret->status < 0)
        last_words(log, ret);
    if (channel)
        fclose(channel);
    fclose(log);
    return TMPALLOC_OK;
}

/* NULL: it is not here. */
static const char *choose_debugger(const char *wanted, bool *is_gdb_ret) {
    const char *gdb = !wanted || strcmp(wanted, "gdb") == 0 ? first_of(gdbs) : NULL;
    *is_gdb_ret = gdb != NULL;
    if (gdb)
        return gdb;
    return !wanted || strcmp(wanted, "lldb") == 0 ? first_of(lldbs) : NULL;
}

static int find_adapters(bool is_gdb, struct command *command, struct error *error) {
    int status = is_gdb ? TMPALLOC_OK : check_files(error);
    if (status == TMPALLOC_OK)
        status = adapter_path(is_gdb ? "gdb/tmpalloc_gdb.py" : "lldb/tmpalloc_lldb.py",
                              command->adapter, error);
    if (status != TMPALLOC_OK)
        return status;
    return adapter_path(is_gdb ? "gdb/tmpalloc_gdb_run.py" : "lldb/tmpalloc_lldb_run.py",
                        command->driver, error);
}

int run_debugger(const struct run_request *request, struct run_ending *ret, struct error *error) {
    struct command command;
    bool is_gdb;
    const char *debugger = choose_debugger(request->debugger, &is_gdb);
    *ret = (struct run_ending){.status = -1};
    if (!debugger)
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "run: %s is not here",
                         request->debugger ? request->debugger : "neither gdb nor lldb");
    int status = find_adapters(is_gdb, &command, error);
    if (status != TMPALLOC_OK)
        return status;
    size_t count = ARGUMENTS;
    for (char **word = request->program->words; *word; word++)
        count++;
    command.words = memory_allocate(count * sizeof(*command.words));
    if (!command.words)
        return error_no_memory(error);
    fill(&command, is_gdb, debugger, request->program);
    status = execute(request, &command, is_gdb, ret, error);
    memory_release(command.words);
    return status;
}
