#include "session/session_view.h"

struct profile_view session_view(const struct session *session) {
    return (struct profile_view){
        .threshold = session->threshold, .by = session->charge.by, .settings = &session->charge};
}
