#include "commands.h"

#include <string.h>

#include "commands_options.h"
#include "memory.h"
#include "options.h"
#include "report.h"

struct command_call {
    struct session *session;
    const struct arguments *arguments;
    const struct tmpalloc_terminal *terminal;
    struct text *text;
    struct error *error;
};

struct command {
    struct tmpalloc_command_info info;
    int (*run)(const struct command_call *call);
};

static const char *const engines[] = {"auto", "agent", "breakpoint", "hardware", NULL};
static const char *const whens[] = {"auto", "on", "off", NULL};
static const char *const sort_columns[] = {"own", "total", "count", "share", NULL};
static const char *const groupings[] = {"location", "stack", NULL};

#define OPTION_THRESHOLD                                                                           \
    {"threshold", 't', "N", NULL, "most allocations between a block's allocation and its free"},   \
        {"temporary-allocation-threshold", '\0', "N", NULL, "the same, in memray's words"}, {      \
        "temporary-allocations", '\0', NULL, NULL, "threshold 1, in memray's words"                \
    }
#define OPTION_SINCE                                                                               \
    { "since", '\0', "MARK", NULL, "only what came after 'tmpalloc mark MARK'" }
#define OPTION_SELECT                                                                              \
    {"filter", '\0', "REGEX", NULL, "only locations that match"},                                  \
        {"tid", '\0', "TID", NULL, "only call sites of this thread"}, {                            \
        "same-scope", '\0', NULL, NULL, "only what the allocating function frees itself"           \
    }
#define OPTION_NATIVE                                                                              \
    { "native-frames", '\0', NULL, NULL, "show the interpreter's own frames in Python stacks" }
#define OPTION_ROWS                                                                                \
    { "rows", 'r', "ROWS", NULL, "most rows; 0 for all (default: what fits, at least 10)" }
#define OPTION_END                                                                                 \
    { NULL, '\0', NULL, NULL, NULL }

static const struct tmpalloc_option_info no_options[] = {OPTION_END};

static const struct tmpalloc_option_info start_options[] = {
    {"engine", '\0', "ENGINE", engines, "how calls are observed (default: auto)"},
    {"max-threshold", '\0', "N", NULL, "highest threshold that can be asked later (default: 16)"},
    {"allocator", '\0', "SPEC", NULL,
     "count custom functions: alloc=NAME[:size=ARG],free=NAME[:ptr=ARG][,realloc=NAME:ptr=ARG:"
     "size=ARG]; may be repeated"},
    {"mmap", '\0', NULL, NULL, "count mmap and munmap, too"},
    {"within", '\0', "FUNCTION", NULL, "count only while FUNCTION is on the call stack"},
    {"stack-depth", '\0', "N", NULL, "most frames kept of a call stack (default: 256)"},
    {"this-thread", '\0', NULL, NULL, "count only the selected thread"},
    {"python", '\0', "WHEN", whens,
     "Python frames in call stacks (default: auto, where there is CPython)"},
    {"memory-limit", '\0', "SIZE", NULL,
     "most memory that the agent takes in the program (default: 64MB)"},
    OPTION_END,
};

static const struct tmpalloc_option_info summary_options[] = {
    OPTION_THRESHOLD,
    {"sort", 's', "COLUMN", sort_columns, "order of the rows (default: own)"},
    OPTION_ROWS,
    OPTION_SELECT,
    {"by", '\0', "UNIT", groupings, "one row for each location or call stack"},
    {"inclusive", '\0', NULL, NULL, "also locations without temporaries of their own"},
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_END,
};

static const struct tmpalloc_option_info tree_options[] = {
    OPTION_THRESHOLD, OPTION_ROWS, OPTION_SELECT, OPTION_NATIVE, OPTION_SINCE, OPTION_END,
};

static const struct tmpalloc_option_info site_options[] = {
    OPTION_THRESHOLD,
    OPTION_NATIVE,
    OPTION_SINCE,
    OPTION_END,
};

static const struct tmpalloc_option_info report_file_options[] = {
    OPTION_THRESHOLD, {"force", '\0', NULL, NULL, "replace FILE when it exists"},
    OPTION_NATIVE,    OPTION_SINCE,
    OPTION_END,
};

