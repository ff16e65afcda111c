#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands_table.h"
#include "support/memory.h"

/* What 'tmpalloc set' sets; "" clears it. */
struct setting {
    const char *name;
    int (*set)(const struct command_call *call, const char *name, const char *value);
    void (*append)(const struct session *session, const char *name, struct text *text);
};

static const char *const setting_names[] = {"threshold", "charge", "own",      "foreign",
                                            "wrapper",   "rows",   "suppress", NULL};

static uint32_t highest_threshold(const struct session *session) {
    if (session->loaded)
        return session->loaded->max_threshold;
    return session_need_recording(session, NULL) == TMPALLOC_OK
               ? recording_max_threshold(session->recording)
               : DETECTOR_THRESHOLD_LIMIT;
}

static int set_threshold(const struct command_call *call, const char *name, const char *value) {
    uint64_t threshold = SESSION_DEFAULT_THRESHOLD;
    int status = TMPALLOC_OK;
    if (*value)
        status = number_parse(value, name, 0, DETECTOR_THRESHOLD_LIMIT, &threshold, call->error);
    if (status == TMPALLOC_OK && *value)
        status = session_check_threshold((uint32_t)threshold, highest_threshold(call->session),
                                         call->error);
    if (status == TMPALLOC_OK)
        call->session->threshold = (uint32_t)threshold;
    return status;
}

static void append_threshold(const struct session *session, const char *name, struct text *text) {
    (void)name;
    text_printf(text, "%" PRIu32, session->threshold);
}

static int set_charge(const struct command_call *call, const char *name, const char *value) {
    return charge_settings_set(&call->session->charge, name, value, call->error);
}

static void append_charge(const struct session *session, const char *name, struct text *text) {
    text_append(text, charge_settings_get(&session->charge, name));
}

static int set_rows(const struct command_call *call, const char *name, const char *value) {
    uint64_t rows = REPORT_ROWS_FIT;
    int status = TMPALLOC_OK;
    if (*value)
        status = number_parse(value, name, 0, REPORT_ROWS_FIT - 1, &rows, call->error);
    if (status == TMPALLOC_OK)
        call->session->rows = (uint32_t)rows;
    return status;
}

static void append_rows(const struct session *session, const char *name, struct text *text) {
    (void)name;
    if (session->rows != REPORT_ROWS_FIT)
        text_printf(text, "%" PRIu32, session->rows);
}

/* Wherever the debugger goes, it stays that file. */
static int find_suppressions(const struct command_call *call, const char *value, char **ret) {
    struct suppressions *suppressions = NULL;
    char *path = word_as_file(value);
    int status =
        path ? suppressions_read(path, call->error, &suppressions) : error_no_memory(call->error);
    char *whole = status == TMPALLOC_OK ? realpath(path, NULL) : NULL;
    if (status == TMPALLOC_OK && !(*ret = memory_copy_string(whole ? whole : path)))
        status = error_no_memory(call->error);
    free(whole);
    memory_release(path);
    suppressions_destroy(suppressions);
    return status;
}

static int set_suppress(const struct command_call *call, const char *name, const char *value) {
    (void)name;
    char *path = NULL;
    int status = *value ? find_suppressions(call, value, &path) : TMPALLOC_OK;
    if (status != TMPALLOC_OK)
        return status;
    memory_release(call->session->suppress);
    call->session->suppress = path;
    return TMPALLOC_OK;
}

static void append_suppress(const struct session *session, const char *name, struct text *text) {
    (void)name;
    text_append(text, session->suppress ? session->suppress : "");
}

static const struct setting settings[] = {
    {"threshold", set_threshold, append_threshold},
    {"rows", set_rows, append_rows},
    {"suppress", set_suppress, append_suppress},
    {NULL, set_charge, append_charge}, /* the others */
};

/* NULL leaves in *error what is accepted. */
static const struct setting *find_setting(const char *name, struct error *error) {
    const struct setting *setting = settings;
    size_t i = 0;
    while (setting_names[i] && strcmp(setting_names[i], name) != 0)
        i++;
    while (setting->name && strcmp(setting->name, name) != 0)
        setting++;
    if (setting_names[i])
        return setting;
    struct text names;
    text_init(&names);
    text_append_list(&names, setting_names);
    error_set(error, TMPALLOC_E_ARGUMENT, "no setting '%s': accepted are %s", name,
              text_get(&names));
    text_deinit(&names);
    return NULL;
}

static int run_set(const struct command_call *call) {
    const char *name = call->arguments->words[0], *value = call->arguments->words[1];
    const struct setting *setting = find_setting(name, call->error);
    return setting ? setting->set(call, name, value ? value : "") : TMPALLOC_E_ARGUMENT;
}

static void append_setting(const struct command_call *call, const struct setting *setting,
                           const char *name) {
    text_printf(call->text, "tmpalloc %s is \"", name);
    setting->append(call->session, name, call->text);
    text_append(call->text, "\".\n");
}

static int run_show(const struct command_call *call) {
    const char *wanted = call->arguments->words[0];
    const struct setting *setting = wanted ? find_setting(wanted, call->error) : NULL;
    if (wanted && !setting)
        return TMPALLOC_E_ARGUMENT;
    if (wanted)
        append_setting(call, setting, wanted);
    for (const char *const *name = setting_names; !wanted && *name; name++)
        append_setting(call, find_setting(*name, call->error), *name);
    return TMPALLOC_OK;
}

const struct command command_set = {
    .info =
        {"set", "NAME [VALUE]",
         "Say what commands do by default; without a VALUE nothing is said any more.\n"
         "threshold, rows, suppress: the -t, -r and --suppress of those that have it. charge:\n"
         "caller (the innermost frame that is no language's library), own (that is the\n"
         "program's own) or innermost (that is no allocator). own, foreign, wrapper: a regular\n"
         "expression for frames that are your own, that are others', and that allocate for\n"
         "whoever calls them; it is searched in FUNCTION at FULL/PATH and in the path of the\n"
         "file that the function is in.",
         command_no_options, 1, 2, setting_names},
    .run = run_set,
};

const struct command command_show = {
    .info = {"show", "[NAME]", "Show what 'tmpalloc set' has set.", command_no_options, 0, 1,
             setting_names, .repeats = 1},
    .run = run_show,
};
