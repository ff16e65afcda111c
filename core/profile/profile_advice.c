#include "profile/profile_advice.h"

const char *profile_pattern_name(enum profile_pattern pattern) {
    static const char *const names[] = {"", "grows", "repeats", "mixed"};
    return names[pattern];
}

const char *profile_pattern_advice(enum profile_pattern pattern, bool frees_itself) {
    switch (pattern) {
    case PATTERN_GROWS:
        return "grows step by step: reserve the final size once";
    case PATTERN_REPEATS:
        return frees_itself
                   ? "repeats one size, freed by the function that allocates it: use a local "
                     "variable or keep one buffer"
                   : "repeats one size: reuse a buffer or a pool";
    case PATTERN_MIXED:
        return frees_itself ? "mixed sizes, freed by the function that allocates them: use a local "
                              "variable or keep one buffer"
                            : "mixed sizes: keep one buffer that is large enough for all";
    default:
        return NULL;
    }
}

const char *profile_site_advice(const struct profile_site *site) {
    double most = (double)site->count * PROFILE_ITSELF_PERCENT / 100;
    bool frees_itself = site->count > 0 && (double)site->same_scope >= most;
    return profile_pattern_advice(site->pattern, frees_itself);
}
