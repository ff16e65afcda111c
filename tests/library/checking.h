/* For libraries that are preloaded and check something in every allocator call: a record for each
 * thread, and a file that lines are written to.
 *
 * Whoever includes this has defined struct record, which begins with `struct record *next`, and
 * defines record_init() and record_forget(). */
#ifndef CHECKING_H
#define CHECKING_H

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/lock.h"

#define EXPORT __attribute__((visibility("default")))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

/* Of zeroed memory; false: it can't. */
static bool record_init(struct record *record);
/* The thread has ended; another one may get the record. */
static void record_forget(struct record *record);

struct checking_thread {
    struct record *record;
    bool busy;
    bool finished;
};

static __thread struct checking_thread checking_thread __attribute__((tls_model("initial-exec")));
static struct lock checking_lock = LOCK_INIT;
static struct record *checking_spare;
static pthread_key_t checking_key;
static bool checking_ready;
static int checking_output = -1;

static void write_line(const char *text, int length) {
    if (checking_output >= 0 && write(checking_output, text, (size_t)length) < 0)
        checking_output = -1;
}

static void checking_leave(void *arg) {
    struct record *record = arg;
    checking_thread.finished = true;
    checking_thread.record = NULL;
    record_forget(record);
    lock_take(&checking_lock);
    record->next = checking_spare;
    checking_spare = record;
    lock_give(&checking_lock);
}

/* Lines go to the end of the file that the environment's variable names.  With `wanted` false
 * there is nothing to check. */
static void checking_start(const char *variable, bool wanted) {
    const char *path = getenv(variable);
    if (path)
        checking_output = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    checking_ready = wanted && pthread_key_create(&checking_key, checking_leave) == 0;
}

static void checking_finish(void) {
    checking_ready = false;
}

static struct record *checking_create(void) {
    struct record *record =
        mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return record != MAP_FAILED && record_init(record) ? record : NULL;
}

static struct record *checking_find(void) {
    if (checking_thread.record)
        return checking_thread.record;
    lock_take(&checking_lock);
    struct record *record = checking_spare;
    if (record)
        checking_spare = record->next;
    lock_give(&checking_lock);
    checking_thread.record = record ? record : checking_create();
    pthread_setspecific(checking_key, checking_thread.record);
    return checking_thread.record;
}

/* This thread's record, until checking_end(); NULL: nothing is to be checked now. */
static struct record *checking_begin(void) {
    if (!checking_ready || checking_thread.busy || checking_thread.finished)
        return NULL;
    checking_thread.busy = true;
    struct record *record = checking_find();
    checking_thread.busy = record != NULL;
    return record;
}

static void checking_end(void) {
    checking_thread.busy = false;
}

#endif
