#include "session/session_state.h"

#include "support/check.h"
#include "support/log.h"

#define STATE(state) (1u << (state))

static const unsigned followers[] = {
    [SESSION_IDLE] = STATE(SESSION_WAITING) | STATE(SESSION_ENDED), /* a core file has ended */
    [SESSION_WAITING] = STATE(SESSION_TRACKING) | STATE(SESSION_STOPPED) | STATE(SESSION_ENDED),
    [SESSION_TRACKING] = STATE(SESSION_WAITING) | STATE(SESSION_STOPPED) | STATE(SESSION_ENDED),
    [SESSION_STOPPED] = STATE(SESSION_WAITING) | STATE(SESSION_ENDED),
    [SESSION_ENDED] = STATE(SESSION_WAITING),
};

static const char *session_state_state_name(enum session_state state) {
    static const char *const names[] = {"idle", "waiting", "tracking", "stopped", "ended"};
    return names[state];
}

int session_set_state(struct session *session, enum session_state state, struct error *error) {
    if (session->state == state)
        return TMPALLOC_OK;
    int status = CHECK(followers[session->state] & STATE(state), error);
    if (status != TMPALLOC_OK)
        return status;
    LOG(LOG_SESSION, "%s, was %s", session_state_state_name(state),
        session_state_state_name(session->state));
    session->state = state;
    if (state == SESSION_TRACKING)
        session->recording->tracked = true;
    return TMPALLOC_OK;
}

void session_restore_state(struct session *session, enum session_state state) {
    if (session->state != state)
        LOG(LOG_SESSION, "%s again", session_state_state_name(state));
    session->state = state;
}
