#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "support/log.h"

bool check_aborts = TMPALLOC_CHECKS_ABORT;

int check_failed(struct error *error, const char *condition, const char *file, int line) {
    const char *slash = strrchr(file, '/');
    struct error own;
    struct error *told = error && !check_aborts ? error : &own;
    int status = error_set(told, TMPALLOC_E_INTERNAL, "a bug in tmpalloc (%s:%d: %s)",
                           slash ? slash + 1 : file, line, condition);
    if (told == &own)
        log_tell(own.text);
    if (check_aborts)
        abort();
    return status;
}
