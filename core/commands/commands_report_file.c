#include "commands/commands_limits.h"
#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "reports/report.h"
#include "support/file_write.h"

static const struct tmpalloc_option_info report_options[] = {
    OPTION_THRESHOLD, OPTION_FORCE,    OPTION_CHARGE,  OPTION_NATIVE,
    OPTION_SINCE,     OPTION_SUPPRESS, OPTIONS_LIMITS, OPTION_END,
};

static int find_format(const struct command_call *call, const char *name,
                       const struct report_format **ret) {
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
                         const struct report_format *format, const struct check_limits *limits,
                         const char *path) {
    struct text content;
    text_init(&content);
    int status = report_for_file(profile, format, limits, path, &content, call->error);
    if (status == TMPALLOC_OK)
        status = write_content(call, &content, path);
    text_deinit(&content);
    return status;
}

static int refuse_option(const struct command_call *call, const struct report_format *format,
                         const char *option, bool judges) {
    struct text names;
    text_init(&names);
    for (const char *const *name = report_format_names; *name; name++) {
        const struct report_format *other = report_format(*name);
        if (judges ? other->judges : other->against != NULL)
            text_printf(&names, "%s%s", names.length > 0 ? ", " : "", *name);
    }
    int status = error_set(call->error, TMPALLOC_E_ARGUMENT, "%s takes no --%s, only %s",
                           format->name, option, text_get(&names));
    text_deinit(&names);
    return status;
}

static int check_options(const struct command_call *call, const struct report_format *format) {
    const char *limit = command_limit_given(call->arguments, false);
    if (limit && !format->judges)
        return refuse_option(call, format, limit, true);
    if (arguments_given(call->arguments, "baseline") && !format->against)
        return refuse_option(call, format, "baseline", false);
    return TMPALLOC_OK;
}

static int report_results(const struct command_call *call, const struct report_format *format,
                          struct command_limits *limits) {
    struct profile *profile;
    int status = command_read_limits(call, limits);
    if (status == TMPALLOC_OK)
        status = command_open_report(call, &profile);
    if (status != TMPALLOC_OK)
        return status;
    command_complete_limits(call, profile, limits);
    bool judged = command_limit_given(call->arguments, true) != NULL;
    status = command_write_report(call, profile, format, judged ? &limits->limits : NULL,
                                  call->arguments->words[1]);
    profile_destroy(profile);
    return status;
}

static int run_report(const struct command_call *call) {
    struct command_limits limits;
    const struct report_format *format;
    command_init_limits(&limits);
    int status = find_format(call, call->arguments->words[0], &format);
    if (status == TMPALLOC_OK)
        status = check_options(call, format);
    if (status == TMPALLOC_OK)
        status = report_results(call, format, &limits);
    command_release_limits(&limits);
    return status;
}

const struct command command_report = {
    .info =
        {"report", "FORMAT FILE",
         "Write a report to FILE.\n"
         "FORMAT is json, csv, folded (for flame graphs), speedscope, pprof, callgrind (for\n"
         "KCachegrind), sarif (for code hosts), github (annotations of a workflow), markdown (a\n"
         "comment on a merge request), junit (test cases) or html (one page: table and flame\n"
         "graph at any threshold).\n"
         "With --baseline some also say what is new, worse, better or gone, and by the limits of\n"
         "check what the verdict is.",
         report_options, 2, 2, report_format_names},
    .run = run_report,
};
