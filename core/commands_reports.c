#include "commands_options.h"
#include "commands_table.h"

static const char *const sort_columns[] = {"own", "total", "count", "share", NULL};
static const char *const groupings[] = {"location", "stack", NULL};

static const struct tmpalloc_option_info summary_options[] = {
    OPTION_THRESHOLD,
    {"sort", 's', "COLUMN", sort_columns, "order of the rows (default: own)"},
    OPTION_ROWS,
    OPTION_SELECT,
    {"by", '\0', "UNIT", groupings, "one row for each location or call stack"},
    {"inclusive", '\0', NULL, NULL, "also locations without temporaries of their own"},
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_END,
};

static const struct tmpalloc_option_info tree_options[] = {
    OPTION_THRESHOLD, OPTION_ROWS, OPTION_SELECT, OPTION_NATIVE, OPTION_SINCE, OPTION_END,
};

static const struct tmpalloc_option_info site_options[] = {
    OPTION_THRESHOLD,
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_END,
};

static const struct tmpalloc_option_info report_file_options[] = {
    OPTION_THRESHOLD, {"force", '\0', NULL, NULL, "replace FILE when it exists"},
    OPTION_NATIVE,    OPTION_SINCE,
    OPTION_END,
};

int command_open_profile(const struct command_call *call, struct profile **ret) {
    struct recording_query query = {
        .threshold = call->session->threshold,
        .since = arguments_get(call->arguments, "since"),
        .native_frames = arguments_given(call->arguments, "native-frames"),
    };
    int status = command_threshold(call->arguments, &query.threshold, call->error);
    return status == TMPALLOC_OK ? session_profile(call->session, &query, call->error, ret)
                                 : status;
}

typedef int table_report(const struct profile *profile, const struct report_options *options,
                         struct text *text, struct error *error);

static int run_table(const struct command_call *call, table_report *report) {
    struct report_options options;
    regex_t filter;
    int status =
        command_report_options(call->arguments, call->terminal, &filter, &options, call->error);
    if (status != TMPALLOC_OK)
        return status;
    struct profile *profile = NULL;
    status = command_open_profile(call, &profile);
    if (status == TMPALLOC_OK)
        status = report(profile, &options, call->text, call->error);
    profile_destroy(profile);
    if (options.filter)
        regfree(&filter);
    return status;
}

static int run_summary(const struct command_call *call) {
    return run_table(call, report_summary);
}

static int run_tree(const struct command_call *call) {
    return run_table(call, report_tree);
}

static int run_site(const struct command_call *call) {
    uint64_t id;
    int status = number_parse(call->arguments->words[0], "a site", 1, UINT32_MAX, &id, call->error);
    if (status != TMPALLOC_OK)
        return status;
    struct report_options options;
    regex_t filter;
    status =
        command_report_options(call->arguments, call->terminal, &filter, &options, call->error);
    struct profile *profile = NULL;
    if (status == TMPALLOC_OK)
        status = command_open_profile(call, &profile);
    if (status == TMPALLOC_OK)
        status = report_site(profile, (uint32_t)id, &options, call->text, call->error);
    profile_destroy(profile);
    return status;
}

static int write_report(const struct command_call *call, report_function *report) {
    const char *path = call->arguments->words[1];
    struct profile *profile = NULL;
    struct text content;
    text_init(&content);
    int status = command_open_profile(call, &profile);
    if (status == TMPALLOC_OK)
        status = report(profile, &content, call->error);
    if (status == TMPALLOC_OK && content.failed)
        status = error_no_memory(call->error);
    if (status == TMPALLOC_OK)
        status = report_write_file(path, arguments_given(call->arguments, "force"), &content,
                                   call->error);
    if (status == TMPALLOC_OK)
        text_printf(call->text, "tmpalloc: wrote %s\n", path);
    text_deinit(&content);
    profile_destroy(profile);
    return status;
}

static int run_report(const struct command_call *call) {
    const char *name = call->arguments->words[0];
    report_function *report = report_format(name);
    if (report)
        return write_report(call, report);
    struct text names;
    text_init(&names);
    for (const char *const *format = report_format_names; *format; format++)
        text_printf(&names, "%s%s", format == report_format_names ? "" : ", ", *format);
    int status = error_set(call->error, TMPALLOC_E_ARGUMENT, "unknown format %s: accepted are %s",
                           name, text_get(&names));
    text_deinit(&names);
    return status;
}

const struct command command_summary = {
    .info =
        {"summary", "",
         "Show where temporary allocations are made, one row for each location.\n"
         "A block is temporary when the thread that allocated it frees it after at most N other\n"
         "allocations of its own. Total counts what is anywhere beneath the location, Own what it\n"
         "allocates itself, Share how many of its allocations were temporary.",
         summary_options, 0, 0},
    .run = run_summary,
};

const struct command command_tree = {
    .info = {"tree", "", "Show temporary allocations as a call tree, heaviest branch first.",
             tree_options, 0, 0},
    .run = run_tree,
};

const struct command command_site = {
    .info = {"site", "ID",
             "Show one call site in full; ID is a number of the summary's last lines.",
             site_options, 1, 1},
    .run = run_site,
};

const struct command command_report = {
    .info = {"report", "FORMAT FILE",
             "Write a report to FILE; FORMAT is json, folded (for flame graphs) or csv.",
             report_file_options, 2, 2},
    .run = run_report,
};
