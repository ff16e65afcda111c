#include "session/session_threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/process_linux.h"
#include "profile/profile_names.h"

#define THREADS_SHOWN 32

struct thread_search {
    const char *number;
    int64_t tid;   /* of the thread with the number; 0: none yet */
    bool is_a_tid; /* of another one */
};

static int look_at_thread(void *arg, const struct tmpalloc_thread *thread) {
    struct thread_search *search = arg;
    char number[32], whole[64], tid[32];
    snprintf(number, sizeof number, "%" PRIu32, thread->number);
    snprintf(whole, sizeof whole, "%" PRIu32 ".%s", thread->group, number);
    snprintf(tid, sizeof tid, "%" PRId64, thread->tid);
    if (thread->number && (strcmp(search->number, number) == 0 ||
                           (thread->group && strcmp(search->number, whole) == 0)))
        search->tid = thread->tid;
    else
        search->is_a_tid |= strcmp(search->number, tid) == 0;
    return TMPALLOC_OK;
}

/* Whether the debugger's threads are those that the results are about. */
static bool session_threads_known(struct session *session) {
    struct tmpalloc_process process;
    return !session->loaded && session->recording &&
           host_process(&session->host, &process, NULL) == TMPALLOC_OK && process.pid != 0 &&
           process.pid == session->recording->process.pid && process.stopped;
}

bool session_finds_thread(struct session *session, const char *number, int64_t *tid_ret) {
    struct thread_search search = {.number = number};
    if (!session_threads_known(session) ||
        host_threads(&session->host, look_at_thread, &search, NULL) != TMPALLOC_OK ||
        search.tid == 0)
        return false;
    if (search.is_a_tid)
        host_message(&session->host,
                     "tmpalloc: %s is taken for the debugger's thread %s, whose TID is %" PRId64
                     ", not for a TID",
                     number, number, search.tid);
    *tid_ret = search.tid;
    return true;
}

struct thread_list {
    struct tmpalloc_thread items[THREADS_SHOWN];
    size_t count; /* of all, of which the first are kept */
};

static int keep_thread(void *arg, const struct tmpalloc_thread *thread) {
    struct thread_list *list = arg;
    if (thread->number && list->count++ < THREADS_SHOWN)
        list->items[list->count - 1] = *thread;
    return TMPALLOC_OK;
}

static int compare_numbers(const void *a, const void *b) {
    const struct tmpalloc_thread *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static void append_thread_name(const struct tmpalloc_thread *thread, struct text *text) {
    struct text name;
    text_init(&name);
    process_thread_name(thread->pid, thread->tid, &name);
    if (name.length > 0) {
        text_append(text, ", ");
        profile_append_printable(text, text_get(&name));
    }
    text_deinit(&name);
}

static void append_thread(const struct tmpalloc_thread *thread, bool local, struct text *text) {
    if (thread->group > 1)
        text_printf(text, "%" PRIu32 ".", thread->group);
    text_printf(text, "%" PRIu32 " (TID %" PRId64, thread->number, thread->tid);
    if (local)
        append_thread_name(thread, text);
    text_append(text, ")");
}

void session_threads_append(struct session *session, struct text *text) {
    struct thread_list list = {.count = 0};
    if (!session_threads_known(session) ||
        host_threads(&session->host, keep_thread, &list, NULL) != TMPALLOC_OK || list.count == 0)
        return;
    size_t shown = list.count < THREADS_SHOWN ? list.count : THREADS_SHOWN;
    qsort(list.items, shown, sizeof(list.items[0]), compare_numbers);
    text_printf(text, "%-20s", "threads");
    for (size_t i = 0; i < shown; i++) {
        text_append(text, i ? ", " : "");
        append_thread(&list.items[i], session->recording->process.local, text);
    }
    if (list.count > shown)
        text_printf(text, ", %zu more", list.count - shown);
    text_append(text, "\n");
}
