#include "session/session_view.h"

static int add_skip(void *arg, const struct tmpalloc_skip *skip) {
    const struct charge_skip copied = {.function = (char *)skip->function,
                                       .file = (char *)skip->file,
                                       .library = (char *)skip->library,
                                       .expression = skip->is_expression != 0,
                                       .glob = skip->is_glob != 0};
    return charge_settings_add_skip(arg, &copied);
}

void session_ask_skips(struct session *session) {
    charge_settings_clear_skips(&session->charge);
    host_skips(&session->host, add_skip, &session->charge, NULL); /* some debuggers have none */
}

struct profile_view session_view(const struct session *session) {
    return (struct profile_view){
        .threshold = session->threshold, .by = session->charge.by, .settings = &session->charge};
}
