#include "commands/commands_limits.h"

#include <string.h>

#include "commands/commands_options.h"
#include "profile/expressions.h"
#include "session/session_matches.h"

#define LARGEST_SIZE      (UINT64_C(1) << 50)
#define LARGEST_TOLERANCE 1000000

static const struct tmpalloc_option_info limit_options[] = {OPTIONS_LIMITS, OPTION_END};

const char *command_limit_given(const struct arguments *arguments, bool baseline) {
    for (const struct tmpalloc_option_info *option = limit_options; option->name; option++) {
        bool wanted = baseline || strcmp(option->name, "baseline") != 0;
        if (wanted && arguments_given(arguments, option->name))
            return option->name;
    }
    return NULL;
}

void command_init_limits(struct command_limits *limits) {
    *limits = (struct command_limits){.limits = {.most_count = CHECK_NO_LIMIT,
                                                 .most_bytes = CHECK_NO_LIMIT,
                                                 .most_allocations = CHECK_NO_LIMIT,
                                                 .most_new_sites = CHECK_NO_LIMIT}};
}

void command_release_limits(struct command_limits *limits) {
    if (limits->limits.at)
        regfree(&limits->at);
    command_close_file(&limits->baseline);
}

/* These are about a baseline. */
static int check_baseline_words(const struct command_call *call) {
    static const char *const options[] = {"new-sites", "tolerance"};
    if (arguments_given(call->arguments, "baseline"))
        return TMPALLOC_OK;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (arguments_given(call->arguments, options[i]))
            return error_set(call->error, TMPALLOC_E_ARGUMENT, "--%s needs a --baseline FILE",
                             options[i]);
    }
    return TMPALLOC_OK;
}

static int read_numbers(const struct command_call *call, struct check_limits *limits) {
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

static int read_at(const struct command_call *call, struct command_limits *limits) {
    const char *pattern = arguments_get(call->arguments, "at");
    if (!pattern)
        return TMPALLOC_OK;
    int status = expression_compile(pattern, &limits->at, call->error);
    if (status != TMPALLOC_OK)
        return status;
    limits->limits.at = &limits->at;
    limits->limits.at_pattern = pattern;
    return TMPALLOC_OK;
}

static int read_baseline(const struct command_call *call, struct command_limits *limits) {
    const char *path = arguments_get(call->arguments, "baseline");
    if (!path)
        return TMPALLOC_OK;
    int status = command_open_file(call, path, &limits->baseline);
    limits->limits.baseline = limits->baseline.profile;
    limits->limits.baseline_name = path;
    return status;
}

int command_read_limits(const struct command_call *call, struct command_limits *limits) {
    limits->limits.any_status = arguments_given(call->arguments, "any-status");
    limits->limits.columns = command_columns(call->terminal);
    int status = check_baseline_words(call);
    if (status == TMPALLOC_OK)
        status = read_numbers(call, &limits->limits);
    if (status == TMPALLOC_OK)
        status = read_at(call, limits);
    return status == TMPALLOC_OK ? read_baseline(call, limits) : status;
}

void command_complete_limits(const struct command_call *call, const struct profile *profile,
                             struct command_limits *limits) {
    struct check_limits *to_judge_by = &limits->limits;
    if (to_judge_by->most_allocations != CHECK_NO_LIMIT)
        to_judge_by->path_known = session_knows_path(call->session, profile, to_judge_by->at);
}
