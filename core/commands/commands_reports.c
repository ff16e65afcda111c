#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "commands/commands_values.h"
#include "profile/profile_suppress.h"
#include "reports/report_data.h"
#include "session/session_results.h"
#include "session/session_view.h"

static const char *const sort_columns[] = {"own", "total", "count", "share", "scope", NULL};
static const char *const groupings[] = {"location", "stack", NULL};

static const struct tmpalloc_option_info summary_options[] = {
    OPTION_THRESHOLD,
    {"sort", 's', "COLUMN", sort_columns, "order of the rows (default: own)"},
    OPTION_ROWS,
    OPTION_SELECT,
    {"by", '\0', "UNIT", groupings, "one row for each location or call stack"},
    {"inclusive", '\0', NULL, NULL, "also locations without temporaries of their own"},
    {"all", '\0', NULL, NULL, "about all allocations, not temporaries alone"},
    OPTION_CHARGE,
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_SUPPRESS,
    OPTION_END,
};

static const struct tmpalloc_option_info tree_options[] = {
    OPTION_THRESHOLD, OPTION_ROWS,  OPTION_SELECT,   OPTION_CHARGE,
    OPTION_NATIVE,    OPTION_SINCE, OPTION_SUPPRESS, OPTION_END,
};

static const struct tmpalloc_option_info list_options[] = {
    OPTION_THRESHOLD,
    OPTION_ROWS,
    OPTION_SELECT,
    {"charge", '\0', "FRAME", charge_by_names,
     "which frame of a call stack is charged (default: own)"},
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_SUPPRESS,
    OPTION_END,
};

static const struct tmpalloc_option_info site_options[] = {
    OPTION_THRESHOLD, OPTION_CHARGE, OPTION_NATIVE, OPTION_SINCE, OPTION_END,
};

int command_view(const struct command_call *call, struct profile_view *ret) {
    const char *by = arguments_get(call->arguments, "charge");
    session_ask_skips(call->session);
    *ret = session_view(call->session);
    ret->native_frames = arguments_given(call->arguments, "native-frames");
    if (by)
        ret->by = charge_by_name(by);
    return command_threshold(call->arguments, &ret->threshold, call->error);
}

static int open_charged(const struct command_call *call, bool own, struct profile **ret) {
    struct recording_query query = {.since = arguments_get(call->arguments, "since")};
    int status = command_view(call, &query.view);
    if (own && !arguments_given(call->arguments, "charge"))
        query.view.by = CHARGE_BY_OWN;
    return status == TMPALLOC_OK ? session_profile(call->session, &query, call->error, ret)
                                 : status;
}

static int open_profile(const struct command_call *call, struct profile **ret) {
    return open_charged(call, false, ret);
}

static int suppress_file(const struct command_call *call, const char *path,
                         struct profile *profile) {
    struct suppressions *suppressions = NULL;
    int status = suppressions_read(path, call->error, &suppressions);
    if (status == TMPALLOC_OK)
        status = profile_suppress(profile, suppressions, call->error);
    suppressions_destroy(suppressions);
    return status;
}

int command_suppress(const struct command_call *call, struct profile *profile) {
    const char *path = arguments_get(call->arguments, "suppress");
    int status = TMPALLOC_OK;
    if (!path)
        path = call->session->suppress;
    if (!call->session->loaded)
        status = profile_suppress(profile, call->session->options.suppressions, call->error);
    return status == TMPALLOC_OK && path ? suppress_file(call, path, profile) : status;
}

static int open_report(const struct command_call *call, bool own, struct profile **ret) {
    struct profile *profile;
    int status = open_charged(call, own, &profile);
    if (status != TMPALLOC_OK)
        return status;
    status = command_suppress(call, profile);
    if (status == TMPALLOC_OK)
        *ret = profile;
    else
        profile_destroy(profile);
    return status;
}

int command_open_report(const struct command_call *call, struct profile **ret) {
    return open_report(call, false, ret);
}

typedef int table_report(const struct profile *profile, const struct report_options *options,
                         struct text *text, struct error *error);

/* `own`: charged so where the line doesn't say how. */
static int run_table(const struct command_call *call, bool own, table_report *report) {
    struct report_options options;
    regex_t filter;
    int status = command_report_options(call, &filter, &options);
    if (status != TMPALLOC_OK)
        return status;
    struct profile *profile = NULL;
    status = open_report(call, own, &profile);
    if (status == TMPALLOC_OK)
        status = report(profile, &options, call->text, call->error);
    profile_destroy(profile);
    if (options.filter)
        regfree(&filter);
    return status;
}

static int run_summary(const struct command_call *call) {
    return run_table(call, false, report_summary);
}

static int summary_data(const struct command_call *call) {
    return run_table(call, false, report_summary_data);
}

static int run_tree(const struct command_call *call) {
    return run_table(call, false, report_tree);
}

static int run_list(const struct command_call *call) {
    return run_table(call, true, report_list);
}

static int run_site(const struct command_call *call) {
    uint32_t id;
    int status = command_site_id(call, &id);
    if (status != TMPALLOC_OK)
        return status;
    struct report_options options;
    regex_t filter;
    status = command_report_options(call, &filter, &options);
    struct profile *profile = NULL;
    if (status == TMPALLOC_OK)
        status = open_profile(call, &profile);
    if (status == TMPALLOC_OK)
        status = report_site(profile, id, &options, call->text, call->error);
    profile_destroy(profile);
    return status;
}

const struct command command_summary = {
    .info =
        {"summary", "",
         "Show where temporary allocations are made, one row for each location.\n"
         "A block is temporary when the thread that allocated it frees it after at most N other\n"
         "allocations of its own. Total counts what is anywhere beneath the location, Own what it\n"
         "allocates itself, Share how many of its allocations were temporary, Scope how many of\n"
         "these the allocating function freed itself, or what it called.",
         summary_options, 0, 0, .repeats = 1},
    .run = run_summary,
    .wraps = true,
    .data = summary_data,
};

const struct command command_tree = {
    .info = {"tree", "", "Show temporary allocations as a call tree, heaviest branch first.",
             tree_options, 0, 0, .repeats = 1},
    .run = run_tree,
    .wraps = true,
};

const struct command command_list = {
    .info =
        {"list", "FUNCTION|FILE",
         "Show source lines with the temporaries that each makes beside it.\n"
         "FUNCTION is a name as in the summary, or its last part; FILE is a path or the end of\n"
         "one, and FILE:LINE shows that line whatever it has. What a library allocates is counted\n"
         "at the line that called it.",
         list_options, 1, 1, .repeats = 1},
    .run = run_list,
    .wraps = true,
};

const struct command command_site = {
    .info = {"site", "ID",
             "Show one call site in full.\n"
             "ID is a number of the summary's last lines, or an\n"
             "expression of the debugger: $_tmpalloc_site (in LLDB $tmpalloc_site).",
             site_options, 1, COMMAND_EXPRESSION_WORDS, .repeats = 1},
    .run = run_site,
    .wraps = true,
};
