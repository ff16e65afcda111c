#include "session/session_caught.h"

#include <inttypes.h>

#include "profile/profile_build.h"
#include "reports/report_caught.h"
#include "reports/report_width.h"
#include "session/session_catch.h"
#include "session/session_engine.h"
#include "session/session_results.h"
#include "session/session_view.h"

/* What is told. */

static void append_names(const struct session_catches *catches, uint32_t bits, struct text *text) {
    text_append(text, bits & (bits - 1) ? "catches" : "catch");
    const char *separator = " ";
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (!(bits & session_catch_bit(i)))
            continue;
        text_printf(text, "%s%" PRIu32, separator, catches->items[i].id);
        separator = ", ";
    }
}

static bool has_stack(const struct profile_site *site, uint32_t stack) {
    size_t i = 0;
    while (i < site->part_count && site->parts[i]->stack_number != stack)
        i++;
    return i < site->part_count;
}

/* The number of the call site in the reports at the session's threshold; 0: it has none. */
static uint32_t session_caught_search_site(struct session *session, uint32_t stack) {
    const struct recording_query query = {.view = session_view(session)};
    struct profile *profile = NULL;
    uint32_t id = 0;
    if (session_need_recording(session, NULL) != TMPALLOC_OK ||
        session_profile(session, &query, NULL, &profile) != TMPALLOC_OK)
        return 0;
    for (size_t i = 0; i < profile->site_count && id == 0; i++)
        id = has_stack(&profile->sites[i], stack) ? profile->sites[i].id : 0;
    profile_destroy(profile);
    return id;
}

/* All results are looked through for it once: a condition may let thousands of matches pass. */
static uint32_t session_caught_find_site(struct session *session, uint32_t stack) {
    struct map *sites = &session->catches.sites;
    uint64_t known;
    if (map_get(sites, stack, &known))
        return (uint32_t)known;
    uint32_t id = session_caught_search_site(session, stack);
    if (id != 0)
        map_put(sites, stack, id); /* without memory it is found out again */
    return id;
}

/* As the first of the catches wants it. */
static struct profile_view view_of(const struct session *session,
                                   const struct engine_caught *caught) {
    struct profile_view view = session_view(session);
    size_t place = 0;
    while (place + 1 < ENGINE_CATCHES && !(caught->catches & session_catch_bit(place)))
        place++;
    view.by = session->catches.items[place].by;
    return view;
}

static void append_text(struct session *session, const struct engine_caught *caught,
                        struct text *text) {
    const struct recording *recording = session->recording;
    const struct profile_view view = view_of(session, caught);
    const struct profile_source source = recording_source(recording, &view);
    struct report_between between[ENGINE_BETWEEN_LIMIT];
    struct profile_stack stack;
    struct text names;
    if (profile_expand(&source, caught->stack, &stack, NULL) != TMPALLOC_OK)
        return;
    for (uint32_t i = 0; i < caught->between_count; i++)
        between[i] = (struct report_between){
            caught->between[i].size_bytes,
            recording_find_location(recording, &view, caught->between[i].stack)};
    text_init(&names);
    append_names(&session->catches, caught->catches, &names);
    const struct report_caught report = {
        .catches = text_get(&names),
        .address = caught->address,
        .size_bytes = caught->size_bytes,
        .distance = caught->distance,
        .site = caught->site,
        .stack = &stack,
        .free_location = recording_find_location(recording, &view, caught->free_stack),
        .between = between,
        .between_count = caught->between_count,
    };
    report_caught(&report, text);
    text_deinit(&names);
    profile_stack_release(&stack);
}

/* The charged one.  Of a Python function, which no frame of the debugger's shows, the innermost one
 * of what it calls that is no allocator. */
static int session_caught_find_frame(const struct session *session,
                                     const struct engine_caught *caught,
                                     struct profile_stack *stack, size_t *ret) {
    struct profile_view view = view_of(session, caught);
    uint32_t number = caught->free_stack;
    view.native_frames = true;
    struct profile_source source = recording_source(session->recording, &view);
    int status = profile_expand(&source, number, stack, ret);
    if (status != TMPALLOC_OK || !stack->symbols[*ret]->python)
        return status;
    profile_stack_release(stack);
    source.by = CHARGE_BY_INNERMOST;
    status = profile_expand(&source, number, stack, ret);
    while (status == TMPALLOC_OK && *ret + 1 < stack->count && stack->symbols[*ret]->python)
        ++*ret;
    return status;
}

struct caught_place {
    uint64_t pc; /* 0: not known */
    uint32_t inlined;
};

static struct caught_place session_caught_find_place(const struct session *session,
                                                     const struct engine_caught *caught) {
    struct profile_stack stack;
    struct caught_place place = {.pc = 0};
    size_t location;
    if (caught->free_stack == ENGINE_NO_STACK ||
        session_caught_find_frame(session, caught, &stack, &location) != TMPALLOC_OK)
        return place;
    place.pc = stack.symbols[location]->address;
    while (place.inlined < location && stack.symbols[location - place.inlined - 1]->inlined)
        place.inlined++;
    profile_stack_release(&stack);
    return place;
}

