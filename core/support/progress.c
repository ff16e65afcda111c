#include "support/progress.h"

#include <stddef.h>
#include <stdio.h>

#include "support/clock.h"
#include "tmpalloc/status.h"

#define LINE_BYTES    128
#define INTERVAL_NS   INT64_C(100000000)
#define SHOW_AFTER_NS INT64_C(500000000)

static _Thread_local struct progress *current;

void progress_begin(struct progress *progress, progress_tell *tell, void *arg, uint32_t columns) {
    int64_t now = clock_now_ns();
    *progress = (struct progress){.tell = tell,
                                  .arg = arg,
                                  .columns = columns,
                                  .began_ns = now,
                                  .next_ns = now + INTERVAL_NS};
    current = progress;
}

bool progress_end(struct progress *progress) {
    current = NULL;
    if (progress->shown)
        progress->tell(progress->arg, "");
    return progress->interrupted;
}

/* It has to stay on one line of the terminal, whose last column makes some wrap. */
static void write_line(char *line, const struct progress *progress, const char *doing,
                       uint64_t done, uint64_t total, const char *things) {
    size_t size = progress->columns < LINE_BYTES ? progress->columns : LINE_BYTES;
    if (total > 0)
        snprintf(line, size, "tmpalloc: %s %llu of %llu %s", doing, (unsigned long long)done,
                 (unsigned long long)total, things);
    else
        snprintf(line, size, "tmpalloc: %s %llu %s", doing, (unsigned long long)done, things);
}

static void progress_tell_line(struct progress *progress, const char *line) {
    progress->shown |= line != NULL;
    progress->interrupted = !progress->tell(progress->arg, line);
}

int progress_step(const char *doing, uint64_t done, uint64_t total, const char *things) {
    struct progress *progress = current;
    if (!progress)
        return TMPALLOC_OK;
    int64_t now = progress->interrupted ? 0 : clock_now_ns();
    if (now >= progress->next_ns) {
        char line[LINE_BYTES];
        bool shows = progress->columns > 0 && now - progress->began_ns >= SHOW_AFTER_NS;
        if (shows)
            write_line(line, progress, doing, done, total, things);
        progress_tell_line(progress, shows ? line : NULL);
        progress->next_ns = now + INTERVAL_NS;
    }
    return progress->interrupted ? TMPALLOC_E_INTERRUPTED : TMPALLOC_OK;
}

int progress_ask(void) {
    if (current && !current->interrupted)
        progress_tell_line(current, NULL);
    return current && current->interrupted ? TMPALLOC_E_INTERRUPTED : TMPALLOC_OK;
}

int progress_failure(void) {
    return progress_ask() == TMPALLOC_OK ? TMPALLOC_E_NOMEM : TMPALLOC_E_INTERRUPTED;
}
