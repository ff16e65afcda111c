#include <string.h>

#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "profile/expressions.h"
#include "reports/report_check.h"
#include "reports/report_selection.h"
#include "session/session_matches.h"
#include "support/file_write.h"

#define LARGEST_SIZE      (UINT64_C(1) << 50)
#define LARGEST_TOLERANCE 1000000
#define MOST_REPORTS      32

static const char *const exits[] = {"auto", "always", "never", NULL};

static const struct tmpalloc_option_info check_options[] = {
    OPTION_THRESHOLD,
    {"max-count", '\0', "N", NULL, "fail above N temporaries"},
    {"max-bytes", '\0', "SIZE", NULL, "fail above SIZE in temporaries, e.g. 64KB"},
    {"at", '\0', "REGEX", NULL, "only stacks that match"},
    {"baseline", '\0', "FILE", NULL, "fail above what 'tmpalloc save FILE' kept"},
    {"tolerance", '\0', "PERCENT", NULL, "how much more than the baseline is allowed (default: 0)"},
    {"max-allocations", '\0', "N", NULL, "fail above N allocations, temporary or not"},
    {"new-sites", '\0', "N", NULL, "fail above N sites with temporaries that the baseline lacks"},
    {"any-status", '\0', NULL, NULL, "also of a program that exited with another status than 0"},
    {"report", '\0', "FORMAT", report_format_names,
     "also write a report, to the FILE behind it; may be repeated"},
    OPTION_FORCE,
    {"exit", '\0', "WHEN", exits,
     "end the debugger with status 1 or 2 (default: auto, in batch mode)"},
    OPTION_CHARGE,
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_SUPPRESS,
    OPTION_END,
};

/* What one check command asks for. */
struct request {
    struct check_limits limits;
    regex_t at; /* compiled when limits.at isn't NULL */
    struct command_file baseline;
};

static int commands_check_refuse(const struct command_call *call, const char *why) {
    return error_set(call->error, TMPALLOC_E_ARGUMENT, "%s", why);
}

static int check_words(const struct command_call *call) {
    const struct arguments *arguments = call->arguments;
    if (!arguments_given(arguments, "max-count") && !arguments_given(arguments, "max-bytes") &&
        !arguments_given(arguments, "max-allocations") && !arguments_given(arguments, "baseline"))
        return commands_check_refuse(
            call, "nothing to compare with: check needs --max-count, --max-bytes, "
                  "--max-allocations or --baseline");
    if (arguments_given(arguments, "new-sites") && !arguments_given(arguments, "baseline"))
        return commands_check_refuse(call, "--new-sites needs a --baseline FILE");
    if (arguments_given(arguments, "tolerance") && !arguments_given(arguments, "baseline"))
        return commands_check_refuse(call, "--tolerance needs a --baseline FILE");
    return TMPALLOC_OK;
}

typedef int report_use(const struct command_call *call, const struct profile *profile,
                       report_function *report, const char *path);

/* Their files are the words, in the same order. */
static int for_each_report(const struct command_call *call, const struct profile *profile,
                           report_use *use) {
    const struct arguments *arguments = call->arguments;
    int status = TMPALLOC_OK;
    size_t word = 0;
    for (size_t i = 0; i < arguments->value_count && status == TMPALLOC_OK; i++) {
        if (strcmp(arguments->values[i].name, "report") == 0)
            status = use(call, profile, report_format(arguments->values[i].value),
                         arguments->words[word++]);
    }
    return status;
}

static int check_file(const struct command_call *call, const struct profile *profile,
                      report_function *report, const char *path) {
    (void)profile, (void)report;
    for (char **word = call->arguments->words; *word != path; word++) {
        if (strcmp(*word, path) == 0)
            return error_set(call->error, TMPALLOC_E_ARGUMENT, "two reports to one file: %s", path);
    }
    return file_write_check(path, arguments_given(call->arguments, "force"), call->error);
}

static int check_files(const struct command_call *call) {
    const struct arguments *arguments = call->arguments;
    size_t reports = 0;
    for (size_t i = 0; i < arguments->value_count; i++)
        reports += strcmp(arguments->values[i].name, "report") == 0;
    if (reports > arguments->word_count)
        return commands_check_refuse(call, "--report needs FORMAT and FILE");
    if (reports < arguments->word_count)
        return commands_check_refuse(call, "a FILE needs --report FORMAT before it");
    return for_each_report(call, NULL, check_file);
}

