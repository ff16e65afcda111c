#include "support/check.h"

/* A release never ends the debuggee, and nobody there reads a line: who gets the status drops the
 * event, which is counted. */
int check_failed(struct error *error, const char *condition, const char *file, int line) {
    (void)error, (void)condition, (void)file, (void)line;
    if (TMPALLOC_CHECKS_ABORT)
        __builtin_trap();
    return TMPALLOC_E_INTERNAL;
}
