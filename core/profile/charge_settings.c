#include "profile/charge_settings.h"

#include <fnmatch.h>
#include <string.h>

#include "names/name_lists.h"
#include "profile/expressions.h"
#include "support/memory.h"

const char *const charge_by_names[] = {"innermost", "caller", "own", NULL};

enum charge_by charge_by_name(const char *name) {
    if (strcmp(name, "own") == 0)
        return CHARGE_BY_OWN;
    return strcmp(name, "innermost") == 0 ? CHARGE_BY_INNERMOST : CHARGE_BY_CALLER;
}

const char *charge_rule_name(enum charge_by by) {
    const char *const *name = charge_by_names;
    while (charge_by_name(*name) != by)
        name++;
    return *name;
}

/* Expressions. */

static void clear_pattern(struct charge_pattern *pattern) {
    if (pattern->text)
        regfree(&pattern->compiled);
    memory_release(pattern->text);
    *pattern = (struct charge_pattern){0};
}

static int charge_settings_set_pattern(struct charge_pattern *pattern, const char *text,
                                       struct error *error) {
    struct charge_pattern new = {0};
    int status = *text ? expression_compile(text, &new.compiled, error) : TMPALLOC_OK;
    if (status != TMPALLOC_OK)
        return status;
    if (*text && !(new.text = memory_copy_string(text))) {
        regfree(&new.compiled);
        return error_no_memory(error);
    }
    clear_pattern(pattern);
    *pattern = new;
    return TMPALLOC_OK;
}

bool charge_pattern_matches(const struct charge_pattern *pattern, const char *place,
                            const char *module) {
    if (!pattern->text)
        return false;
    return regexec(&pattern->compiled, place, 0, NULL, 0) == 0 ||
           (module && regexec(&pattern->compiled, module, 0, NULL, 0) == 0);
}

/* Settings. */

/* NULL: it is none of the expressions. */
static struct charge_pattern *find_pattern(struct charge_settings *settings, const char *name) {
    if (strcmp(name, "own") == 0)
        return &settings->own;
    if (strcmp(name, "foreign") == 0)
        return &settings->foreign;
    return strcmp(name, "wrapper") == 0 ? &settings->wrapper : NULL;
}

static int refuse_by(const char *value, struct error *error) {
    struct text names;
    text_init(&names);
    text_append_list(&names, charge_by_names);
    int status = error_set(error, TMPALLOC_E_ARGUMENT, "bad value for charge '%s': accepted are %s",
                           value, text_get(&names));
    text_deinit(&names);
    return status;
}

static int set_by(struct charge_settings *settings, const char *value, struct error *error) {
    if (*value && !name_is_one_of(value, charge_by_names))
        return refuse_by(value, error);
    settings->by = charge_by_name(value);
    return TMPALLOC_OK;
}

int charge_settings_set(struct charge_settings *settings, const char *name, const char *value,
                        struct error *error) {
    struct charge_pattern *pattern = find_pattern(settings, name);
    return pattern ? charge_settings_set_pattern(pattern, value, error)
                   : set_by(settings, value, error);
}

const char *charge_settings_get(const struct charge_settings *settings, const char *name) {
    const struct charge_pattern *pattern = find_pattern((struct charge_settings *)settings, name);
    if (!pattern)
        return charge_rule_name(settings->by);
    return pattern->text ? pattern->text : "";
}

/* What the debugger steps over. */

static void release_skip(struct charge_skip *skip) {
    if (skip->function && skip->expression)
        regfree(&skip->compiled);
    memory_release(skip->function);
    memory_release(skip->file);
    memory_release(skip->library);
}

static bool charge_settings_copy_string(const char *string, char **ret) {
    *ret = string ? memory_copy_string(string) : NULL;
    return !string || *ret;
}

static bool copy_skip(const struct charge_skip *from, struct charge_skip *ret) {
    bool complete = charge_settings_copy_string(from->function, &ret->function);
    complete &= charge_settings_copy_string(from->file, &ret->file);
    complete &= charge_settings_copy_string(from->library, &ret->library);
    ret->glob = from->glob;
    return complete;
}

int charge_settings_add_skip(struct charge_settings *settings, const struct charge_skip *skip) {
    struct charge_skip copy = {0};
    if (MEMORY_RESERVE(settings->skips, &settings->skip_capacity, settings->skip_count + 1) ||
        !copy_skip(skip, &copy)) {
        release_skip(&copy);
        return TMPALLOC_E_NOMEM;
    }
    if (skip->expression && copy.function) {
        copy.expression = regcomp(&copy.compiled, copy.function, REG_EXTENDED | REG_NOSUB) == 0;
        if (!copy.expression) {
            release_skip(&copy);
            return TMPALLOC_OK;
        }
    }
    settings->skips[settings->skip_count++] = copy;
    return TMPALLOC_OK;
}

void charge_settings_clear_skips(struct charge_settings *settings) {
    for (size_t i = 0; i < settings->skip_count; i++)
        release_skip(&settings->skips[i]);
    settings->skip_count = 0;
}

static bool matches_file(const struct charge_skip *skip, const char *file) {
    if (!skip->glob)
        return text_ends_path(file, skip->file, strlen(skip->file));
    const char *name = strchr(skip->file, '/') ? NULL : strrchr(file, '/');
    return fnmatch(skip->file, name ? name + 1 : file, 0) == 0;
}

static bool matches_function(const struct charge_skip *skip, const char *function) {
    if (skip->expression)
        return regexec(&skip->compiled, function, 0, NULL, 0) == 0;
    size_t length = strlen(function); /* without the parameters that a debugger may name */
    return strncmp(skip->function, function, length) == 0 &&
           (skip->function[length] == '\0' || skip->function[length] == '(');
}

static bool charge_settings_matches(const struct charge_skip *skip, const char *function,
                                    const char *file, const char *module) {
    return (!skip->function || (function && matches_function(skip, function))) &&
           (!skip->file || (file && matches_file(skip, file))) &&
           (!skip->library ||
            (module && text_ends_path(module, skip->library, strlen(skip->library))));
}

bool charge_settings_skip(const struct charge_settings *settings, const char *function,
                          const char *file, const char *module) {
    for (size_t i = 0; i < settings->skip_count; i++) {
        if (charge_settings_matches(&settings->skips[i], function, file, module))
            return true;
    }
    return false;
}

void charge_settings_deinit(struct charge_settings *settings) {
    clear_pattern(&settings->own);
    clear_pattern(&settings->foreign);
    clear_pattern(&settings->wrapper);
    charge_settings_clear_skips(settings);
    memory_release(settings->skips);
    *settings = (struct charge_settings){0};
}