static int run_start(const struct command_call *call) {
    struct session_options options;
    int status = command_start_options(call->arguments, &options, call->error);
    return status == TMPALLOC_OK ? session_start(call->session, &options, call->text, call->error)
                                 : status;
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

static int run_mark(const struct command_call *call) {
    return session_mark(call->session, call->arguments->words[0], call->text, call->error);
}

static int open_profile(const struct command_call *call, struct profile **ret) {
    struct recording_query query = {
        .threshold = call->session->threshold,
        .since = arguments_get(call->arguments, "since"),
        .native_frames = arguments_given(call->arguments, "native-frames"),
    };
    int status = command_threshold(call->arguments, &query.threshold, call->error);
    return status == TMPALLOC_OK ? session_profile(call->session, &query, call->error, ret)
                                 : status;
}

typedef int table_report(const struct profile *profile, const struct report_options *options,
                         struct text *text, struct error *error);

static int run_table(const struct command_call *call, table_report *report) {
    struct report_options options;
    regex_t filter;
    int status =
        command_report_options(call->arguments, call->terminal, &filter, &options, call->error);
    if (status != TMPALLOC_OK)
        return status;
    struct profile *profile = NULL;
    status = open_profile(call, &profile);
    if (status == TMPALLOC_OK)
        status = report(profile, &options, call->text, call->error);
    profile_destroy(profile);
    if (options.filter)
        regfree(&filter);
    return status;
}

static int run_summary(const struct command_call *call) {
    return run_table(call, report_summary);
}

static int run_tree(const struct command_call *call) {
    return run_table(call, report_tree);
}

static int run_site(const struct command_call *call) {
    uint64_t id;
    int status = number_parse(call->arguments->words[0], "a site", 1, UINT32_MAX, &id, call->error);
    if (status != TMPALLOC_OK)
        return status;
    struct report_options options;
    regex_t filter;
    status =
        command_report_options(call->arguments, call->terminal, &filter, &options, call->error);
    struct profile *profile = NULL;
    if (status == TMPALLOC_OK)
        status = open_profile(call, &profile);
    if (status == TMPALLOC_OK)
        status = report_site(profile, (uint32_t)id, &options, call->text, call->error);
    profile_destroy(profile);
    return status;
}

static int write_report(const struct command_call *call, report_function *report) {
    const char *path = call->arguments->words[1];
    struct profile *profile = NULL;
    struct text content;
    text_init(&content);
    int status = open_profile(call, &profile);
    if (status == TMPALLOC_OK)
        status = report(profile, &content, call->error);
    if (status == TMPALLOC_OK && content.failed)
        status = error_no_memory(call->error);
    if (status == TMPALLOC_OK)
        status = report_write_file(path, arguments_given(call->arguments, "force"), &content,
                                   call->error);
    if (status == TMPALLOC_OK)
        text_printf(call->text, "tmpalloc: wrote %s\n", path);
    text_deinit(&content);
    profile_destroy(profile);
    return status;
}

static int run_report(const struct command_call *call) {
    const char *name = call->arguments->words[0];
    report_function *report = report_format(name);
    if (report)
        return write_report(call, report);
    struct text names;
    text_init(&names);
    for (const char *const *format = report_format_names; *format; format++)
        text_printf(&names, "%s%s", format == report_format_names ? "" : ", ", *format);
    int status = error_set(call->error, TMPALLOC_E_ARGUMENT, "unknown format %s: accepted are %s",
                           name, text_get(&names));
    text_deinit(&names);
    return status;
}

static int run_help(const struct command_call *call);

static const struct command commands[] = {
    {{"start", "",
      "Begin tracking: before run, at any stop, or after attach.\n"
      "Counters of a process that was stopped before go on; another process begins at zero.",
      start_options, 0, 0},
     run_start},
    {{"stop", "", "Stop tracking and keep the results.", no_options, 0, 0}, run_stop},
    {{"reset", "", "Zero the results and keep tracking.\nMarks are forgotten.", no_options, 0, 0},
     run_reset},
    {{"status", "", "Show what is tracked, and the counters.", no_options, 0, 0}, run_status},
    {{"summary", "",
      "Show where temporary allocations are made, one row for each location.\n"
      "A block is temporary when the thread that allocated it frees it after at most N other\n"
      "allocations of its own. Total counts what is anywhere beneath the location, Own what it\n"
      "allocates itself, Share how many of its allocations were temporary.",
      summary_options, 0, 0},
     run_summary},
    {{"tree", "", "Show temporary allocations as a call tree, heaviest branch first.", tree_options,
      0, 0},
     run_tree},
    {{"site", "ID", "Show one call site in full; ID is a number of the summary's last lines.",
      site_options, 1, 1},
     run_site},
    {{"mark", "NAME", "Remember the counters now, for --since NAME.", no_options, 1, 1}, run_mark},
    {{"report", "FORMAT FILE",
      "Write a report to FILE; FORMAT is json, folded (for flame graphs) or csv.",
      report_file_options, 2, 2},
     run_report},
    {{"help", "[COMMAND]", "Show the commands, or one with its options.", no_options, 0, 1},
     run_help},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct tmpalloc_command_info *commands_get(uint32_t i) {
    return i < COMMAND_COUNT ? &commands[i].info : NULL;
}

static const struct command *find_command(const char *name, size_t length) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *candidate = commands[i].info.name;
        if (strlen(candidate) == length && strncmp(candidate, name, length) == 0)
            return &commands[i];
    }
    return NULL;
}

static int refuse_command(const char *name, size_t length, struct error *error) {
    struct text names;
    text_init(&names);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        text_printf(&names, "%s%s", i ? ", " : "", commands[i].info.name);
    int status = error_set(error, TMPALLOC_E_ARGUMENT, "unknown command %.*s: accepted are %s",
                           (int)length, name, text_get(&names));
    text_deinit(&names);
    return status;
}

static int run_help(const struct command_call *call) {
    const char *name = call->arguments->words[0];
    const struct command *command = name ? find_command(name, strlen(name)) : NULL;
    if (name && !command)
        return refuse_command(name, strlen(name), call->error);
    if (command) {
        command_append_help(&command->info, call->text);
        return TMPALLOC_OK;
    }
    text_append(call->text, "tmpalloc finds temporary allocations: freed again almost at once.\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        command_append_line(&commands[i].info, call->text);
    return TMPALLOC_OK;
}

static int run_command(const struct command *command, struct command_call *call, const char *rest) {
    struct arguments arguments = {0};
    int status = arguments_parse(&command->info, rest, &arguments, call->error);
    if (status != TMPALLOC_OK)
        return status;
    call->arguments = &arguments;
    status = command->run(call);
    arguments_deinit(&arguments);
    return status;
}

int commands_execute(struct session *session, const char *line,
                     const struct tmpalloc_terminal *terminal, struct text *text,
                     struct error *error) {
    static const struct tmpalloc_terminal plain = {0};
    line += strspn(line, " \t\n");
    if (*line == '\0')
        line = "help";
    size_t length = strcspn(line, " \t\n");
    const struct command *command = find_command(line, length);
    if (!command)
        return refuse_command(line, length, error);
    struct command_call call = {
        .session = session, .terminal = terminal ? terminal : &plain, .text = text, .error = error};
    session_poll(session);
    return run_command(command, &call, line + length);
}
