#include "agent.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "environment.h"
#include "hooks.h"
#include "image.h"
#include "memory_mmap.h"
#include "threads.h"
#include "tmpalloc/tmpalloc.h"

enum state { NOT_SET_UP, IN_PROGRESS, READY, FAILED };

static _Atomic enum state state;

static int create(const struct image_options *options) {
    memory_set_limit(options->memory_limit_bytes);
    capture_set_depth(options->stack_depth);
    int status = image_create(options);
    if (status == TMPALLOC_OK)
        status = threads_init();
    if (status == TMPALLOC_OK &&
        pthread_atfork(threads_before_fork, threads_after_fork, threads_in_child))
        status = TMPALLOC_E_NOMEM;
    return status;
}

void agent_set_up(void) {
    enum state expected = NOT_SET_UP;
    struct environment_options options;
    if (!atomic_compare_exchange_strong(&state, &expected, IN_PROGRESS))
        return;
    if (!environment_take(&options)) {
        state = NOT_SET_UP;
        return;
    }
    int saved_errno = errno;
    if (create(&options.image) == TMPALLOC_OK) {
        hooks_list_entry_points(image);
        state = READY;
        image_publish();
        if (options.start)
            image_start();
    } else {
        state = FAILED;
    }
    errno = saved_errno;
}

__attribute__((constructor)) static void loaded(void) {
    agent_set_up();
}

/* For the debugger; see tmpalloc/agent_image.h. */
TMPALLOC_API int tmpalloc_agent_start(void);
TMPALLOC_API int tmpalloc_agent_stop(void);
TMPALLOC_API int tmpalloc_agent_reset(void);

int tmpalloc_agent_start(void) {
    agent_set_up();
    if (state != READY)
        return TMPALLOC_E_NOMEM;
    image_start();
    return TMPALLOC_OK;
}

int tmpalloc_agent_stop(void) {
    if (state == READY)
        image_stop();
    return TMPALLOC_OK;
}

int tmpalloc_agent_reset(void) {
    if (state == READY)
        image_reset();
    return TMPALLOC_OK;
}
