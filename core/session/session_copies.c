#include "session/session_copies.h"

#include "engines/entry_points.h"

void session_copies_init(struct session *session) {
    map_init(&session->copies.looked);
    text_init(&session->copies.inlined);
}

void session_copies_deinit(struct session *session) {
    map_deinit(&session->copies.looked);
    text_deinit(&session->copies.inlined);
}

void session_copies_forget(struct session *session) {
    map_clear(&session->copies.looked);
    text_clear(&session->copies.inlined);
}

/* A file whose reading the user ends isn't tried again. */
static void look_into(struct session *session, const char *name, uint32_t number, uint32_t module) {
    struct session_copies *copies = &session->copies;
    uint64_t known, key = (uint64_t)number << 32 | module;
    if (!map_get(&copies->looked, key, &known) && map_put(&copies->looked, key, 1) == TMPALLOC_OK)
        entry_points_inlined(session->recording->modules, module, name, &copies->inlined);
}

/* In the file that has the function; where none has, in all of them. */
static void look_for(struct session *session, const char *name, uint32_t number) {
    struct modules *modules = session->recording->modules;
    struct user_functions found;
    if (name[0] == '\0')
        return;
    if (modules_find_user_functions(modules, name, &found)) {
        look_into(session, name, number, found.items[0].symbol.module);
        return;
    }
    for (size_t i = 0; i < modules_loaded_count(modules); i++)
        look_into(session, name, number, modules_loaded(modules, i));
}

static void look_for_all(struct session *session) {
    const struct session_options *options = &session->options;
    uint32_t number = 0;
    if (options->within)
        look_for(session, options->within, number++);
    for (size_t i = 0; i < options->custom_count; i++) {
        look_for(session, options->custom[i].alloc, number++);
        look_for(session, options->custom[i].free, number++);
        look_for(session, options->custom[i].realloc, number++);
    }
}

void session_copies_append(struct session *session, struct text *text) {
    if (!session->options.within && session->options.custom_count == 0)
        return;
    look_for_all(session);
    size_t active;
    const char *left_out = session_entry_points(session, &active)->left_out;
    if (left_out[0])
        text_printf(text, "%snot counted, for nothing tells where the arguments are: %s",
                    text->length > 0 ? "; " : "", left_out);
    if (session->copies.inlined.length > 0)
        text_printf(text, "%s%s", text->length > 0 ? "; " : "", text_get(&session->copies.inlined));
}
