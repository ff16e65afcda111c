#include "session/session_watch.h"

#include <inttypes.h>

#include "profile/profile_names.h"
#include "reports/report_selection.h"
#include "session/session_engine.h"
#include "session/session_results.h"
#include "session/session_view.h"

static void session_watch_append_location(const struct session *session, struct text *text) {
    const struct profile_view view = session_view(session);
    const struct symbol *location =
        recording_find_location(session->recording, &view, session->watch.stack);
    if (location)
        profile_append_location(text, location);
}

/* The largest number of bytes that can be watched at once. */
static uint32_t session_watch_watchable(const struct processor *processor, uint64_t size_bytes) {
    uint32_t bytes = processor ? processor->watch_bytes : 1;
    while (bytes > size_bytes)
        bytes /= 2;
    return bytes;
}

static void stop_awaiting(struct session *session) {
    session->watch.state = WATCH_NOTHING;
    session->catches.engine.awaited_stack = ENGINE_NO_STACK;
    session->catches.engine.watched = 0;
}

/* The stack has allocated a block; called while a hit is handled. */
static void session_watch_allocated(void *arg, uint64_t address, uint64_t size_bytes) {
    struct session *session = arg;
    struct session_watch *watch = &session->watch;
    struct error error;
    uint32_t bytes = session_watch_watchable(session->host.processor, size_bytes);
    stop_awaiting(session);
    if (bytes == 0) {
        host_message(&session->host, "tmpalloc: watch: the block has no bytes to be watched");
        return;
    }
    if (host_insert_watchpoint(&session->host, address, bytes, &error) != TMPALLOC_OK) {
        host_message(&session->host, "tmpalloc: watch: %s", error.text);
        return;
    }
    watch->state = WATCH_BLOCK;
    watch->address = session->catches.engine.watched = address;
    watch->size_bytes = size_bytes;
    watch->bytes = bytes;
    session_engine_set_catches(session, NULL);
    struct text text;
    text_init(&text);
    text_printf(&text, "tmpalloc: watch: 0x%" PRIx64 " of ", address);
    text_append_size(&text, size_bytes);
    text_append(&text, " at ");
    session_watch_append_location(session, &text);
    text_printf(&text, ", its first %" PRIu32 " byte%s until it is freed", bytes,
                text_plural(bytes));
    host_show(&session->host, text_get(&text));
    text_deinit(&text);
}

static void tell_unused(struct session *session, uint64_t address, uint32_t bytes) {
    if (host_debug_registers(&session->host) == DEBUG_REGISTERS_FIRE)
        host_message(&session->host,
                     "tmpalloc: watch: 0x%" PRIx64 " is freed, its first %" PRIu32
                     " byte%s never read and never written",
                     address, bytes, bytes == 1 ? " was" : "s were");
    else
        host_message(&session->host,
                     "tmpalloc: watch: 0x%" PRIx64 " is freed, no use of it was seen (it is not "
                     "known whether this target's watchpoints ever fire)",
                     address);
}

/* It is about to be freed; called while a hit is handled. */
static void session_watch_freed(void *arg) {
    struct session *session = arg;
    uint64_t address = session->watch.address;
    uint32_t bytes = session->watch.bytes;
    uint64_t uses;
    bool known = host_end_watchpoint(&session->host, &uses, NULL) == TMPALLOC_OK;
    stop_awaiting(session);
    session_engine_set_catches(session, NULL);
    if (!known)
        host_message(&session->host, "tmpalloc: watch: 0x%" PRIx64 " is freed", address);
    else if (uses == 0)
        tell_unused(session, address, bytes);
    else
        host_message(&session->host,
                     "tmpalloc: watch: 0x%" PRIx64 " is freed after %" PRIu64 " use%s", address,
                     uses, text_plural(uses));
}

void session_watch_init(struct session *session) {
    struct engine_catches *engine = &session->catches.engine;
    engine->allocated = session_watch_allocated;
    engine->freed = session_watch_freed;
    engine->awaited_stack = ENGINE_NO_STACK;
}

