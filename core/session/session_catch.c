#include "session/session_catch.h"

#include <inttypes.h>
#include <string.h>

#include "profile/expressions.h"
#include "profile/profile_build.h"
#include "profile/stack_filter.h"
#include "session/session_engine.h"
#include "session/session_matches.h"
#include "session/session_view.h"
#include "support/memory.h"

/* What an allocation matches. */

static bool catch_matches(const struct session_catch *catch, const struct profile_stack *stack) {
    struct stack_filter *filter;
    if (!catch->at || stack_filter_create(&catch->regex, 1, &filter) != TMPALLOC_OK)
        return false;
    bool matches = stack_filter_matches(filter, stack);
    stack_filter_destroy(filter);
    return matches;
}

static uint32_t session_catch_compare(const struct session_catches *catches,
                                      const struct profile_stack *stack) {
    uint32_t matches = 0;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (catch_matches(&catches->items[i], stack))
            matches |= session_catch_bit(i);
    }
    return matches;
}

static uint32_t session_catch_decide(void *arg, uint32_t number) {
    struct session *session = arg;
    struct session_catches *catches = &session->catches;
    const struct profile_view view = session_view(session);
    const struct profile_source source = recording_source(session->recording, &view);
    struct profile_stack stack;
    uint64_t known;
    if (map_get(&catches->decided, number, &known))
        return (uint32_t)known;
    if (profile_expand(&source, number, &stack, NULL) != TMPALLOC_OK)
        return 0;
    uint32_t matches = session_catch_compare(catches, &stack);
    profile_stack_release(&stack);
    map_put(&catches->decided, number, matches); /* without memory it is found out again */
    return matches;
}

/* Life. */

void session_catches_init(struct session *session) {
    struct engine_catches *engine = &session->catches.engine;
    engine->generation = 1;
    engine->decide = session_catch_decide;
    engine->arg = session;
    map_init(&session->catches.decided);
    map_init(&session->catches.sites);
}

/* What is decided of stacks is void; the engine is to be told. */
static void session_catch_changed(struct session_catches *catches) {
    catches->engine.generation++;
    map_clear(&catches->decided);
}

static void session_catch_clear(struct session *session, size_t place) {
    struct session_catches *catches = &session->catches;
    struct session_catch *catch = &catches->items[place];
    if (catch->id != 0)
        host_remove_catch(&session->host, catch->id, NULL);
    if (catch->at)
        regfree(&catch->regex);
    memory_release(catch->at);
    *catch = (struct session_catch){.id = 0};
    catches->engine.active &= ~session_catch_bit(place);
}

void session_catches_deinit(struct session *session) {
    struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < ENGINE_CATCHES; i++)
        session_catch_clear(session, i);
    map_deinit(&catches->decided);
    map_deinit(&catches->sites);
    memory_release(catches->engine.caught);
}

void session_catches_begin(struct session *session) {
    struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < ENGINE_CATCHES; i++)
        catches->engine.items[i].matches = 0;
    catches->shown_count = 0;
    catches->engine.caught_count = 0;
    map_clear(&catches->sites);
    session_catch_changed(catches);
}

/* Commands. */

/* ENGINE_CATCHES: there is no room. */
static size_t find_place(const struct session_catches *catches, uint32_t id) {
    size_t place = 0;
    while (place < ENGINE_CATCHES && catches->items[place].id != id)
        place++;
    return place;
}

static int session_catch_check(const struct session *session,
                               const struct session_catch_options *options, struct error *error) {
    int status =
        session_is_active(session)
            ? session_check_threshold(options->threshold, session->options.max_threshold, error)
            : TMPALLOC_OK;
    if (status != TMPALLOC_OK)
        return status;
    if (find_place(&session->catches, 0) == ENGINE_CATCHES)
        return error_set(error, TMPALLOC_E_STATE,
                         "there are %d catches, the most: 'tmpalloc catch --delete ID' makes room",
                         ENGINE_CATCHES);
    return TMPALLOC_OK;
}

