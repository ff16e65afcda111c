#include <errno.h>
#include <stdlib.h>

#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "session/session_blocks.h"
#include "session/session_results.h"

#define MOST_WORDS 64 /* of an expression */

static const struct tmpalloc_option_info live_options[] = {
    {"threshold", 't', "N", NULL, "only blocks with at most so many allocations since"},
    OPTION_ROWS,
    OPTION_CHARGE,
    {"filter", '\0', "REGEX", NULL, "only stacks that match"},
    {"tid", '\0', "TID", NULL, "only blocks of this thread"},
    OPTION_NATIVE,
    OPTION_END,
};

static const struct tmpalloc_option_info explain_options[] = {OPTION_NATIVE, OPTION_END};

/* All that was recorded, with the blocks, once session_check_blocks() has found that there are. */
static int open_blocks(const struct command_call *call, struct profile **ret) {
    struct recording_query query = {.since = NULL};
    int status = command_view(call, &query.view);
    query.view.threshold = 0;
    return status == TMPALLOC_OK ? session_profile(call->session, &query, call->error, ret)
                                 : status;
}

static int run_live(const struct command_call *call) {
    struct report_options options;
    regex_t filter;
    uint64_t max_age = UINT64_MAX;
    struct profile *profile = NULL;
    int status = arguments_number(call->arguments, "threshold", 0, DETECTOR_THRESHOLD_LIMIT,
                                  &max_age, call->error);
    if (status == TMPALLOC_OK)
        status =
            command_report_options(call->arguments, call->terminal, &filter, &options, call->error);
    if (status != TMPALLOC_OK)
        return status;
    status = session_check_blocks(call->session, call->error);
    if (status == TMPALLOC_OK)
        status = open_blocks(call, &profile);
    if (status == TMPALLOC_OK)
        status = report_live(profile, max_age, &options, call->text, call->error);
    profile_destroy(profile);
    if (options.filter)
        regfree(&filter);
    return status;
}

static bool is_number(const char *text, uint64_t *ret) {
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, text[0] == '0' ? 0 : 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static int evaluate(const struct command_call *call, const char *words, uint64_t *ret) {
    struct error problem;
    int status = host_evaluate(&call->session->host, words, ret, &problem);
    if (status == TMPALLOC_OK)
        return status;
    if (status == TMPALLOC_E_STATE)
        return error_set(call->error, status, "%s", problem.text);
    return error_set(call->error, TMPALLOC_E_ARGUMENT,
                     "no address '%s': a number (0x1234) or an expression of this stop that gives "
                     "one, without a call, is accepted",
                     words);
}

/* A number, or what the debugger makes of the words. */
static int find_address(const struct command_call *call, uint64_t *ret) {
    struct text expression;
    text_init(&expression);
    for (size_t i = 0; i < call->arguments->word_count; i++)
        text_printf(&expression, "%s%s", i ? " " : "", call->arguments->words[i]);
    const char *words = text_get(&expression);
    int status = TMPALLOC_OK;
    if (expression.failed)
        status = error_no_memory(call->error);
    else if (!is_number(words, ret))
        status = evaluate(call, words, ret);
    text_deinit(&expression);
    return status;
}

static int run_explain(const struct command_call *call) {
    uint64_t address;
    struct profile *profile = NULL;
    int status = session_check_blocks(call->session, call->error);
    if (status == TMPALLOC_OK)
        status = find_address(call, &address);
    if (status == TMPALLOC_OK)
        status = open_blocks(call, &profile);
    if (status == TMPALLOC_OK)
        status = report_explain(profile, address, session_this_tid(call->session), call->text,
                                call->error);
    profile_destroy(profile);
    return status;
}

const struct command command_live = {
    .info = {"live", "",
             "Show the blocks that can still become temporary, the youngest first.\n"
             "Age counts the other allocations that the block's thread has made since.",
             live_options, 0, 0},
    .run = run_live,
    .wraps = true,
};

const struct command command_explain = {
    .info = {"explain", "ADDRESS",
             "Show which block holds ADDRESS, and what freeing it now would make of it.\n"
             "ADDRESS is a number or an expression of the debugger: a pointer, $rdi.",
             explain_options, 1, MOST_WORDS},
    .run = run_explain,
    .wraps = true,
};
