#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "profile/profile_load.h"
#include "profile/profile_view.h"
#include "reports/report_diff.h"
#include "session/session_results.h"
#include "support/file_patterns.h"

#define MOST_FILES 4096

static const struct tmpalloc_option_info save_options[] = {OPTION_FORCE, OPTION_END};

static const struct tmpalloc_option_info diff_options[] = {
    OPTION_THRESHOLD, OPTION_ROWS, OPTION_CHARGE, OPTION_NATIVE, OPTION_SUPPRESS, OPTION_END,
};

static int run_save(const struct command_call *call) {
    return session_save(call->session, call->arguments->words[0],
                        arguments_given(call->arguments, "force"), call->text, call->error);
}

static int run_load(const struct command_call *call) {
    glob_t files;
    if (file_patterns_expand(call->arguments->words, call->arguments->word_count, &files) !=
        TMPALLOC_OK)
        return error_no_memory(call->error);
    int status =
        files.gl_pathc <= MOST_FILES
            ? session_load(call->session, files.gl_pathv, files.gl_pathc, call->text, call->error)
            : error_set(call->error, TMPALLOC_E_ARGUMENT, "%zu files: at most %d can be loaded",
                        files.gl_pathc, MOST_FILES);
    file_patterns_release(&files);
    return status;
}

void command_close_file(struct command_file *file) {
    profile_destroy(file->profile);
    profile_destroy(file->loaded);
}

int command_open_file(const struct command_call *call, const char *path, struct command_file *ret) {
    struct profile_view view;
    struct error problem;
    int status = command_view(call, &view);
    if (status == TMPALLOC_OK)
        status = profile_load(path, call->error, &ret->loaded);
    if (status != TMPALLOC_OK)
        return status;
    status = profile_at(ret->loaded, &view, &problem, &ret->profile);
    if (status != TMPALLOC_OK)
        return error_set(call->error, status, "%s: %s", path, problem.text);
    return command_suppress(call, ret->profile);
}

/* The second file, or what the other commands are about. */
static int open_after(const struct command_call *call, struct command_file *ret) {
    const char *path = call->arguments->words[1];
    return path ? command_open_file(call, path, ret) : command_open_report(call, &ret->profile);
}

static int run_diff(const struct command_call *call) {
    struct command_file before = {0}, after = {0};
    struct report_options options;
    regex_t filter;
    int status = command_report_options(call, &filter, &options);
    if (status == TMPALLOC_OK)
        status = command_open_file(call, call->arguments->words[0], &before);
    if (status == TMPALLOC_OK)
        status = open_after(call, &after);
    if (status == TMPALLOC_OK)
        status = report_diff(before.profile, after.profile, &options, call->text, call->error);
    command_close_file(&before);
    command_close_file(&after);
    return status;
}

const struct command command_save = {
    .info = {"save", "FILE",
             "Keep the results in FILE, for load, diff and check --baseline.\n"
             "It is the JSON of report json, with all that is needed for every report.",
             save_options, 1, 1},
    .run = run_save,
};

const struct command command_load = {
    .info =
        {"load", "FILE...",
         "Look at saved results, summed when there are several; no process is needed. FILE may\n"
         "be a pattern, as out/*.json.\n"
         "Call sites with the same functions and lines become one. start begins anew.",
         command_no_options, 1, MOST_FILES},
    .run = run_load,
};

const struct command command_diff = {
    .info = {"diff", "OLD-FILE [NEW-FILE]",
             "Compare the results, or the saved ones in NEW-FILE, with those in OLD-FILE.\n"
             "Call sites are the same when their functions' names are: lines may differ.",
             diff_options, 1, 2, .repeats = 1},
    .run = run_diff,
    .wraps = true,
};
