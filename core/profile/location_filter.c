#include "profile/location_filter.h"
#include "profile/profile_names.h"

/* What could not be written counts as a match: the caller sees scratch->failed. */
static bool matches(const regex_t *filter, const struct text *scratch) {
    return scratch->failed || regexec(filter, text_get(scratch), 0, NULL, 0) == 0;
}

int location_filter_compile(const char *pattern, regex_t *ret, struct error *error) {
    int problem = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);
    if (problem == 0)
        return TMPALLOC_OK;
    char reason[128];
    regerror(problem, ret, reason, sizeof(reason));
    return error_set(error, TMPALLOC_E_ARGUMENT, "bad regular expression '%s': %s", pattern,
                     reason);
}

bool location_matches(const regex_t *filter, const struct symbol *location, struct text *scratch) {
    text_clear(scratch);
    if (!filter)
        return true;
    profile_append_location(scratch, location);
    if (matches(filter, scratch))
        return true;
    text_clear(scratch);
    profile_append_frame(scratch, location);
    return matches(filter, scratch);
}