void session_watch_end(struct session *session) {
    uint64_t unused;
    if (session->watch.state == WATCH_BLOCK)
        host_end_watchpoint(&session->host, &unused, NULL);
    stop_awaiting(session);
}

static int session_watch_find_stack(struct session *session, uint32_t site, uint32_t *ret,
                                    struct error *error) {
    const struct recording_query query = {.view = session_view(session)};
    const struct profile_site *found;
    struct profile *profile;
    int status = session_profile(session, &query, error, &profile);
    if (status != TMPALLOC_OK)
        return status;
    status = report_find_site(profile, site, &found, error);
    for (size_t i = 0; status == TMPALLOC_OK && i < found->part_count; i++) {
        if (found->parts[i]->id == site)
            *ret = found->parts[i]->stack_number;
    }
    profile_destroy(profile);
    return status;
}

static int session_watch_forget(struct session *session, struct error *error) {
    session_watch_end(session);
    int status = session_engine_await(session, error);
    return status == TMPALLOC_OK ? session_engine_set_catches(session, error) : status;
}

int session_watch_site(struct session *session, uint32_t site, struct text *text,
                       struct error *error) {
    struct session_watch *watch = &session->watch;
    uint32_t stack = ENGINE_NO_STACK;
    if (session->state != SESSION_TRACKING)
        return error_set(error, TMPALLOC_E_STATE,
                         "no process is tracked whose blocks could be watched: run to a stop");
    if (session->chosen == SESSION_HARDWARE)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "the hardware engine leaves no debug register for a watchpoint: use "
                         "--engine breakpoint");
    if (!host_has_watchpoints(&session->host))
        return error_set(error, TMPALLOC_E_UNSUPPORTED, "this debugger has no watchpoints");
    if (host_debug_registers(&session->host) == DEBUG_REGISTERS_ARE_IGNORED)
        return error_set(error, TMPALLOC_E_UNSUPPORTED,
                         "this machine accepts hardware watchpoints, and none ever fires (as on "
                         "some virtual machines): nothing would be seen of the block's uses");
    int status = session_need_recording(session, error);
    if (status == TMPALLOC_OK)
        status = session_watch_find_stack(session, site, &stack, error);
    if (status == TMPALLOC_OK)
        status = session_watch_forget(session, error);
    if (status != TMPALLOC_OK)
        return status;
    session->catches.engine.awaited_stack = stack;
    status = session_engine_await(session, error);
    if (status != TMPALLOC_OK) {
        stop_awaiting(session);
        return status;
    }
    *watch = (struct session_watch){.state = WATCH_NEXT, .stack = stack};
    text_printf(text, "tmpalloc: watch: waiting for the next block of site %" PRIu32 ", ", site);
    session_watch_append_location(session, text);
    text_append(text, "\n");
    return TMPALLOC_OK;
}

int session_watch_delete(struct session *session, struct text *text, struct error *error) {
    if (session->watch.state == WATCH_NOTHING)
        return error_set(error, TMPALLOC_E_STATE,
                         "nothing is watched: 'tmpalloc watch SITE' begins");
    int status = session_watch_forget(session, error);
    if (status != TMPALLOC_OK)
        return status;
    text_append(text, "tmpalloc: nothing is watched any more\n");
    return TMPALLOC_OK;
}

void session_watch_append(struct session *session, struct text *text) {
    const struct session_watch *watch = &session->watch;
    if (watch->state == WATCH_NOTHING)
        return;
    text_printf(text, "%-20s", "watch");
    if (watch->state == WATCH_NEXT) {
        text_append(text, "the next block at ");
    } else {
        text_printf(text, "0x%" PRIx64 " of ", watch->address);
        text_append_size(text, watch->size_bytes);
        text_append(text, " at ");
    }
    session_watch_append_location(session, text);
    text_append(text, "\n");
}