static int session_catch_compile(struct session_catch *catch, const char *at, struct error *error) {
    if (!at)
        return TMPALLOC_OK;
    int status = expression_compile(at, &catch->regex, error);
    if (status != TMPALLOC_OK)
        return status;
    catch->at = memory_copy_string(at);
    if (catch->at)
        return TMPALLOC_OK;
    regfree(&catch->regex);
    return error_no_memory(error);
}

static void append_filters(const struct session_catches *catches, size_t place, struct text *text) {
    const struct session_catch *catch = &catches->items[place];
    const struct catch_filter *filter = &catches->engine.items[place];
    text_printf(text, "threshold %" PRIu32, filter->max_distance);
    if (filter->min_size > 0) {
        text_append(text, ", at least ");
        text_append_size(text, filter->min_size);
    }
    if (catch->at)
        text_printf(text, ", at %s", catch->at);
    if (filter->stop_at > 0)
        text_printf(text, ", match %" PRIu64 " only", filter->stop_at);
    if (catch->once)
        text_append(text, ", once");
}

static void append_unmatched(struct session *session, const struct session_catch *catch,
                             struct text *text) {
    if (catch->at)
        session_append_unmatched(session, &catch->regex, catch->at, text);
}

void session_catches_append_unmatched(struct session *session, struct text *text) {
    for (size_t i = 0; i < ENGINE_CATCHES; i++)
        append_unmatched(session, &session->catches.items[i], text);
}

/* Of the user's, which stands for the catch; some debuggers have none. */
static int session_catch_insert_breakpoint(struct session *session, uint32_t id,
                                           struct error *error) {
    int status = host_insert_catch(&session->host, id, error);
    return status == TMPALLOC_E_UNSUPPORTED ? TMPALLOC_OK : status;
}

static void session_catch_append_number(struct session *session, uint32_t id, struct text *text) {
    uint32_t number;
    if (host_catch_number(&session->host, id, &number, NULL) == TMPALLOC_OK && number != 0)
        text_printf(text, ", breakpoint %" PRIu32, number);
}

static void append_resting(const struct session *session, struct text *text) {
    if (!session_is_active(session))
        text_append(text, ", rests until 'tmpalloc start'");
}

int session_catch_add(struct session *session, const struct session_catch_options *options,
                      struct text *text, struct error *error) {
    struct session_catches *catches = &session->catches;
    struct session_catch added = {
        .id = catches->last_id + 1, .once = options->once, .by = options->by};
    int status = session_catch_check(session, options, error);
    if (status == TMPALLOC_OK)
        status = session_catch_compile(&added, options->at, error);
    if (status != TMPALLOC_OK)
        return status;
    size_t place = find_place(catches, 0);
    catches->items[place] = added;
    catches->engine.items[place] = (struct catch_filter){
        .min_size = options->min_size,
        .stop_at = options->count,
        .max_distance = options->threshold,
    };
    catches->engine.active |= session_catch_bit(place);
    catches->engine.anywhere &= ~session_catch_bit(place);
    if (!added.at)
        catches->engine.anywhere |= session_catch_bit(place);
    session_catch_changed(catches);
    catches->last_id = added.id;
    status = session_catch_insert_breakpoint(session, added.id, error);
    if (status == TMPALLOC_OK)
        status = session_engine_set_catches(session, error);
    if (status != TMPALLOC_OK) {
        session_catch_clear(session, place);
        return status;
    }
    text_printf(text, "tmpalloc: catch %" PRIu32 ": ", added.id);
    append_filters(catches, place, text);
    session_catch_append_number(session, added.id, text);
    append_resting(session, text);
    append_unmatched(session, &catches->items[place], text);
    text_append(text, "\n");
    return TMPALLOC_OK;
}

int session_catches_check(const struct session *session, uint32_t max_threshold,
                          struct error *error) {
    const struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        uint32_t threshold = catches->engine.items[i].max_distance;
        if (catches->items[i].id != 0 && threshold > max_threshold)
            return error_set(error, TMPALLOC_E_ARGUMENT,
                             "catch %" PRIu32 " is about threshold %" PRIu32
                             ": start with --max-threshold %" PRIu32 ", or delete it",
                             catches->items[i].id, threshold, threshold);
    }
    return TMPALLOC_OK;
}

