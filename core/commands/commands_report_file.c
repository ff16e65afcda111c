#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "reports/report.h"
#include "support/file_write.h"

static const struct tmpalloc_option_info report_options[] = {
    OPTION_THRESHOLD,
    OPTION_FORCE,
    OPTION_CHARGE,
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_SUPPRESS,
    {"baseline", '\0', "FILE", NULL, "html: what became of each call site of FILE's"},
    OPTION_END,
};

static int find_format(const struct command_call *call, const char *name, report_function **ret) {
    *ret = report_format(name);
    if (*ret)
        return TMPALLOC_OK;
    struct text names;
    text_init(&names);
    text_append_list(&names, report_format_names);
    int status = error_set(call->error, TMPALLOC_E_ARGUMENT, "unknown format %s: accepted are %s",
                           name, text_get(&names));
    text_deinit(&names);
    return status;
}

static int write_content(const struct command_call *call, const struct text *content,
                         const char *path) {
    if (content->failed)
        return error_no_memory(call->error);
    int status =
        file_write_whole(path, arguments_given(call->arguments, "force"), content, call->error);
    if (status != TMPALLOC_OK)
        return status;
    text_printf(call->text, "tmpalloc: wrote %s\n", path);
    return TMPALLOC_OK;
}

int command_write_report(const struct command_call *call, const struct profile *profile,
                         report_function *report, const char *path) {
    struct text content;
    text_init(&content);
    int status = report_for_file(profile, report, path, &content, call->error);
    if (status == TMPALLOC_OK)
        status = write_content(call, &content, path);
    text_deinit(&content);
    return status;
}

static int write_comparison(const struct command_call *call, const struct profile *profile,
                            const char *baseline) {
    struct command_file before = {0};
    struct text content;
    text_init(&content);
    int status = command_open_file(call, baseline, &before);
    if (status == TMPALLOC_OK)
        status = report_html_diff(before.profile, profile, &content, call->error);
    if (status == TMPALLOC_OK)
        status = write_content(call, &content, call->arguments->words[1]);
    command_close_file(&before);
    text_deinit(&content);
    return status;
}

static int run_report(const struct command_call *call) {
    const char *baseline = arguments_get(call->arguments, "baseline");
    report_function *report;
    struct profile *profile;
    int status = find_format(call, call->arguments->words[0], &report);
    if (status == TMPALLOC_OK && baseline && report != report_html)
        status = error_set(call->error, TMPALLOC_E_ARGUMENT,
                           "--baseline is for report html: diff compares as text");
    if (status == TMPALLOC_OK)
        status = command_open_report(call, &profile);
    if (status != TMPALLOC_OK)
        return status;
    status = baseline ? write_comparison(call, profile, baseline)
                      : command_write_report(call, profile, report, call->arguments->words[1]);
    profile_destroy(profile);
    return status;
}

const struct command command_report = {
    .info =
        {"report", "FORMAT FILE",
         "Write a report to FILE.\n"
         "FORMAT is json, csv, folded (for flame graphs), speedscope, pprof, callgrind (for\n"
         "KCachegrind), sarif (for code hosts), github (annotations of a workflow) or html (one\n"
         "page: table and flame graph at any threshold, with --baseline also what is new, worse,\n"
         "better or gone).",
         report_options, 2, 2, report_format_names},
    .run = run_report,
};
