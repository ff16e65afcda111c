#include "session/session_matches.h"

#include <ctype.h>
#include <string.h>

#include "names/function_names.h"

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

bool session_knows_path(const struct session *session, const regex_t *at) {
    const struct recording *recording = session->recording;
    struct search search = {.at = at};
    if (session->loaded)
        return !at;
    if (!recording || !recording->tracked || session->options.within)
        return false;
    return !at || (function_names_for_each(recording->modules, look_at, &search) == TMPALLOC_OK &&
                   search.found);
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
