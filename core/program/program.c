/* The command `tmpalloc`: the debuggers' commands for saved results, of which several are one sum.
 *
 *     tmpalloc summary -t 0 out/shard-1.json out/shard-2.json
 *
 * Exit status: check's verdict, else 0; 2 when a word, or a file, is of no use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program/program_host.h"
#include "program/program_words.h"
#include "program/run.h"
#include "program/run_exec.h"

#define LOG_COLUMNS 120
#define FAILED      2

static const char usage[] =
    "usage: tmpalloc COMMAND [OPTION]... FILE...\n"
    "\n"
    "Looks at results that 'tmpalloc save FILE' kept in GDB or LLDB; several files are summed.\n"
    "\n"
    "  tmpalloc summary [OPTION]... FILE...\n"
    "  tmpalloc tree [OPTION]... FILE...\n"
    "  tmpalloc site ID FILE...\n"
    "  tmpalloc list FUNCTION|FILE[:LINE] FILE...\n"
    "  tmpalloc diff [OPTION]... OLD NEW\n"
    "  tmpalloc check [OPTION]... FILE...\n"
    "  tmpalloc report FORMAT OUT FILE...\n"
    "  tmpalloc save OUT FILE...\n"
    "  tmpalloc run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
    "\n"
    "tmpalloc COMMAND --help shows the options. Status: check's verdict, or 0; 2 for a bad word or "
    "file.\n";

static struct tmpalloc_terminal terminal_of_output(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        const char *kind = getenv("TERM");
        return (struct tmpalloc_terminal){
            .columns = size.ws_col, .colors = kind && strcmp(kind, "dumb") != 0, .screen = 1};
    }
    const char *columns = getenv("COLUMNS");
    int wanted = columns ? atoi(columns) : 0;
    return (struct tmpalloc_terminal){.columns = wanted > 0 ? (uint32_t)wanted : LOG_COLUMNS};
}

static int program_execute(tmpalloc_session *session, const char *line, bool shown) {
    struct tmpalloc_terminal terminal = terminal_of_output();
    const char *text;
    if (tmpalloc_session_execute(session, line, &terminal, &text) != TMPALLOC_OK) {
        fprintf(stderr, "tmpalloc: %s", text);
        return FAILED;
    }
    return shown && fputs(text, stdout) == EOF ? FAILED : 0;
}

static int program_run(tmpalloc_session *session, char **given) {
    struct program_words words = {0};
    struct error error = {.text = ""};
    int status = program_words_split(given, &words, &error) == TMPALLOC_OK ? 0 : FAILED;
    if (status != 0)
        fprintf(stderr, "tmpalloc: %s\n", error.text);
    if (status == 0 && words.files > 0)
        status = program_execute(session, text_get(&words.load), false);
    if (status == 0)
        status = program_execute(session, text_get(&words.command), true);
    program_words_deinit(&words);
    return status;
}

int main(int count, char **words) {
    tmpalloc_session *session;
    int32_t verdict = 0;
    struct tmpalloc_host host = program_host(&verdict);
    if (run_exec_is_asked(words))
        return run_exec(words);
    if (count < 2 || strcmp(words[1], "--help") == 0 || strcmp(words[1], "help") == 0) {
        fputs(usage, count < 2 ? stderr : stdout);
        return count < 2 ? FAILED : 0;
    }
    if (strcmp(words[1], "--version") == 0) {
        printf("tmpalloc %s\n", tmpalloc_version());
        return 0;
    }
    if (strcmp(words[1], "run") == 0)
        return run(words + 2);
    if (tmpalloc_session_create(&host, &session) != TMPALLOC_OK) {
        fputs("tmpalloc: out of memory\n", stderr);
        return FAILED;
    }
    int status = program_run(session, words + 1);
    tmpalloc_session_destroy(session);
    if (fflush(stdout) == EOF) {
        perror("tmpalloc: the output can't be written");
        return FAILED;
    }
    return status ? status : verdict;
}
