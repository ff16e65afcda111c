#include "session/session_marks.h"

#include <string.h>

#include "session/session_engine.h"
#include "session/session_results.h"
#include "support/memory.h"

/* What is kept. */

static size_t find_kept(const struct session_marks *marks, const char *name) {
    size_t i = 0;
    while (i < marks->count && strcmp(marks->names[i], name) != 0)
        i++;
    return i;
}

static int session_mark_add(struct session_marks *marks, const char *name) {
    if (find_kept(marks, name) < marks->count)
        return TMPALLOC_OK;
    if (MEMORY_RESERVE(marks->names, &marks->capacity, marks->count + 1))
        return TMPALLOC_E_NOMEM;
    marks->names[marks->count] = memory_copy_string(name);
    if (!marks->names[marks->count])
        return TMPALLOC_E_NOMEM;
    marks->count++;
    return TMPALLOC_OK;
}

static bool session_mark_drop(struct session_marks *marks, const char *name) {
    size_t i = find_kept(marks, name);
    if (i == marks->count)
        return false;
    memory_release(marks->names[i]);
    marks->names[i] = marks->names[--marks->count];
    return true;
}

void session_marks_deinit(struct session *session) {
    struct session_marks *marks = &session->marks;
    while (marks->count > 0)
        memory_release(marks->names[--marks->count]);
    memory_release(marks->names);
    *marks = (struct session_marks){.count = 0};
}

int session_marks_begin(const struct session *session, struct recording *recording,
                        struct error *error) {
    const struct session_marks *marks = &session->marks;
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < marks->count && status == TMPALLOC_OK; i++)
        status = recording_mark_beginning(recording, marks->names[i], error);
    return status;
}

static bool is_before_results(const struct session *session) {
    if (session->loaded || session->core_problem[0])
        return false;
    return !session->recording || session->state == SESSION_WAITING;
}

static int session_mark_keep(struct session *session, const char *name, struct text *text,
                             struct error *error) {
    int status = error_of_status(error, session_mark_add(&session->marks, name));
    if (status == TMPALLOC_OK && session->recording)
        status = recording_mark_beginning(session->recording, name, error);
    if (status != TMPALLOC_OK)
        return status;
    text_printf(text, "tmpalloc: mark %s set, at the beginning of the results\n", name);
    return TMPALLOC_OK;
}

/* Commands. */

static int refuse_stop_mark(const char *name, struct error *error) {
    if (strcmp(name, SESSION_STOP_MARK) != 0)
        return TMPALLOC_OK;
    return error_set(error, TMPALLOC_E_ARGUMENT,
                     "%s is no name for a mark: with --since it is the last stop", name);
}

int session_mark(struct session *session, const char *name, struct text *text,
                 struct error *error) {
    int status = refuse_stop_mark(name, error);
    if (status != TMPALLOC_OK)
        return status;
    if (is_before_results(session))
        return session_mark_keep(session, name, text, error);
    status = session_need_latest(session, error);
    if (status != TMPALLOC_OK)
        return status;
    status = session_engine_update_all(session, error);
    if (status != TMPALLOC_OK)
        return status;
    status = recording_mark(session->recording, name, error);
    if (status != TMPALLOC_OK)
        return status;
    text_printf(text, "tmpalloc: mark %s set\n", name);
    return TMPALLOC_OK;
}

static void append_kept(const struct session_marks *marks, struct text *text) {
    for (size_t i = 0; i < marks->count; i++)
        text_printf(text, "%s: kept for 'tmpalloc start'\n", marks->names[i]);
}

int session_marks_list(struct session *session, struct text *text, struct error *error) {
    const struct session_marks *marks = &session->marks;
    bool only_kept = !session->recording && marks->count > 0;
    int status = only_kept ? TMPALLOC_OK : session_need_recording(session, error);
    if (status != TMPALLOC_OK)
        return status;
    if (only_kept)
        append_kept(marks, text);
    else if (session->recording->mark_count == 0)
        text_append(text, "tmpalloc: no marks: 'tmpalloc mark NAME' sets one\n");
    else
        recording_append_marks(session->recording, text);
    return TMPALLOC_OK;
}

static int session_marks_forget(struct session *session, const char *name, struct error *error) {
    bool was_kept = name ? session_mark_drop(&session->marks, name) : session->marks.count > 0;
    int status = TMPALLOC_OK;
    if (!name)
        session_marks_deinit(session);
    if (!session->recording)
        return was_kept ? TMPALLOC_OK : session_need_recording(session, error);
    if (name)
        status = recording_forget_mark(session->recording, name, error);
    else
        recording_forget_marks(session->recording);
    return was_kept ? TMPALLOC_OK : status;
}

int session_marks_delete(struct session *session, const char *name, struct text *text,
                         struct error *error) {
    int status = name ? refuse_stop_mark(name, error) : TMPALLOC_OK;
    if (status == TMPALLOC_OK && (session->loaded || session->core_problem[0]))
        status = session_need_recording(session, error);
    if (status == TMPALLOC_OK)
        status = session_marks_forget(session, name, error);
    if (status != TMPALLOC_OK)
        return status;
    text_printf(text, "tmpalloc: %s%s deleted\n", name ? "mark " : "all marks", name ? name : "");
    return TMPALLOC_OK;
}
