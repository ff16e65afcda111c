#include <string.h>

#include "commands/commands_limits.h"
#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "reports/report_check.h"
#include "support/file_write.h"

#define MOST_REPORTS 32

static const char *const exits[] = {"auto", "always", "never", NULL};

static const struct tmpalloc_option_info check_options[] = {
    OPTION_THRESHOLD,
    OPTIONS_LIMITS,
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
    return TMPALLOC_OK;
}

typedef int report_use(const struct command_call *call, const struct profile *profile,
                       const struct command_limits *limits, const struct report_format *format,
                       const char *path);

/* Their files are the words, in the same order. */
static int for_each_report(const struct command_call *call, const struct profile *profile,
                           const struct command_limits *limits, report_use *use) {
    const struct arguments *arguments = call->arguments;
    int status = TMPALLOC_OK;
    size_t word = 0;
    for (size_t i = 0; i < arguments->value_count && status == TMPALLOC_OK; i++) {
        if (strcmp(arguments->values[i].name, "report") == 0)
            status = use(call, profile, limits, report_format(arguments->values[i].value),
                         arguments->words[word++]);
    }
    return status;
}

static int check_file(const struct command_call *call, const struct profile *profile,
                      const struct command_limits *limits, const struct report_format *format,
                      const char *path) {
    (void)profile, (void)limits, (void)format;
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
    return for_each_report(call, NULL, NULL, check_file);
}

static int read_request(const struct command_call *call, struct command_limits *limits) {
    int status = check_words(call);
    if (status == TMPALLOC_OK)
        status = check_files(call);
    return status == TMPALLOC_OK ? command_read_limits(call, limits) : status;
}

static int write_report(const struct command_call *call, const struct profile *profile,
                        const struct command_limits *limits, const struct report_format *format,
                        const char *path) {
    return command_write_report(call, profile, format, format->judges ? &limits->limits : NULL,
                                path);
}

static int commands_check_judge(const struct command_call *call, struct command_limits *limits,
                                enum check_verdict *ret) {
    struct profile *profile = NULL;
    int status = command_open_report(call, &profile);
    if (status == TMPALLOC_E_STATE) { /* there are no results */
        text_printf(call->text, "tmpalloc: nothing to check: %s\n", call->error->text);
        return TMPALLOC_OK;
    }
    if (status == TMPALLOC_OK) {
        command_complete_limits(call, profile, limits);
        status = report_check(profile, &limits->limits, call->text, ret, call->error);
    }
    if (status == TMPALLOC_OK)
        status = for_each_report(call, profile, limits, write_report);
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
    struct command_limits limits;
    enum check_verdict verdict = CHECK_NOTHING;
    command_init_limits(&limits);
    int status = read_request(call, &limits);
    if (status == TMPALLOC_OK)
        status = commands_check_judge(call, &limits, &verdict);
    command_release_limits(&limits);
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