static int refuse_id(const struct session_catches *catches, uint32_t id, struct error *error) {
    struct text names;
    text_init(&names);
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (catches->items[i].id != 0)
            text_printf(&names, "%s%" PRIu32, names.length > 0 ? ", " : ": there are ",
                        catches->items[i].id);
    }
    int status = error_set(error, TMPALLOC_E_ARGUMENT, "no catch %" PRIu32 "%s", id,
                           names.length > 0 ? text_get(&names) : ": there are none");
    text_deinit(&names);
    return status;
}

int session_catch_delete(struct session *session, uint32_t id, struct text *text,
                         struct error *error) {
    struct session_catches *catches = &session->catches;
    size_t place = id != 0 ? find_place(catches, id) : 0, count = 0;
    if (place == ENGINE_CATCHES)
        return refuse_id(catches, id, error);
    for (size_t i = place; i < (id != 0 ? place + 1 : ENGINE_CATCHES); i++) {
        count += catches->items[i].id != 0;
        session_catch_clear(session, i);
    }
    int status = session_engine_set_catches(session, error);
    if (status != TMPALLOC_OK)
        return status;
    if (id != 0)
        text_printf(text, "tmpalloc: catch %" PRIu32 " deleted\n", id);
    else
        text_printf(text, "tmpalloc: %zu catch%s deleted\n", count, count == 1 ? "" : "es");
    return TMPALLOC_OK;
}

static void session_catch_append_row(const struct session *session, size_t place,
                                     struct text *text) {
    const struct session_catches *catches = &session->catches;
    uint64_t matches = catches->engine.items[place].matches;
    text_printf(text, "catch %-14" PRIu32, catches->items[place].id);
    append_filters(catches, place, text);
    text_append(text, ": ");
    text_append_count(text, matches);
    text_append(text, matches == 1 ? " match" : " matches");
    append_resting(session, text);
}

void session_catches_append(const struct session *session, struct text *text) {
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (session->catches.items[i].id == 0)
            continue;
        session_catch_append_row(session, i, text);
        text_append(text, "\n");
    }
}

int session_catches_list(struct session *session, struct text *text, struct error *error) {
    int status = session_engine_update(session, error);
    if (status != TMPALLOC_OK)
        return status;
    size_t before = text->length;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        uint32_t id = session->catches.items[i].id;
        if (id == 0)
            continue;
        session_catch_append_row(session, i, text);
        session_catch_append_number(session, id, text);
        text_append(text, "\n");
    }
    if (text->length == before)
        text_append(text, "tmpalloc: no catches: 'tmpalloc catch -t 1', say, adds one\n");
    return TMPALLOC_OK;
}

/* What ends. */

static bool is_deleted_by_user(struct session *session, uint32_t id) {
    uint32_t number = 0;
    return id != 0 && host_catch_number(&session->host, id, &number, NULL) == TMPALLOC_OK &&
           number == 0;
}

void session_catches_poll(struct session *session) {
    bool any = false;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (!is_deleted_by_user(session, session->catches.items[i].id))
            continue;
        session_catch_clear(session, i);
        any = true;
    }
    if (any && session_is_active(session))
        session_engine_set_catches(session, NULL);
}

void session_catches_stopped(struct session *session, uint32_t bits) {
    struct session_catches *catches = &session->catches;
    bool any = false;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        struct session_catch *catch = &catches->items[i];
        catch->done |= catch->once && bits & session_catch_bit(i);
        any |= catch->done;
        if (catch->done)
            catches->engine.active &= ~session_catch_bit(i);
    }
    if (any)
        session_engine_set_catches(session, NULL);
}

void session_catches_delete_done(struct session *session) {
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (session->catches.items[i].done)
            session_catch_clear(session, i);
    }
}
