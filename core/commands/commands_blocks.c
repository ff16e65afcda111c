#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "commands/commands_values.h"
#include "reports/report_blocks.h"
#include "session/session_blocks.h"
#include "session/session_caught.h"
#include "session/session_results.h"

static const struct tmpalloc_option_info live_options[] = {
    {"threshold", 't', "N", NULL, "only blocks with at most so many allocations since"},
    OPTION_ROWS,
    OPTION_CHARGE,
    {"filter", '\0', "REGEX", NULL, "only stacks that match"},
    {"tid", '\0', "TID", NULL, "only blocks of this thread: a TID, or the debugger's number"},
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
        status = command_report_options(call, &filter, &options);
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

static int commands_blocks_explain(const struct command_call *call, const struct profile *profile,
                                   struct command_address *address) {
    struct profile_block caught;
    bool is_caught = session_caught_block(call->session, profile, &caught);
    int status = command_find_address(call, profile, is_caught ? &caught : NULL, address);
    if (status != TMPALLOC_OK)
        return status;
    const struct report_place place = {
        .address = address->address,
        .member = address->member.length > 0 ? text_get(&address->member) : NULL,
        .caught = is_caught ? &caught : NULL,
        .this_tid = session_this_tid(call->session),
    };
    return report_explain(profile, &place, call->text, call->error);
}

static int run_explain(const struct command_call *call) {
    struct command_address address;
    struct profile *profile = NULL;
    int status = session_check_blocks(call->session, call->error);
    if (status == TMPALLOC_OK)
        status = open_blocks(call, &profile);
    if (status != TMPALLOC_OK)
        return status;
    command_address_init(&address);
    status = commands_blocks_explain(call, profile, &address);
    command_address_deinit(&address);
    profile_destroy(profile);
    return status;
}

const struct command command_live = {
    .info = {"live", "",
             "Show the blocks that can still become temporary, the youngest first.\n"
             "Age counts the other allocations that the block's thread has made since.",
             live_options, 0, 0, .repeats = 1},
    .run = run_live,
    .wraps = true,
};

const struct command command_explain = {
    .info =
        {"explain", "ADDRESS",
         "Show which block holds ADDRESS, and what freeing it now would make of it.\n"
         "ADDRESS is a number or an expression of the debugger: a pointer, $rdi, a std::string,\n"
         "a vector, of which the first pointer into a block is followed.",
         explain_options, 1, COMMAND_EXPRESSION_WORDS, .repeats = 1},
    .run = run_explain,
    .wraps = true,
};
