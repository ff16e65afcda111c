#include "profile/profile_suppress.h"
#include "profile/expressions.h"

#include <string.h>

#include "profile/locations.h"
#include "profile/stack_filter.h"
#include "support/file_read.h"
#include "support/memory.h"
#include "support/progress.h"

#define LARGEST_FILE_BYTES (UINT64_C(1) << 20)
#define BLANKS             " \t\r"

struct suppressions {
    regex_t *patterns;
    size_t count;
    size_t capacity;
};

void suppressions_destroy(struct suppressions *suppressions) {
    if (!suppressions)
        return;
    for (size_t i = 0; i < suppressions->count; i++)
        regfree(&suppressions->patterns[i]);
    memory_release(suppressions->patterns);
    memory_release(suppressions);
}

static bool is_word_blank(char character) {
    return strchr(BLANKS, character) != NULL;
}

/* Cuts the line to its expression. */
static char *profile_suppress_trim(char *line) {
    for (char *hash = strchr(line, '#'); hash; hash = strchr(hash + 1, '#')) {
        if (hash == line || is_word_blank(hash[-1])) {
            *hash = '\0';
            break;
        }
    }
    line += strspn(line, BLANKS);
    size_t length = strlen(line);
    while (length > 0 && is_word_blank(line[length - 1]))
        line[--length] = '\0';
    return line;
}

static int add_pattern(struct suppressions *suppressions, const char *pattern,
                       struct error *error) {
    if (MEMORY_RESERVE(suppressions->patterns, &suppressions->capacity, suppressions->count + 1))
        return error_no_memory(error);
    int status = expression_compile(pattern, &suppressions->patterns[suppressions->count], error);
    suppressions->count += status == TMPALLOC_OK;
    return status;
}

static int read_lines(struct suppressions *suppressions, char *text, const char *path,
                      struct error *error) {
    unsigned number = 1;
    for (char *line = text, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        struct error problem;
        const char *pattern = profile_suppress_trim(line);
        int status = *pattern ? add_pattern(suppressions, pattern, &problem) : TMPALLOC_OK;
        if (status != TMPALLOC_OK)
            return error_set(error, status, "%s:%u: %s", path, number, problem.text);
    }
    return TMPALLOC_OK;
}

int suppressions_read(const char *path, struct error *error, struct suppressions **ret) {
    struct suppressions *suppressions = memory_allocate_zeroed(1, sizeof *suppressions);
    if (!suppressions)
        return error_no_memory(error);
    struct text text;
    text_init(&text);
    int status = file_read_whole(path, LARGEST_FILE_BYTES, &text, error);
    if (status == TMPALLOC_OK && text.length > 0)
        status = read_lines(suppressions, text.data, path, error);
    text_deinit(&text);
    if (status == TMPALLOC_OK)
        *ret = suppressions;
    else
        suppressions_destroy(suppressions);
    return status;
}

struct suppression {
    struct profile *profile;
    struct stack_filter *filter;
    struct locations *locations;
    bool *counted; /* by number of the location */
};

/* TMPALLOC_OK or TMPALLOC_E_NOMEM. */
static int leave_out(struct suppression *suppression, const struct profile_site *site) {
    struct profile_suppressed *suppressed = &suppression->profile->suppressed;
    suppressed->count += site->count;
    suppressed->bytes += site->bytes;
    if (site->count == 0)
        return TMPALLOC_OK;
    uint32_t number = locations_intern(suppression->locations, profile_location(site));
    if (number == LOCATION_NONE)
        return TMPALLOC_E_NOMEM;
    suppressed->locations += !suppression->counted[number];
    suppression->counted[number] = true;
    return TMPALLOC_OK;
}

static int profile_suppress_suppress(struct suppression *suppression) {
    struct profile *profile = suppression->profile;
    size_t kept = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct profile_site *site = &profile->sites[i];
        int status = progress_step("comparing", i, profile->site_count, "call sites");
        if (status != TMPALLOC_OK)
            return status;
        if (!stack_filter_matches(suppression->filter, &site->stack))
            profile->sites[kept++] = *site;
        else if (stack_filter_failed(suppression->filter) ||
                 leave_out(suppression, site) != TMPALLOC_OK)
            return TMPALLOC_E_NOMEM;
    }
    profile->site_count = kept;
    profile->block_count = 0; /* their sites have moved */
    return TMPALLOC_OK;
}

int profile_suppress(struct profile *profile, const struct suppressions *suppressions,
                     struct error *error) {
    if (!suppressions || suppressions->count == 0)
        return TMPALLOC_OK;
    struct suppression suppression = {.profile = profile};
    int status = locations_create(&suppression.locations);
    if (status == TMPALLOC_OK)
        status =
            stack_filter_create(suppressions->patterns, suppressions->count, &suppression.filter);
    suppression.counted = memory_allocate_zeroed(profile->site_count, sizeof *suppression.counted);
    if (status == TMPALLOC_OK)
        status = suppression.counted ? profile_suppress_suppress(&suppression) : TMPALLOC_E_NOMEM;
    locations_destroy(suppression.locations);
    stack_filter_destroy(suppression.filter);
    memory_release(suppression.counted);
    return error_of_status(error, status);
}

bool profile_suppressed_site(const struct profile *profile, struct profile_site *ret) {
    static const struct symbol symbol = {.function = "(suppressed)"};
    static const struct symbol *const stack[] = {&symbol};
    const struct profile_suppressed *suppressed = &profile->suppressed;
    *ret = (struct profile_site){.count = suppressed->count,
                                 .bytes = suppressed->bytes,
                                 .stack = {.symbols = stack, .count = 1}};
    return suppressed->count > 0;
}
