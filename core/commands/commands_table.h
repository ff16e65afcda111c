/* The table of commands, for the files that define them. */
#ifndef TMPALLOC_COMMANDS_TABLE_H
#define TMPALLOC_COMMANDS_TABLE_H

#include "commands/options.h"
#include "reports/report.h"
#include "session/session.h"

/* One execution of a command. */
struct command_call {
    struct session *session;
    const struct arguments *arguments;
    const struct tmpalloc_terminal *terminal; /* never NULL */
    struct text *text;                        /* what to print */
    struct error *error;
};

struct command {
    struct tmpalloc_command_info info;
    int (*run)(const struct command_call *call);
    /* The same with JSON as the text, see report_data.h; NULL: there is no such form. */
    int (*data)(const struct command_call *call);
    /* Called after a failure, also when the line was not accepted, with arguments NULL then; NULL:
     * nothing is to be done. */
    void (*failed)(const struct command_call *call);
    bool wraps; /* lines of its text that are too wide go on in the next one */
};

/* Every command, in the order of the help text.  It is defined as command_NAME in one of
 * commands_*.c. */
#define COMMANDS_FOR_EACH(COMMAND)                                                                 \
    COMMAND(start)                                                                                 \
    COMMAND(stop)                                                                                  \
    COMMAND(reset)                                                                                 \
    COMMAND(status)                                                                                \
    COMMAND(summary)                                                                               \
    COMMAND(tree)                                                                                  \
    COMMAND(list)                                                                                  \
    COMMAND(site)                                                                                  \
    COMMAND(live)                                                                                  \
    COMMAND(explain)                                                                               \
    COMMAND(catch)                                                                                 \
    COMMAND(watch)                                                                                 \
    COMMAND(mark)                                                                                  \
    COMMAND(report)                                                                                \
    COMMAND(save)                                                                                  \
    COMMAND(load)                                                                                  \
    COMMAND(diff)                                                                                  \
    COMMAND(check)                                                                                 \
    COMMAND(set)                                                                                   \
    COMMAND(show)                                                                                  \
    COMMAND(help)

#define COMMANDS_DECLARE(name) extern const struct command command_##name;
COMMANDS_FOR_EACH(COMMANDS_DECLARE)
#undef COMMANDS_DECLARE

/* Options that several commands have; the last one ends every list. */
#define OPTION_THRESHOLD                                                                           \
    {"threshold", 't', "N", NULL, "most allocations between a block's allocation and its free"},   \
        {"temporary-allocation-threshold", '\0', "N", NULL, "the same, in memray's words"}, {      \
        "temporary-allocations", '\0', NULL, NULL, "threshold 1, in memray's words"                \
    }
#define OPTION_SINCE                                                                               \
    { "since", '\0', "MARK", NULL, "only what came after 'tmpalloc mark MARK'" }
#define OPTION_SELECT                                                                              \
    {"filter", '\0', "REGEX", NULL, "only stacks that match"},                                     \
        {"tid", '\0', "TID", NULL,                                                                 \
         "only call sites of this thread: a TID, or the debugger's number"},                       \
    {                                                                                              \
        "same-scope", '\0', NULL, NULL, "only what the allocating function frees itself"           \
    }
#define OPTION_SUPPRESS                                                                            \
    { "suppress", '\0', "FILE", NULL, "leave out locations that a line of FILE matches" }
#define OPTION_FORCE                                                                               \
    { "force", '\0', NULL, NULL, "replace FILE when it exists" }
#define OPTION_NATIVE                                                                              \
    { "native-frames", '\0', NULL, NULL, "show the interpreter's own frames in Python stacks" }
#define OPTION_CHARGE                                                                              \
    {                                                                                              \
        "charge", '\0', "FRAME", charge_by_names,                                                  \
            "which frame of a call stack is charged (default: set tmpalloc charge)"                \
    }
#define OPTION_ROWS                                                                                \
    { "rows", 'r', "ROWS", NULL, "most rows; 0 for all (default: what fits, at least 10)" }
#define OPTION_END                                                                                 \
    { NULL, '\0', NULL, NULL, NULL }

extern const struct tmpalloc_option_info command_no_options[];

/* How the command line wants results to be looked at. */
int command_view(const struct command_call *call, struct profile_view *ret);
/* Takes out what is suppressed, by this command line or by start. */
int command_suppress(const struct command_call *call, struct profile *profile);
/* The results that the command line asks for, without that, for the caller to destroy. */
int command_open_report(const struct command_call *call, struct profile **ret);

/* A file's results in the same way.  To be closed also after a failure; starts as zeros. */
struct command_file {
    struct profile *profile;
    struct profile *loaded; /* that it refers to */
};
int command_open_file(const struct command_call *call, const char *path, struct command_file *ret);
void command_close_file(struct command_file *file);

/* Writes a report of the profile (`limits`: report_for_file()), replacing a file where --force says
 * so, and a line about it. */
int command_write_report(const struct command_call *call, const struct profile *profile,
                         const struct report_format *format, const struct check_limits *limits,
                         const char *path);

#endif