static int commands_check_read_numbers(const struct command_call *call,
                                       struct check_limits *limits) {
    int status = arguments_number(call->arguments, "max-count", 0, INT64_MAX, &limits->most_count,
                                  call->error);
    if (status != TMPALLOC_OK)
        return status;
    status = arguments_size(call->arguments, "max-bytes", 0, LARGEST_SIZE, &limits->most_bytes,
                            call->error);
    if (status != TMPALLOC_OK)
        return status;
    status = arguments_number(call->arguments, "max-allocations", 0, INT64_MAX,
                              &limits->most_allocations, call->error);
    if (status != TMPALLOC_OK)
        return status;
    status = arguments_number(call->arguments, "new-sites", 0, INT64_MAX, &limits->most_new_sites,
                              call->error);
    if (status != TMPALLOC_OK)
        return status;
    return arguments_number(call->arguments, "tolerance", 0, LARGEST_TOLERANCE,
                            &limits->tolerance_percent, call->error);
}

static int read_at(const struct command_call *call, struct request *request) {
    const char *pattern = arguments_get(call->arguments, "at");
    if (!pattern)
        return TMPALLOC_OK;
    int status = expression_compile(pattern, &request->at, call->error);
    if (status != TMPALLOC_OK)
        return status;
    request->limits.at = &request->at;
    request->limits.at_pattern = pattern;
    return TMPALLOC_OK;
}

static int read_baseline(const struct command_call *call, struct request *request) {
    const char *path = arguments_get(call->arguments, "baseline");
    if (!path)
        return TMPALLOC_OK;
    int status = command_open_file(call, path, &request->baseline);
    request->limits.baseline = request->baseline.profile;
    request->limits.baseline_name = path;
    return status;
}

static int read_request(const struct command_call *call, struct request *request) {
    int status = check_words(call);
    if (status == TMPALLOC_OK)
        status = check_files(call);
    if (status == TMPALLOC_OK)
        status = commands_check_read_numbers(call, &request->limits);
    if (status == TMPALLOC_OK)
        status = read_at(call, request);
    return status == TMPALLOC_OK ? read_baseline(call, request) : status;
}

static int commands_check_judge(const struct command_call *call, struct request *request,
                                enum check_verdict *ret) {
    struct profile *profile = NULL;
    int status = command_open_report(call, &profile);
    if (status == TMPALLOC_E_STATE) { /* there are no results */
        text_printf(call->text, "tmpalloc: nothing to check: %s\n", call->error->text);
        return TMPALLOC_OK;
    }
    if (status == TMPALLOC_OK && request->limits.most_allocations != CHECK_NO_LIMIT)
        request->limits.path_known = session_knows_path(call->session, profile, request->limits.at);
    if (status == TMPALLOC_OK)
        status = report_check(profile, &request->limits, call->text, ret, call->error);
    if (status == TMPALLOC_OK)
        status = for_each_report(call, profile, command_write_report);
    profile_destroy(profile);
    return status;
}

/* The verdict is the debugger's exit status where nobody is there to read it. */
static int commands_check_conclude(const struct command_call *call, enum check_verdict verdict) {
    struct host *host = &call->session->host;
    const char *when = call->arguments ? arguments_get(call->arguments, "exit") : NULL;
    bool always = when && strcmp(when, "always") == 0;
    bool never = when && strcmp(when, "never") == 0;
    struct error problem;
    /* Some debuggers have none. */
    if (host_set_variable(host, "failed", verdict, &problem) == TMPALLOC_E_STATE)
        host_message(host, "tmpalloc: %s", problem.text);
    if (verdict == CHECK_PASSED || never || (!always && !host_is_batch(host)))
        return TMPALLOC_OK;
    return host_quit(host, (int32_t)verdict, call->error);
}

static int run_check(const struct command_call *call) {
    struct request request = {.limits = {.most_count = CHECK_NO_LIMIT,
                                         .most_bytes = CHECK_NO_LIMIT,
                                         .most_allocations = CHECK_NO_LIMIT,
                                         .most_new_sites = CHECK_NO_LIMIT}};
    request.limits.any_status = arguments_given(call->arguments, "any-status");
    request.limits.columns = command_columns(call->terminal);
    enum check_verdict verdict = CHECK_NOTHING;
    int status = read_request(call, &request);
    if (status == TMPALLOC_OK)
        status = commands_check_judge(call, &request, &verdict);
    if (request.limits.at)
        regfree(&request.at);
    command_close_file(&request.baseline);
    return status == TMPALLOC_OK ? commands_check_conclude(call, verdict) : status;
}

/* What can't be checked must not pass. */
static void conclude_failure(const struct command_call *call) {
    commands_check_conclude(call, CHECK_NOTHING);
}

const struct command command_check = {
    .info =
        {"check", "[FILE]...",
         "Judge the temporaries, for scripts: passed, failed, or nothing to check.\n"
         "The verdict is 0, 1 or 2 in $_tmpalloc_failed (LLDB: $tmpalloc_failed), and the\n"
         "status that a debugger in batch mode ends with. Each FILE is where a --report writes.",
         check_options, 0, MOST_REPORTS},
    .run = run_check,
    .failed = conclude_failure,
    .wraps = true,
};
