#include "profile/profile_advice.h"

#include <string.h>

#include "names/name_lists.h"

/* One size is enough for so many of a site's buffers. */
#define MOST_PERCENT 90

enum language { LANGUAGE_C, LANGUAGE_CXX, LANGUAGE_RUST, LANGUAGE_PYTHON, LANGUAGE_PYTHON_TEXT };

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

/* Growth. */

bool profile_adds_text(const char *function) {
    static const char *const names[] = {
        "PyUnicode_Append*",    "PyUnicode_Concat*",
        "PyUnicode_Resize*",    "unicode_resize*",
        "unicode_concatenate*", "resize_compact*",
        "PyBytes_Concat*",      "_PyBytes_Resize*",
        "bytes_concat*",        NULL,
    };
    return function && name_is_like_one_of(function, names);
}

static bool has_extension(const char *file, const char *const *extensions) {
    const char *point = file ? strrchr(file, '.') : NULL;
    while (point && *extensions && strcmp(point + 1, *extensions) != 0)
        extensions++;
    return point && *extensions;
}

/* Headers, and code without debug information, by what they call to allocate. */
static enum language called_language(const struct profile_site *site) {
    static const char *const rust[] = {"alloc::*", "<alloc::*", "__rust_*", NULL};
    static const char *const cxx[] = {"std::*", "operator new*", NULL};
    for (size_t i = 0; i <= site->location; i++) {
        const char *function = site->stack.symbols[i]->function;
        if (function && name_is_like_one_of(function, rust))
            return LANGUAGE_RUST;
        if (function && name_is_like_one_of(function, cxx))
            return LANGUAGE_CXX;
    }
    return LANGUAGE_C;
}

static enum language language_of(const struct profile_site *site) {
    static const char *const c[] = {"c", NULL}, *const rust[] = {"rs", NULL};
    static const char *const cxx[] = {"cc", "cpp", "cxx", "C", "hpp", "hh", "hxx", "tcc", NULL};
    const struct symbol *location = profile_location(site);
    if (location->python)
        return site->adds_text ? LANGUAGE_PYTHON_TEXT : LANGUAGE_PYTHON;
    if (has_extension(location->file, c))
        return LANGUAGE_C;
    if (has_extension(location->file, rust))
        return LANGUAGE_RUST;
    return has_extension(location->file, cxx) ? LANGUAGE_CXX : called_language(site);
}

/* Bytes that are enough for most buffers; UINT64_MAX: for all of them the largest is needed. */
static uint64_t enough_for_most(const struct chain_counters *chains, uint64_t *buffers_ret) {
    uint64_t buffers = 0;
    for (uint32_t k = 0; k < CHAIN_SIZES - 1; k++) {
        buffers += chains->final_sizes[k];
        if (buffers >= chains->count || UINT64_C(1) << k >= chains->largest)
            break;
        if ((double)buffers * 100 < (double)chains->count * MOST_PERCENT)
            continue;
        *buffers_ret = buffers;
        return UINT64_C(1) << k;
    }
    *buffers_ret = chains->count;
    return UINT64_MAX;
}

static const char *profile_advice_reserve(enum language language, bool several) {
    static const char *const words[][2] = {
        [LANGUAGE_C] = {"allocate it once with that size", "allocate each once with that size"},
        [LANGUAGE_CXX] = {"reserve that size once", "reserve that size once for each"},
        [LANGUAGE_RUST] = {"make it with_capacity of that size",
                           "make each with_capacity of that size"},
        [LANGUAGE_PYTHON] = {"reserve that size once", "preallocate each with that size"},
        [LANGUAGE_PYTHON_TEXT] = {"join the parts once", "join the parts of each once"},
    };
    return words[language][several];
}

void profile_append_growth(struct text *text, const struct profile_site *site,
                           const struct chain_counters *chains) {
    uint64_t buffers, enough = enough_for_most(chains, &buffers);
    bool several = chains->count > 1;
    text_append(text, "grows step by step: ");
    text_append_count(text, chains->count);
    text_printf(text, " buffer%s grew ", text_plural(chains->count));
    text_append_count(text, chains->steps);
    text_printf(text, " time%s%s to ", text_plural(chains->steps), several ? ", the largest" : "");
    text_append_count(text, chains->largest);
    text_append(text, "B; ");
    if (enough != UINT64_MAX) {
        text_append_size(text, enough);
        text_append(text, " would do for ");
        text_append_count(text, buffers);
        text_append(text, " of them: ");
    }
    text_printf(text, "%s and %s", profile_advice_reserve(language_of(site), several),
                enough != UINT64_MAX ? "up to " : "");
    text_append_count(text, chains->steps);
    text_printf(text, " allocation%s and %s", text_plural(chains->steps),
                enough != UINT64_MAX ? "" : "up to ");
    text_append_size(text, chains->replaced_bytes);
    text_append(text, " of copying go away");
}

bool profile_grows(const struct profile_site *site, const struct chain_counters *chains) {
    if (!chains)
        return false;
    return site->pattern == PATTERN_GROWS ||
           (site->pattern == PATTERN_MIXED && chains->steps >= site->count / 2);
}

bool profile_append_advice(struct text *text, const struct profile_site *site,
                           const struct chain_counters *chains) {
    if (profile_grows(site, chains)) {
        profile_append_growth(text, site, chains);
        return true;
    }
    double most = (double)site->count * PROFILE_ITSELF_PERCENT / 100;
    bool frees_itself = site->count > 0 && (double)site->same_scope >= most;
    const char *advice = profile_pattern_advice(site->pattern, frees_itself);
    if (advice)
        text_append(text, advice);
    return advice != NULL;
}

void profile_append_advice_between(struct text *text, const char *before,
                                   const struct profile_site *site, const char *after) {
    struct text advice;
    text_init(&advice);
    if (profile_append_advice(&advice, site, site->chains))
        text_printf(text, "%s%s%s", before, text_get(&advice), after);
    text->failed |= advice.failed;
    text_deinit(&advice);
}
