#include <stdlib.h>
#include <string.h>

#include "profile/locations.h"
#include "profile/profile_advice.h"
#include "profile/profile_names.h"
#include "profile/stack_filter.h"
#include "reports/report_list_lines.h"
#include "reports/report_selection.h"
#include "support/memory.h"
#include "support/progress.h"

#define PATHS_NAMED 3

/* What the word of the command means. */
struct target {
    const char *word;
    size_t length;   /* without a line */
    uint32_t line;   /* 0: none */
    bool is_file;    /* else a function */
    uint8_t *meant;  /* by number of the location */
    size_t how_many; /* of them */
};

static bool ends_with(const char *string, const char *end, size_t length) {
    size_t whole = strlen(string);
    return whole >= length && strncmp(string + whole - length, end, length) == 0;
}

/* "/a/util.c" for "util.c" */
static bool is_file(const struct target *target, const char *path) {
    return path && text_ends_path(path, target->word, target->length);
}

/* "std::string::append" for "append" */
static bool is_name(const struct target *target, const char *name) {
    size_t before = strlen(name) - target->length;
    if (!ends_with(name, target->word, target->length))
        return false;
    return before == 0 || name[before - 1] == '.' ||
           (before > 1 && name[before - 1] == ':' && name[before - 2] == ':');
}

static bool is_function(const struct target *target, const struct symbol *symbol) {
    struct text name;
    if (!symbol->function)
        return false;
    if (is_name(target, symbol->function))
        return true;
    text_init(&name);
    profile_append_short_name(&name, symbol);
    bool same = is_name(target, text_get(&name));
    text_deinit(&name);
    return same;
}

static void split_line(struct target *target) {
    const char *colon = strrchr(target->word, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    target->length = strlen(target->word);
    if (digits == 0 || digits > 9 || colon[1 + digits])
        return;
    target->length = (size_t)(colon - target->word);
    target->line = (uint32_t)strtoul(colon + 1, NULL, 10);
}

static void mark_meant(struct target *target, const struct locations *locations) {
    for (uint32_t i = 0; i < locations_count(locations); i++) {
        const struct symbol *symbol = locations_get(locations, i);
        target->meant[i] =
            target->is_file ? is_file(target, symbol->file) : is_function(target, symbol);
        target->how_many += target->meant[i];
    }
}

/* A function, where one has that name. */
static int report_list_find_target(struct target *target, const struct locations *locations,
                                   struct error *error) {
    target->meant = memory_allocate_zeroed(locations_count(locations) + 1, 1);
    if (!target->meant)
        return error_no_memory(error);
    split_line(target);
    target->is_file = target->line > 0 || strchr(target->word, '/');
    mark_meant(target, locations);
    if (target->how_many == 0 && !target->is_file) {
        target->is_file = true;
        mark_meant(target, locations);
    }
    if (target->how_many > 0)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_ARGUMENT,
                     "no function or source file '%.*s' in any recorded call stack",
                     (int)target->length, target->word);
}

static int report_list_intern_frames(const struct profile *profile, struct locations *locations) {
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_stack *stack = &profile->sites[i].stack;
        if (progress_step("reading", i, profile->site_count, "call sites") != TMPALLOC_OK)
            return TMPALLOC_E_INTERRUPTED;
        for (size_t k = 0; k < stack->count; k++) {
            if (locations_intern(locations, stack->symbols[k]) == LOCATION_NONE)
                return TMPALLOC_E_NOMEM;
        }
    }
    return TMPALLOC_OK;
}

/* A basename may be that of several files, of which the user is to name one. */
static int check_files(const struct target *target, const struct locations *locations,
                       struct error *error) {
    const char *paths[PATHS_NAMED + 1];
    size_t count = 0;
    if (!target->is_file)
        return TMPALLOC_OK;
    for (uint32_t i = 0; i < locations_count(locations) && count <= PATHS_NAMED; i++) {
        const char *file = locations_get(locations, i)->file;
        size_t known = 0;
        if (!target->meant[i])
            continue;
        while (known < count && strcmp(paths[known], file) != 0)
            known++;
        if (known == count)
            paths[count++] = file;
    }
    if (count <= 1)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_ARGUMENT, "several files are '%.*s': %s, %s%s%s%s",
                     (int)target->length, target->word, paths[0], paths[1], count > 2 ? ", " : "",
                     count > 2 ? paths[2] : "", count > PATHS_NAMED ? ", ..." : "");
}

static int collect_lines(const struct profile *profile, const struct report_options *options,
                         const struct target *target, struct locations *locations,
                         struct source_lines *lines) {
    struct stack_filter *filter = NULL;
    int status = stack_filter_create(options->filter, 1, &filter);
    for (size_t i = 0; i < profile->site_count && status == TMPALLOC_OK; i++) {
        const struct profile_site *site = &profile->sites[i];
        struct report_amount amount = report_select(site, options);
        uint32_t number = locations_intern(locations, profile_location(site));
        if (amount.count > 0 && target->meant[number] && stack_filter_matches(filter, &site->stack))
            status = source_lines_add(lines, site, amount);
    }
    if (status == TMPALLOC_OK && stack_filter_failed(filter))
        status = TMPALLOC_E_NOMEM;
    stack_filter_destroy(filter);
    return status;
}

static void report_list_append_nothing(const struct profile *profile, const struct target *target,
                                       struct text *text) {
    text_printf(text, "No temporary allocations at threshold %u in ", profile->threshold);
    text_append_bytes(text, target->word, target->length);
    text_append(text, " itself; ");
    text_append_count(text, profile->count);
    text_append(text, " elsewhere.\n");
}

static const char *first_file(const struct target *target, const struct locations *locations) {
    uint32_t i = 0;
    while (!target->meant[i])
        i++;
    return locations_get(locations, i)->file;
}

static int report_list_list(const struct profile *profile, const struct report_options *options,
                            struct target *target, struct locations *locations,
                            struct source_lines *lines, struct text *text, struct error *error) {
    int status = report_list_intern_frames(profile, locations);
    if (status == TMPALLOC_OK)
        status = report_list_find_target(target, locations, error);
    if (status == TMPALLOC_OK)
        status = check_files(target, locations, error);
    if (status == TMPALLOC_OK)
        status = collect_lines(profile, options, target, locations, lines);
    if (status == TMPALLOC_OK && target->line > 0)
        status = source_lines_add_place(lines, first_file(target, locations), target->line);
    if (status != TMPALLOC_OK)
        return status;
    if (!source_lines_any(lines))
        report_list_append_nothing(profile, target, text);
    return source_lines_print(lines, options, text);
}

int report_list(const struct profile *profile, const struct report_options *options,
                struct text *text, struct error *error) {
    struct target target = {.word = options->place};
    struct source_lines lines = {0};
    struct locations *locations = NULL;
    int status = locations_create(&locations);
    if (status == TMPALLOC_OK)
        status = report_list_list(profile, options, &target, locations, &lines, text, error);
    memory_release(target.meant);
    source_lines_deinit(&lines);
    locations_destroy(locations);
    return status == TMPALLOC_E_ARGUMENT ? status : report_end(status, text, error);
}
