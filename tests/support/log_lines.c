/* Chooses a level of the log and writes a line at each, to standard output or, with --bare, to
 * nobody.
 *
 *     log_lines [--bare] WORD */
#include <stdio.h>
#include <string.h>

#include "support/log.h"

static int formatted;

static int count(void) {
    return ++formatted;
}

static void print(void *arg, const char *line) {
    fprintf(arg, "%s\n", line);
}

int main(int argc, char **argv) {
    bool bare = argc > 2 && strcmp(argv[1], "--bare") == 0;
    if (!log_choose(argv[argc - 1])) {
        puts(log_words);
        return 1;
    }
    log_to(bare ? NULL : print, stdout);
    LOG(LOG_SESSION, "line %d", count());
    LOG(LOG_MODULE, "line %d", count());
    LOG(LOG_STOP, "line %d", count());
    LOG(LOG_ALLOCATION, "line %d", count());
    printf("%d\n", formatted);
    return 0;
}
