#include "commands/commands_options.h"

#include <string.h>

#include "profile/expressions.h"
#include "reports/report_selection.h"
#include "session/session_threads.h"
#include "support/memory.h"

#define DEFAULT_STACK_DEPTH   256
#define DEFAULT_MEMORY_LIMIT  (UINT64_C(64) << 20)
#define SMALLEST_MEMORY_LIMIT (UINT64_C(2) << 20)
#define LARGEST_MEMORY_LIMIT  (UINT64_C(16) << 30)

static int add_custom(struct session_options *options, const char *spec, struct error *error) {
    size_t capacity = options->custom_count;
    if (MEMORY_RESERVE(options->custom, &capacity, options->custom_count + 1))
        return error_no_memory(error);
    int status = entry_custom_parse(spec, &options->custom[options->custom_count], error);
    if (status != TMPALLOC_OK)
        return status;
    options->custom_count++;
    return TMPALLOC_OK;
}

static int commands_options_read_numbers(const struct arguments *arguments,
                                         struct session_options *options, struct error *error) {
    uint64_t max_threshold = SESSION_DEFAULT_MAX_THRESHOLD;
    uint64_t stack_depth = DEFAULT_STACK_DEPTH;
    int status = arguments_number(arguments, "max-threshold", 0, DETECTOR_THRESHOLD_LIMIT,
                                  &max_threshold, error);
    if (status == TMPALLOC_OK)
        status = arguments_number(arguments, "stack-depth", 1, UNWINDER_DEPTH_LIMIT, &stack_depth,
                                  error);
    options->memory_limit_bytes = DEFAULT_MEMORY_LIMIT;
    if (status == TMPALLOC_OK)
        status = arguments_size(arguments, "memory-limit", SMALLEST_MEMORY_LIMIT,
                                LARGEST_MEMORY_LIMIT, &options->memory_limit_bytes, error);
    options->max_threshold = (uint32_t)max_threshold;
    options->stack_depth = (uint32_t)stack_depth;
    return status;
}

static enum session_engine parse_engine(const char *word) {
    enum session_engine engine = SESSION_AUTO;
    while (word && strcmp(word, session_engine_name(engine)) != 0)
        engine++;
    return engine;
}

static int commands_options_read_words(const struct arguments *arguments,
                                       struct session_options *options, struct error *error) {
    options->engine = parse_engine(arguments_get(arguments, "engine"));
    const char *python = arguments_get(arguments, "python");
    if (python && strcmp(python, "auto") != 0)
        options->python = strcmp(python, "on") == 0 ? PYTHON_ON : PYTHON_OFF;
    options->mappings = arguments_given(arguments, "mmap");
    options->only_this_thread = arguments_given(arguments, "this-thread");
    options->once = arguments_given(arguments, "once");
    const char *within = arguments_get(arguments, "within");
    if (within && !(options->within = memory_copy_string(within)))
        return error_no_memory(error);
    const char *suppress = arguments_get(arguments, "suppress");
    int status = TMPALLOC_OK;
    if (suppress)
        status = suppressions_read(suppress, error, &options->suppressions);
    if (status != TMPALLOC_OK)
        return status;
    for (size_t i = 0; i < arguments->value_count; i++) {
        if (strcmp(arguments->values[i].name, "allocator") != 0)
            continue;
        if (strcmp(arguments->values[i].value, "python") == 0) {
            options->object_allocator = true;
            continue;
        }
        status = add_custom(options, arguments->values[i].value, error);
        if (status != TMPALLOC_OK)
            return status;
    }
    return TMPALLOC_OK;
}

int command_start_options(const struct arguments *arguments, struct session_options *ret,
                          struct error *error) {
    struct session_options options = {0};
    int status = commands_options_read_numbers(arguments, &options, error);
    if (status == TMPALLOC_OK)
        status = commands_options_read_words(arguments, &options, error);
    if (status == TMPALLOC_OK)
        *ret = options;
    else
        session_options_deinit(&options);
    return status;
}

int command_threshold(const struct arguments *arguments, uint32_t *ret, struct error *error) {
    static const char *const names[] = {"threshold", "temporary-allocation-threshold"};
    if (arguments_given(arguments, "temporary-allocations"))
        *ret = 1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint64_t value = *ret;
        int status =
            arguments_number(arguments, names[i], 0, DETECTOR_THRESHOLD_LIMIT, &value, error);
        if (status != TMPALLOC_OK)
            return status;
        *ret = (uint32_t)value;
    }
    return TMPALLOC_OK;
}

