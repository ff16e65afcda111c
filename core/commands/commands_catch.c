#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "commands/commands_values.h"
#include "session/session_catch.h"
#include "session/session_watch.h"

static const struct tmpalloc_option_info catch_options[] = {
    OPTION_THRESHOLD,
    {"at", '\0', "REGEX", NULL, "only of call sites whose stack matches"},
    {"min-size", '\0', "SIZE", NULL, "only of at least so many bytes"},
    {"count", '\0', "N", NULL, "stop at the N-th of them only"},
    OPTION_CHARGE,
    {"once", '\0', NULL, NULL, "delete the catch after its first stop"},
    {"delete", '\0', NULL, NULL, "delete catch ID, or all"},
    OPTION_END,
};

static int delete_catch(const struct command_call *call) {
    uint64_t id = 0;
    const char *word = call->arguments->words[0];
    if (call->arguments->value_count > 1)
        return error_set(call->error, TMPALLOC_E_ARGUMENT,
                         "--delete takes the ID of a catch and no other option");
    int status =
        word ? number_parse(word, "a catch", 1, UINT32_MAX, &id, call->error) : TMPALLOC_OK;
    return status == TMPALLOC_OK
               ? session_catch_delete(call->session, (uint32_t)id, call->text, call->error)
               : status;
}

static int run_catch(const struct command_call *call) {
    const struct arguments *arguments = call->arguments;
    if (arguments_given(arguments, "delete"))
        return delete_catch(call);
    if (arguments->word_count > 0)
        return error_set(call->error, TMPALLOC_E_ARGUMENT,
                         "unexpected %s: an ID goes with --delete, other filters are options",
                         arguments->words[0]);
    if (arguments->value_count == 0)
        return session_catches_list(call->session, call->text, call->error);
    struct profile_view view;
    int status = command_view(call, &view);
    struct session_catch_options options = {
        .threshold = view.threshold,
        .by = view.by,
        .at = arguments_get(arguments, "at"),
        .once = arguments_given(arguments, "once"),
    };
    if (status == TMPALLOC_OK)
        status =
            arguments_size(arguments, "min-size", 0, INT64_MAX, &options.min_size, call->error);
    if (status == TMPALLOC_OK)
        status = arguments_number(arguments, "count", 1, INT64_MAX, &options.count, call->error);
    return status == TMPALLOC_OK
               ? session_catch_add(call->session, &options, call->text, call->error)
               : status;
}

const struct command command_catch = {
    .info = {"catch", "[ID]",
             "Stop the program where it is about to free a temporary.\n"
             "The block can still be read then, and the function that frees it is selected. Its\n"
             "address, size, distance and site are in $_tmpalloc_addr, $_tmpalloc_size,\n"
             "$_tmpalloc_distance and $_tmpalloc_site (in LLDB without the first underscore).\n"
             "A catch stays until it is deleted; while nothing is tracked it rests. It is a\n"
             "breakpoint of the debugger's, too: its number is for commands, conditions, ignore\n"
             "counts, enable, disable and delete. Without an option all are listed.",
             catch_options, 0, 1},
    .run = run_catch,
};

static const struct tmpalloc_option_info watch_options[] = {
    {"delete", '\0', NULL, NULL, "watch nothing any more"},
    OPTION_END,
};

static int run_watch(const struct command_call *call) {
    const char *word = call->arguments->words[0];
    uint32_t site;
    if (arguments_given(call->arguments, "delete") == (word != NULL))
        return error_set(call->error, TMPALLOC_E_ARGUMENT,
                         "watch takes a site's number, or --delete");
    if (!word)
        return session_watch_delete(call->session, call->text, call->error);
    int status = command_site_id(call, &site);
    return status == TMPALLOC_OK ? session_watch_site(call->session, site, call->text, call->error)
                                 : status;
}

const struct command command_watch = {
    .info =
        {"watch", "[SITE]",
         "Stop wherever the next block of a site is used, by a hardware watchpoint.\n"
         "Its first 8 bytes are watched from its allocation to its free; then it is said how\n"
         "often the program has stopped, or that they were never read or written. One block is\n"
         "watched at a time. SITE is a number, or an expression of the debugger that gives one.",
         watch_options, 0, COMMAND_EXPRESSION_WORDS},
    .run = run_watch,
};
