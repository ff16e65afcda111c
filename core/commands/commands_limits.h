/* What results are judged by and compared with, as the words of a command line say it. */
#ifndef TMPALLOC_COMMANDS_LIMITS_H
#define TMPALLOC_COMMANDS_LIMITS_H

#include "commands/commands_table.h"
#include "reports/report_check.h"

#define OPTIONS_LIMITS                                                                             \
    {"max-count", '\0', "N", NULL, "fail above N temporaries"},                                    \
        {"max-bytes", '\0', "SIZE", NULL, "fail above SIZE in temporaries, e.g. 64KB"},            \
        {"at", '\0', "REGEX", NULL, "only stacks that match"},                                     \
        {"baseline", '\0', "FILE", NULL, "fail above what 'tmpalloc save FILE' kept"},             \
        {"tolerance", '\0', "PERCENT", NULL,                                                       \
         "how much more than the baseline is allowed (default: 0)"},                               \
        {"max-allocations", '\0', "N", NULL, "fail above N allocations, temporary or not"},        \
        {"new-sites", '\0', "N", NULL,                                                             \
         "fail above N sites with temporaries that the baseline lacks"},                           \
    {                                                                                              \
        "any-status", '\0', NULL, NULL, "also of a program that exited with another status than 0" \
    }

struct command_limits {
    struct check_limits limits;
    regex_t at; /* compiled when limits.at isn't NULL */
    struct command_file baseline;
};

void command_init_limits(struct command_limits *limits); /* none */
/* To be released in any case. */
int command_read_limits(const struct command_call *call, struct command_limits *limits);
void command_release_limits(struct command_limits *limits);
/* What depends on the results that will be judged. */
void command_complete_limits(const struct command_call *call, const struct profile *profile,
                             struct command_limits *limits);

/* Which of these options the command line has first; NULL: none.  `baseline`: --baseline is one. */
const char *command_limit_given(const struct arguments *arguments, bool baseline);

#endif
