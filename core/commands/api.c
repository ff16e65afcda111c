#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "commands/commands.h"
#include "commands/commands_options.h"
#include "profile/expressions.h"
#include "session/session_control.h"
#include "session/session_process.h"
#include "session/session_results.h"
#include "support/log.h"
#include "support/memory.h"
#include "support/progress.h"

/* How long a second thread waits for the session. */
#define BUSY_SECONDS 2

struct tmpalloc_session {
    pthread_mutex_t mutex; /* error-checking: entering again on the same thread is refused */
    struct session session;
    struct text output;             /* of the latest command */
    struct progress progress;       /* of the present one */
    atomic_uint_fast64_t lost_hits; /* hits that found the session busy */
    atomic_uint_fast32_t events;    /* which did: a bit for each enum tmpalloc_event */
};

const char *tmpalloc_version(void) {
    return TMPALLOC_VERSION;
}

const struct tmpalloc_command_info *tmpalloc_command(uint32_t i) {
    return commands_get(i);
}

static void tell_log(void *arg, const char *line) {
    host_message(arg, "tmpalloc: %s", line);
}

/* A word of a user who looks for a fault of ours, so it is read once. */
static void choose_log(tmpalloc_session *session) {
    const char *word = getenv("TMPALLOC_LOG");
    if (!log_choose(word))
        host_message(&session->session.host, "tmpalloc: TMPALLOC_LOG is '%.64s': it can be %s",
                     word, log_words);
}

static int api_create_session(const struct tmpalloc_host *host, tmpalloc_session **ret) {
    pthread_mutexattr_t attributes;
    tmpalloc_session *session = memory_allocate_zeroed(1, sizeof(*session));
    if (!session)
        return TMPALLOC_E_NOMEM;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&session->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    session_init(&session->session, host);
    text_init(&session->output);
    choose_log(session);
    *ret = session;
    return TMPALLOC_OK;
}

_Static_assert(sizeof(struct tmpalloc_host) == 280,
               "with other primitives TMPALLOC_HOST_VERSION is another one, too");

int tmpalloc_session_create(const struct tmpalloc_host *host, tmpalloc_session **ret) {
    if (!host || !ret || host->version != TMPALLOC_HOST_VERSION || !host->process ||
        !host->modules || !host->read_memory || !host->read_registers)
        return TMPALLOC_E_ARGUMENT;
    return api_create_session(host, ret);
}

void tmpalloc_session_destroy(tmpalloc_session *session) {
    if (!session)
        return;
    session_deinit(&session->session);
    text_deinit(&session->output);
    pthread_mutex_destroy(&session->mutex);
    memory_release(session);
}

static int api_enter(tmpalloc_session *session) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += BUSY_SECONDS;
    if (pthread_mutex_timedlock(&session->mutex, &deadline) != 0)
        return TMPALLOC_E_BUSY;
    log_to(tell_log, &session->session.host);
    if (session->session.recording)
        tracker_totals(session->session.recording->tracker)->dropped +=
            atomic_exchange(&session->lost_hits, 0);
    return TMPALLOC_OK;
}

static void api_leave(tmpalloc_session *session) {
    log_to(NULL, NULL);
    pthread_mutex_unlock(&session->mutex);
}

static int handle_event(tmpalloc_session *session, tmpalloc_event event) {
    struct error error = {.text = ""};
    int status = session_event(&session->session, event, &error);
    if (status != TMPALLOC_OK)
        host_message(&session->session.host, "tmpalloc: %s", error.text);
    return status;
}

/* Those that a primitive, or another thread, told while the session was busy. */
static void handle_waiting_events(tmpalloc_session *session) {
    uint_fast32_t events = atomic_exchange(&session->events, 0);
    for (tmpalloc_event event = 0; events >> event; event++) {
        if (events >> event & 1)
            handle_event(session, event);
    }
}

/* What a command left is its output, or one line about its failure. */
static int api_finish(tmpalloc_session *session, int status, struct error *error,
                      const char **text_ret) {
    bool interrupted = progress_end(&session->progress);
    if (status == TMPALLOC_OK && session->output.failed)
        status = error_no_memory(error);
    if (status != TMPALLOC_OK && interrupted) /* whatever the interrupted work made of it */
        status = error_set(error, TMPALLOC_E_INTERRUPTED, "interrupted");
    if (status != TMPALLOC_OK) {
        text_clear(&session->output);
        text_printf(&session->output, "%s\n", error->text);
    }
    *text_ret = session->output.failed ? "out of memory\n" : text_get(&session->output);
    handle_waiting_events(session);
    api_leave(session);
    return status;
}

static bool api_tell(void *arg, const char *line) {
    return host_progress(arg, line);
}

static int enter_command(tmpalloc_session *session, uint32_t columns, const char **text_ret) {
    int status = api_enter(session);
    if (status != TMPALLOC_OK) {
        *text_ret = "the session is busy with a stop of the program: try again\n";
        return status;
    }
    text_clear(&session->output);
    struct host *host = &session->session.host;
    progress_begin(&session->progress, api_tell, host, host_is_batch(host) ? 0 : columns);
    return status;
}

int tmpalloc_session_execute(tmpalloc_session *session, const char *line,
                             const struct tmpalloc_terminal *terminal, const char **text_ret) {
    struct error error = {.text = ""};
    int status =
        enter_command(session, terminal && terminal->screen ? terminal->columns : 0, text_ret);
    if (status != TMPALLOC_OK)
        return status;
    status = commands_execute(&session->session, line, terminal, &session->output, &error);
    return api_finish(session, status, &error, text_ret);
}

int tmpalloc_session_data(tmpalloc_session *session, const char *line, const char **text_ret) {
    struct error error = {.text = ""};
    int status = enter_command(session, 0, text_ret);
    if (status != TMPALLOC_OK)
        return status;
    status = commands_data(&session->session, line, &session->output, &error);
    return api_finish(session, status, &error, text_ret);
}

int tmpalloc_session_breakpoint_hit(tmpalloc_session *session, uint64_t id) {
    int status = api_enter(session);
    if (status != TMPALLOC_OK) {
        atomic_fetch_add(&session->lost_hits, 1);
        return status;
    }
    status = session_hit(&session->session, id);
    api_leave(session);
    return status;
}

int tmpalloc_session_event(tmpalloc_session *session, tmpalloc_event event) {
    int status = api_enter(session);
    if (status != TMPALLOC_OK) {
        atomic_fetch_or(&session->events, UINT32_C(1) << event);
        return status;
    }
    status = handle_event(session, event);
    handle_waiting_events(session);
    api_leave(session);
    return status;
}

int tmpalloc_session_count(tmpalloc_session *session, const char *frame, tmpalloc_amounts *ret) {
    regex_t regex;
    if (expression_compile(frame, &regex, NULL) != TMPALLOC_OK)
        return TMPALLOC_E_ARGUMENT;
    int status = api_enter(session);
    if (status == TMPALLOC_OK) {
        status = session_count(&session->session, &regex, ret, NULL);
        api_leave(session);
    }
    regfree(&regex);
    return status;
}