static enum report_sort parse_sort(const char *word) {
    if (word && strcmp(word, "total") == 0)
        return SORT_TOTAL;
    if (word && strcmp(word, "count") == 0)
        return SORT_COUNT;
    if (word && strcmp(word, "scope") == 0)
        return SORT_SCOPE;
    return word && strcmp(word, "share") == 0 ? SORT_SHARE : SORT_OWN;
}

uint32_t command_columns(const struct tmpalloc_terminal *terminal) {
    return terminal->screen && terminal->columns > 0 ? terminal->columns - 1 : terminal->columns;
}

static int read_tid(const struct command_call *call, int64_t *ret) {
    const char *word = arguments_get(call->arguments, "tid");
    uint64_t tid = 0;
    if (!word || session_finds_thread(call->session, word, ret))
        return TMPALLOC_OK;
    if (strchr(word, '.'))
        return error_set(call->error, TMPALLOC_E_ARGUMENT,
                         "no thread %s: --tid takes the debugger's number of a thread that the "
                         "results are about, or a TID",
                         word);
    int status = number_parse(word, "--tid", 1, INT64_MAX, &tid, call->error);
    *ret = (int64_t)tid;
    return status;
}

int command_report_options(const struct command_call *call, regex_t *filter_ret,
                           struct report_options *ret) {
    const struct arguments *arguments = call->arguments;
    const struct tmpalloc_terminal *terminal = call->terminal;
    if (arguments_given(arguments, "all") && arguments_given(arguments, "same-scope"))
        return error_set(call->error, TMPALLOC_E_ARGUMENT,
                         "--all is about all allocations, --same-scope about temporaries: give one "
                         "of them");
    uint64_t rows = call->session->rows;
    int64_t tid = 0;
    int status = arguments_number(arguments, "rows", 0, REPORT_ROWS_FIT - 1, &rows, call->error);
    if (status == TMPALLOC_OK)
        status = read_tid(call, &tid);
    const char *filter = arguments_get(arguments, "filter");
    if (status == TMPALLOC_OK && filter)
        status = expression_compile(filter, filter_ret, call->error);
    if (status != TMPALLOC_OK)
        return status;
    const char *by = arguments_get(arguments, "by");
    *ret = (struct report_options){
        .sort = parse_sort(arguments_get(arguments, "sort")),
        .rows = (uint32_t)rows,
        .columns = command_columns(terminal),
        .screen = terminal->screen != 0,
        .terminal_rows = terminal->rows,
        .colors = terminal->colors != 0,
        .inclusive = arguments_given(arguments, "inclusive"),
        .by_stack = by && strcmp(by, "stack") == 0,
        .all = arguments_given(arguments, "all"),
        .same_scope = arguments_given(arguments, "same-scope"),
        .filter = filter ? filter_ret : NULL,
        .tid = tid,
        .place = arguments->words[0],
    };
    return TMPALLOC_OK;
}

void command_append_line(const struct tmpalloc_command_info *command, struct text *text) {
    size_t summary = strcspn(command->help, "\n");
    int width = 20 - (int)strlen(command->name) - 1;
    text_printf(text, "  %s %-*s %.*s\n", command->name, width > 0 ? width : 0, command->arguments,
                (int)summary, command->help);
}

void command_append_help(const struct tmpalloc_command_info *command, struct text *text) {
    text_printf(text, "tmpalloc %s%s%s%s\n%s\n", command->name, command->arguments[0] ? " " : "",
                command->arguments, command->options[0].name ? " [OPTION]..." : "", command->help);
    for (const struct tmpalloc_option_info *option = command->options; option->name; option++) {
        text_append(text, "  ");
        if (option->letter)
            text_printf(text, "-%c, ", option->letter);
        text_printf(text, "--%s%s%s\n        %s\n", option->name, option->value ? "=" : "",
                    option->value ? option->value : "", option->help);
        if (!option->choices)
            continue;
        text_append(text, "        accepted:");
        for (const char *const *choice = option->choices; *choice; choice++)
            text_printf(text, " %s", *choice);
        text_append(text, "\n");
    }
}
