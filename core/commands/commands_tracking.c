#include "commands/commands_options.h"
#include "commands/commands_table.h"
#include "reports/report_check.h"
#include "session/session_control.h"
#include "session/session_data.h"
#include "session/session_marks.h"
#include "session/session_status.h"

static const char *const engines[] = {"auto", "agent", "breakpoint", "hardware", NULL};
static const char *const whens[] = {"auto", "on", "off", NULL};

static const struct tmpalloc_option_info start_options[] = {
    {"engine", '\0', "ENGINE", engines, "how calls are observed (default: auto)"},
    {"max-threshold", '\0', "N", NULL, "highest threshold that can be asked later (default: 16)"},
    {"allocator", '\0', "SPEC", NULL,
     "count python's objects, or custom functions: alloc=NAME[:size=ARG],free=NAME[:ptr=ARG]"
     "[,realloc=NAME:ptr=ARG:size=ARG]; may be repeated"},
    {"mmap", '\0', NULL, NULL, "count mmap and munmap, too"},
    {"within", '\0', "FUNCTION", NULL, "count only while FUNCTION is on the call stack"},
    {"stack-depth", '\0', "N", NULL, "most frames kept of a call stack (default: 256)"},
    {"once", '\0', NULL, NULL, "track one process; without it start holds for later runs, too"},
    {"this-thread", '\0', NULL, NULL, "count only the selected thread"},
    {"python", '\0', "WHEN", whens,
     "Python frames in call stacks (default: auto, where there is CPython)"},
    {"suppress", '\0', "FILE", NULL,
     "leave out locations that a line of FILE matches from all reports"},
    {"memory-limit", '\0', "SIZE", NULL,
     "most memory that the agent takes in the program (default: 64MB)"},
    OPTION_END,
};

static int run_start(const struct command_call *call) {
    struct session_options options;
    int status = command_start_options(call->arguments, &options, call->error);
    if (status != TMPALLOC_OK)
        return status;
    status = session_start(call->session, &options, call->text, call->error);
    if (status != TMPALLOC_OK)
        return status;
    /* LLDB can't give it to scripts once the process has exited. */
    host_set_variable(&call->session->host, "failed", CHECK_NOTHING, NULL);
    return TMPALLOC_OK;
}

static int status_data(const struct command_call *call) {
    return session_status_data(call->session, call->text, call->error);
}

static int start_data(const struct command_call *call) {
    int status = run_start(call);
    text_clear(call->text);
    return status == TMPALLOC_OK ? status_data(call) : status;
}

static int run_stop(const struct command_call *call) {
    return session_stop(call->session, call->text, call->error);
}

static int run_reset(const struct command_call *call) {
    return session_reset(call->session, call->text, call->error);
}

static int run_status(const struct command_call *call) {
    return session_status(call->session, call->text, call->error);
}

static const struct tmpalloc_option_info mark_options[] = {
    {"delete", '\0', NULL, NULL, "forget the mark NAME, or all"},
    OPTION_END,
};

static int run_mark(const struct command_call *call) {
    const char *name = call->arguments->words[0];
    if (arguments_given(call->arguments, "delete"))
        return session_marks_delete(call->session, name, call->text, call->error);
    return name ? session_mark(call->session, name, call->text, call->error)
                : session_marks_list(call->session, call->text, call->error);
}

const struct command command_start = {
    .info =
        {"start", "",
         "Begin tracking: before run, at any stop, or after attach.\n"
         "Counters of a process that was stopped before go on; another process begins at zero.\n"
         "It holds until stop: whatever the debugger runs later in the same place is tracked, "
         "each\n"
         "time with results of its own (not with --once or --this-thread). What it attaches to "
         "and\n"
         "gets from a server needs a start of its own.",
         start_options, 0, 0},
    .run = run_start,
    .data = start_data,
};

const struct command command_stop = {
    .info = {"stop", "", "Stop tracking and keep the results.", command_no_options, 0, 0},
    .run = run_stop,
};

const struct command command_reset = {
    .info = {"reset", "", "Zero the results and keep tracking.\nMarks are forgotten.",
             command_no_options, 0, 0},
    .run = run_reset,
};

const struct command command_status = {
    .info = {"status", "", "Show what is tracked, and the counters.", command_no_options, 0, 0,
             .repeats = 1},
    .run = run_status,
    .wraps = true,
    .data = status_data,
};

const struct command command_mark = {
    .info = {"mark", "[NAME]",
             "Remember the counters now, for --since NAME; without NAME list the marks.\n"
             "The last stop is a mark of its own: --since stop.",
             mark_options, 0, 1},
    .run = run_mark,
    .wraps = true,
};