static void session_caught_select_frame(struct session *session,
                                        const struct engine_caught *caught) {
    const struct caught_place place = session_caught_find_place(session, caught);
    struct error error;
    if (place.pc != 0 && host_select_frame(&session->host, caught->thread, place.pc, place.inlined,
                                           &error) != TMPALLOC_OK)
        host_message(&session->host, "tmpalloc: catch: %s", error.text);
}

static void name_numbers(struct session *session, const struct engine_caught *caught) {
    const struct {
        const char *name;
        uint64_t number;
    } numbers[] = {{"addr", caught->address},
                   {"size", caught->size_bytes},
                   {"distance", caught->distance},
                   {"site", caught->site}};
    struct error error;
    int status = TMPALLOC_OK;
    for (size_t i = 0; status == TMPALLOC_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        status = host_set_variable(&session->host, numbers[i].name, numbers[i].number, &error);
    if (status == TMPALLOC_E_STATE)
        host_show(&session->host, "tmpalloc: in a seccomp sandbox the debugger can't name numbers: "
                                  "its variables are as they were");
    else if (status != TMPALLOC_OK)
        host_message(&session->host, "tmpalloc: catch: %s", error.text);
}

static void show_wrapped(struct session *session, const struct text *text) {
    struct text wrapped;
    text_init(&wrapped);
    width_wrap(&wrapped, text_get(text), session->columns);
    host_show(&session->host, text_get(&wrapped));
    text_deinit(&wrapped);
}

/* Hits. */

static enum tmpalloc_catch_answer session_caught_ask(struct session *session, size_t i,
                                                     const struct engine_caught *caught,
                                                     const struct caught_place *place) {
    enum tmpalloc_catch_answer answer = TMPALLOC_CATCH_STOPS;
    uint32_t id = session->catches.items[i].id;
    struct error error;
    struct text reason;
    text_init(&reason);
    text_printf(&reason, "tmpalloc catch %" PRIu32 ": temporary of ", id);
    text_append_size(&reason, caught->size_bytes);
    int status = host_ask_catch(&session->host, id, place->pc, place->inlined, text_get(&reason),
                                &answer, &error);
    if (status != TMPALLOC_OK && status != TMPALLOC_E_UNSUPPORTED)
        host_message(&session->host, "tmpalloc: catch %" PRIu32 ": %s", id, error.text);
    text_deinit(&reason);
    return answer;
}

/* Leaves in `caught` the catches whose breakpoints stop the program. */
static void session_caught_ask_all(struct session *session, struct engine_caught *caught) {
    const struct caught_place place = session_caught_find_place(session, caught);
    uint32_t asked = caught->catches;
    caught->silent = true;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (!(asked & session_catch_bit(i)))
            continue;
        enum tmpalloc_catch_answer answer = session_caught_ask(session, i, caught, &place);
        if (answer == TMPALLOC_CATCH_PASSES)
            caught->catches &= ~session_catch_bit(i);
        caught->silent &= answer != TMPALLOC_CATCH_STOPS;
    }
}

int session_catches_hit(struct session *session) {
    struct engine_catches *engine = &session->catches.engine;
    struct engine_caught *caught = &engine->caught[engine->caught_count - 1];
    caught->site = session_caught_find_site(session, caught->stack);
    name_numbers(session, caught);
    session_caught_ask_all(session, caught);
    if (caught->catches == 0) {
        engine->caught_count--;
        return TMPALLOC_OK;
    }
    session_catches_stopped(session, caught->catches);
    return TMPALLOC_STOP;
}

/* Stops. */

static void session_caught_show(struct session *session, const struct engine_caught *caught) {
    struct text text;
    text_init(&text);
    append_text(session, caught, &text);
    if (!caught->silent)
        show_wrapped(session, &text);
    text_deinit(&text);
    session_caught_select_frame(session, caught);
}

void session_catches_show(struct session *session) {
    struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < catches->engine.caught_count; i++)
        session_caught_show(session, &catches->engine.caught[i]);
    catches->shown_count = catches->engine.caught_count;
    catches->engine.caught_count = 0;
    session_catches_delete_done(session);
}

bool session_caught_block(const struct session *session, const struct profile *profile,
                          struct profile_block *ret) {
    const struct session_catches *catches = &session->catches;
    const struct engine_caught *caught = catches->engine.caught;
    if (catches->shown_count == 0)
        return false;
    caught += catches->shown_count - 1;
    for (size_t i = 0; i < profile->site_count; i++) {
        if (!has_stack(&profile->sites[i], caught->stack))
            continue;
        *ret = (struct profile_block){.address = caught->address,
                                      .size_bytes = caught->size_bytes,
                                      .age = caught->distance,
                                      .site = &profile->sites[i]};
        return true;
    }
    return false;
}
