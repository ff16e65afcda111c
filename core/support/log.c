#include "support/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 1024

static const char *const words[] = {
    [LOG_SESSION] = "session",
    [LOG_MODULE] = "module",
    [LOG_STOP] = "stop",
    [LOG_ALLOCATION] = "allocation",
};

const char log_words[] = "session, module, stop or allocation";

enum log_level log_wanted = LOG_OFF;

static _Thread_local struct {
    log_sink *tell;
    void *arg;
} sink;

bool log_choose(const char *word) {
    if (!word || !word[0]) {
        log_wanted = LOG_OFF;
        return true;
    }
    for (enum log_level level = LOG_SESSION; level <= LOG_ALLOCATION; level++) {
        if (strcmp(word, words[level]) == 0) {
            log_wanted = level;
            return true;
        }
    }
    return false;
}

void log_to(log_sink *tell, void *arg) {
    sink.tell = tell;
    sink.arg = arg;
}

void log_tell(const char *line) {
    if (sink.tell)
        sink.tell(sink.arg, line);
    else
        fprintf(stderr, "tmpalloc: %s\n", line);
}

void log_write(enum log_level level, const char *format, ...) {
    char line[LINE_BYTES];
    int length = snprintf(line, sizeof line, "%s: ", words[level]);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    log_tell(line);
}
