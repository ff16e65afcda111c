/* What happens in a session, for whoever looks for a fault.
 *
 * Off unless $TMPALLOC_LOG names a level: they are by how often something happens, and each has
 * those before it, too.  What is off costs a predictable branch; nothing is formatted.  Whom lines
 * are told is a matter of the thread, as progress is, so that no function needs to be handed it. */
#ifndef TMPALLOC_LOG_H
#define TMPALLOC_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_OFF,
    LOG_SESSION,   /* its states, the engine and why it was chosen */
    LOG_MODULE,    /* loaded and unloaded files, entry points found in them */
    LOG_STOP,      /* events, and hits with what was made of them */
    LOG_ALLOCATION /* what the breakpoint engine counts: the agent counts without us */
};

extern enum log_level log_wanted;

#define LOG(level, ...)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(log_wanted >= (level), 0))                                            \
            log_write((level), __VA_ARGS__);                                                       \
    } while (0)

/* NULL or "": off.  False: the word is no level, and nothing changes. */
bool log_choose(const char *word);
/* "session, module, stop or allocation" */
extern const char log_words[];

typedef void log_sink(void *arg, const char *line);

/* Where the thread's lines go until the next call; NULL: to standard error. */
void log_to(log_sink *sink, void *arg);

/* A line with its level's word; use LOG(). */
void log_write(enum log_level level, const char *format, ...)
    __attribute__((cold, format(printf, 2, 3)));
/* A line, whatever is wanted. */
void log_tell(const char *line);

#endif
