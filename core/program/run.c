#include "program/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/program_host.h"
#include "program/program_words.h"
#include "program/run_debugger.h"
#include "program/run_words.h"

#define OWN_FAILURE 125
#define NO_FILE     2
#define LOG_COLUMNS 120

static const char usage[] =
    "usage: tmpalloc run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
    "\n"
    "Runs PROGRAM as if nothing were before it, and tells about its temporary allocations.\n"
    "\n"
    "  --debugger gdb|lldb   which is beneath (default: GDB where it is here)\n"
    "  -o FILE               keep the results, as 'tmpalloc save' does\n"
    "  --report FORMAT FILE  write a report; may be repeated\n"
    "  --force               replace files that exist\n"
    "  and the options of 'tmpalloc check', but --exit, and of the debuggers' 'tmpalloc start'\n"
    "\n"
    "In FILE %p is the process and %e the program's name. Without -o, --report and options of\n"
    "check a summary goes to standard error where that is a terminal.\n"
    "\n"
    "Status: the program's (128 and the signal that ended it); when that is 0 check's verdict, or "
    "2\n"
    "for a file that can't be written; 125 for what tmpalloc can't do, 126 and 127 for a PROGRAM\n"
    "that can't be executed, or isn't there.\n";

static int execute(tmpalloc_session *session, const char *line, const char **text_ret) {
    struct tmpalloc_terminal terminal = {.columns = LOG_COLUMNS};
    return tmpalloc_session_execute(session, line, &terminal, text_ret);
}

static int tell(const char *text) {
    size_t length = strlen(text);
    const char *name = strncmp(text, "tmpalloc: ", 10) == 0 ? "" : "tmpalloc: ";
    fprintf(stderr, "%s%s%s", name, text, length && text[length - 1] == '\n' ? "" : "\n");
    return NO_FILE;
}

/* A word that is wrong is told before anything runs. */
static int judge_words(const struct run_words *words) {
    const char *const lines[] = {text_get(&words->start), text_get(&words->check)};
    int32_t verdict = 0;
    int status = 0;
    for (int i = 0; i < (words->judged ? 2 : 1) && status == 0; i++) {
        tmpalloc_session *session;
        struct tmpalloc_host host = program_host(&verdict);
        const char *text;
        if (tmpalloc_session_create(&host, &session) != TMPALLOC_OK)
            return OWN_FAILURE;
        if (execute(session, lines[i], &text) == TMPALLOC_E_ARGUMENT) {
            tell(text);
            status = OWN_FAILURE;
        }
        tmpalloc_session_destroy(session);
    }
    return status;
}

static void append_file(struct text *line, const char *file, const struct run_words *words,
                        const struct run_ending *ending) {
    struct text name;
    text_init(&name);
    run_words_expand(file, ending->process, words->program[0], &name);
    program_words_append(line, text_get(&name));
    line->failed |= name.failed;
    text_deinit(&name);
}

/* Executes and clears the line; 0 when it could. */
static int execute_line(tmpalloc_session *session, struct text *line, const char **text_ret) {
    *text_ret = "out of memory";
    int status = line->failed ? TMPALLOC_E_NOMEM : execute(session, text_get(line), text_ret);
    text_clear(line);
    return status == TMPALLOC_OK ? 0 : tell(*text_ret);
}

static int judge(tmpalloc_session *session, const struct run_words *words, const int32_t *verdict) {
    const char *text;
    int status = execute(session, text_get(&words->check), &text);
    if (status != TMPALLOC_OK || *verdict != 0)
        tell(text);
    return status != TMPALLOC_OK && *verdict == 0 ? NO_FILE : *verdict;
}

static int write_files(tmpalloc_session *session, const struct run_words *words,
                       const struct run_ending *ending) {
    struct text line;
    const char *text;
    int status = 0;
    text_init(&line);
    for (uint32_t i = 0; i < words->report_count; i++) {
        program_words_append(&line, "report");
        if (words->forced)
            program_words_append(&line, "--force");
        program_words_append(&line, words->reports[i].format);
        append_file(&line, words->reports[i].file, words, ending);
        status |= execute_line(session, &line, &text);
    }
    if (words->out) {
        text_append(&line, words->forced ? "save --force" : "save");
        append_file(&line, words->out, words, ending);
        status |= execute_line(session, &line, &text);
    }
    text_deinit(&line);
    return status;
}

/* Something is to be made of the results, beside a summary where somebody reads it. */
static bool is_asked(const struct run_words *words) {
    return words->judged || words->out || words->report_count > 0;
}

static int use_results(tmpalloc_session *session, const char *file, const struct run_words *words,
                       const struct run_ending *ending, int32_t *verdict) {
    struct text line;
    const char *text;
    text_init(&line);
    program_words_append(&line, "load");
    program_words_append(&line, file);
    int status = execute_line(session, &line, &text);
    text_deinit(&line);
    if (status == 0)
        status = write_files(session, words, ending);
    if (status == 0 && words->judged)
        status = judge(session, words, verdict);
    if (status == 0 && !is_asked(words) && execute(session, "summary", &text) == TMPALLOC_OK)
        fputs(text, stderr);
    return status;
}

/* Results went into the file when the debugger could save them. */
static int conclude(const char *file, const struct run_words *words,
                    const struct run_ending *ending) {
    int32_t verdict = 0;
    struct tmpalloc_host host = program_host(&verdict);
    tmpalloc_session *session;
    if (ending->why[0])
        return tell(ending->why);
    if (tmpalloc_session_create(&host, &session) != TMPALLOC_OK)
        return tell("out of memory");
    int status = use_results(session, file, words, ending, &verdict);
    tmpalloc_session_destroy(session);
    return status;
}

static int run_under(const struct run_words *words, const struct run_program *program) {
    bool wanted = is_asked(words) || isatty(STDERR_FILENO);
    char folder[] = "/tmp/tmpalloc-run-XXXXXX", file[sizeof(folder) + 16];
    struct run_ending ending;
    struct error error;
    if (wanted && !mkdtemp(folder)) {
        perror("tmpalloc: run: a folder for the results can't be made");
        return OWN_FAILURE;
    }
    snprintf(file, sizeof(file), "%s/results.json", folder);
    struct run_request request = {.program = program,
                                  .debugger = words->debugger,
                                  .start = text_get(&words->start),
                                  .save = wanted ? file : NULL};
    int status = OWN_FAILURE;
    if (run_debugger(&request, &ending, &error) != TMPALLOC_OK)
        tell(error.text);
    else if (ending.status < 0)
        tell(ending.why);
    else {
        int ours = wanted ? conclude(file, words, &ending) : 0;
        status = ending.status ? ending.status : ours;
    }
    if (wanted) {
        unlink(file);
        rmdir(folder);
    }
    return status;
}

static int run_found(const struct run_words *words) {
    struct run_program program;
    int status = run_program_find(words->program, &program);
    if (status == 0)
        status = run_under(words, &program);
    run_program_deinit(&program);
    return status;
}

int run(char **given) {
    struct run_words words;
    struct error error;
    int status = OWN_FAILURE;
    if (run_words_split(given, &words, &error) != TMPALLOC_OK)
        tell(error.text);
    else if (words.help)
        status = fputs(usage, stdout) == EOF ? OWN_FAILURE : 0;
    else {
        status = judge_words(&words);
        status = status ? status : run_found(&words);
    }
    run_words_deinit(&words);
    return status;
}
