#include "session/session_catch.h"

#include <inttypes.h>
#include <string.h>

#include "profile/expressions.h"
#include "profile/profile_build.h"
#include "profile/stack_filter.h"
#include "reports/report_caught.h"
#include "reports/report_width.h"
#include "session/session_engine.h"
#include "session/session_matches.h"
#include "session/session_results.h"
#include "session/session_view.h"
#include "support/memory.h"

static uint32_t bit_of(size_t place) {
    return UINT32_C(1) << place;
}

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
            matches |= bit_of(i);
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
}

/* What is decided of stacks is void; the engine is to be told. */
static void session_catch_changed(struct session_catches *catches) {
    catches->engine.generation++;
    map_clear(&catches->decided);
}

static void session_catch_clear(struct session_catches *catches, size_t place) {
    struct session_catch *catch = &catches->items[place];
    if (catch->at)
        regfree(&catch->regex);
    memory_release(catch->at);
    *catch = (struct session_catch){.id = 0};
    catches->engine.active &= ~bit_of(place);
}

void session_catches_deinit(struct session *session) {
    struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < ENGINE_CATCHES; i++)
        session_catch_clear(catches, i);
    map_deinit(&catches->decided);
    memory_release(catches->engine.caught);
}

void session_catches_begin(struct session *session) {
    struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < ENGINE_CATCHES; i++)
        catches->engine.items[i].matches = 0;
    catches->shown_count = 0;
    catches->engine.caught_count = 0;
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
    if (!session_is_active(session))
        return error_set(error, TMPALLOC_E_STATE,
                         "nothing is tracked that could be caught: 'tmpalloc start' begins");
    int status = session_check_threshold(options->threshold, session->options.max_threshold, error);
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
    catches->engine.active |= bit_of(place);
    catches->engine.anywhere &= ~bit_of(place);
    if (!added.at)
        catches->engine.anywhere |= bit_of(place);
    session_catch_changed(catches);
    status = session_engine_set_catches(session, error);
    if (status != TMPALLOC_OK) {
        session_catch_clear(catches, place);
        return status;
    }
    catches->last_id = added.id;
    text_printf(text, "tmpalloc: catch %" PRIu32 ": ", added.id);
    append_filters(catches, place, text);
    append_unmatched(session, &catches->items[place], text);
    text_append(text, "\n");
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
        session_catch_clear(catches, i);
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

void session_catches_append(struct session *session, struct text *text) {
    const struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (catches->items[i].id == 0)
            continue;
        text_printf(text, "catch %-14" PRIu32, catches->items[i].id);
        append_filters(catches, i, text);
        text_append(text, ": ");
        text_append_count(text, catches->engine.items[i].matches);
        text_append(text, catches->engine.items[i].matches == 1 ? " match" : " matches");
        if (!session_is_active(session))
            text_append(text, ", rests until 'tmpalloc start'");
        text_append(text, "\n");
    }
}

/* Stops. */

void session_catches_hit(struct session *session) {
    struct session_catches *catches = &session->catches;
    const struct engine_caught *caught = &catches->engine.caught[catches->engine.caught_count - 1];
    bool any = false;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        struct session_catch *catch = &catches->items[i];
        catch->done |= catch->once && caught->catches & bit_of(i);
        any |= catch->done;
        if (catch->done)
            catches->engine.active &= ~bit_of(i);
    }
    if (any)
        session_engine_set_catches(session, NULL);
}

static void append_names(const struct session_catches *catches, uint32_t bits, struct text *text) {
    text_append(text, bits & (bits - 1) ? "catches" : "catch");
    const char *separator = " ";
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (!(bits & bit_of(i)))
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
static uint32_t session_catch_find_site(struct session *session, uint32_t stack) {
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

/* As the first of the catches wants it. */
static struct profile_view view_of(const struct session *session,
                                   const struct engine_caught *caught) {
    struct profile_view view = session_view(session);
    size_t place = 0;
    while (place + 1 < ENGINE_CATCHES && !(caught->catches & bit_of(place)))
        place++;
    view.by = session->catches.items[place].by;
    return view;
}

static void append_text(struct session *session, const struct engine_caught *caught, uint32_t site,
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
        .site = site,
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
static int session_catch_find_frame(const struct session *session,
                                    const struct engine_caught *caught, struct profile_stack *stack,
                                    size_t *ret) {
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

static void select_frame(struct session *session, const struct engine_caught *caught) {
    struct profile_stack stack;
    size_t location;
    if (caught->free_stack == ENGINE_NO_STACK ||
        session_catch_find_frame(session, caught, &stack, &location) != TMPALLOC_OK)
        return;
    uint32_t inlined = 0;
    while (inlined < location && stack.symbols[location - inlined - 1]->inlined)
        inlined++;
    struct error error;
    if (host_select_frame(&session->host, caught->thread, stack.symbols[location]->address, inlined,
                          &error) != TMPALLOC_OK)
        host_message(&session->host, "tmpalloc: catch: %s", error.text);
    profile_stack_release(&stack);
}

static void name_numbers(struct session *session, const struct engine_caught *caught,
                         uint32_t site) {
    const struct {
        const char *name;
        uint64_t number;
    } numbers[] = {{"addr", caught->address},
                   {"size", caught->size_bytes},
                   {"distance", caught->distance},
                   {"site", site}};
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

static void session_catch_show(struct session *session, const struct engine_caught *caught) {
    struct text text;
    text_init(&text);
    uint32_t site = session_catch_find_site(session, caught->stack);
    append_text(session, caught, site, &text);
    show_wrapped(session, &text);
    text_deinit(&text);
    name_numbers(session, caught, site);
    select_frame(session, caught);
}

void session_catches_show(struct session *session) {
    struct session_catches *catches = &session->catches;
    for (size_t i = 0; i < catches->engine.caught_count; i++)
        session_catch_show(session, &catches->engine.caught[i]);
    catches->shown_count = catches->engine.caught_count;
    catches->engine.caught_count = 0;
    for (size_t i = 0; i < ENGINE_CATCHES; i++) {
        if (catches->items[i].done)
            session_catch_clear(catches, i);
    }
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
