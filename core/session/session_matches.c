#include "session/session_matches.h"

#include <ctype.h>
#include <string.h>

#include "names/function_names.h"
#include "profile/stack_filter.h"
#include "session/session_results.h"
#include "session/session_view.h"

static bool may_run_python(const struct session *session) {
    struct module_symbol found;
    return session->options.python != PYTHON_OFF &&
           modules_find_binding(session->recording->modules, "Py_Initialize", FRAME_NO_MODULE,
                                &found);
}

/* "f at a.c:12", "+0x1234": what is matched then is put together for each frame. */
static bool is_about_a_place(const char *pattern) {
    for (const char *colon = pattern; (colon = strchr(colon, ':')); colon++) {
        if (colon[1] != ':' && !isalpha((unsigned char)colon[1]) && colon[1] != '_')
            return true;
        colon += colon[1] == ':';
    }
    return strstr(pattern, " at ") || strstr(pattern, " in ") || strstr(pattern, "0x") ||
           strchr(pattern, '$');
}

struct search {
    const regex_t *at;
    bool found;
};

static bool look_at(void *arg, const char *name) {
    struct search *search = arg;
    search->found = regexec(search->at, name, 0, NULL, 0) == 0;
    return !search->found;
}

static bool is_loaded(const struct session *session, const regex_t *at) {
    struct search search = {.at = at};
    return function_names_for_each(session->recording->modules, look_at, &search) == TMPALLOC_OK &&
           search.found;
}

static bool has_stack(const struct profile *profile, const regex_t *at) {
    struct stack_filter *filter;
    bool found = false;
    if (stack_filter_create(at, 1, &filter) != TMPALLOC_OK)
        return false;
    for (size_t i = 0; i < profile->site_count && !found; i++)
        found = stack_filter_matches(filter, &profile->sites[i].stack);
    found &= !stack_filter_failed(filter);
    stack_filter_destroy(filter);
    return found;
}

/* Whatever mark the results are counted from. */
static bool was_seen(struct session *session, const regex_t *at) {
    const struct recording_query query = {.view = session_view(session)};
    struct profile *profile = NULL;
    struct error error;
    bool found =
        session_profile(session, &query, &error, &profile) == TMPALLOC_OK && has_stack(profile, at);
    profile_destroy(profile);
    return found;
}

bool session_knows_path(struct session *session, const struct profile *profile, const regex_t *at) {
    const struct recording *recording = session->recording;
    if (!at)
        return profile->covered;
    if (session->loaded || !recording->tracked ||
        (recording->within && profile->totals.entries == 0))
        return false;
    return is_loaded(session, at) || was_seen(session, at);
}

void session_append_unmatched(struct session *session, const regex_t *at, const char *pattern,
                              struct text *text) {
    struct search search = {.at = at};
    if (!session->recording || modules_loaded_count(session->recording->modules) == 0 ||
        is_about_a_place(pattern) || may_run_python(session) ||
        function_names_for_each(session->recording->modules, look_at, &search) != TMPALLOC_OK ||
        search.found)
        return;
    text_printf(text,
                "\ntmpalloc: no function, source or library that is loaded matches '%s': one that "
                "is loaded later may",
                pattern);
}
