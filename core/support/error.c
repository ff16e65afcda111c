#include "support/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, int status, const char *format, ...) {
    if (!error)
        return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

int error_no_memory(struct error *error) {
    return error_set(error, TMPALLOC_E_NOMEM, "out of memory");
}

int error_of_status(struct error *error, int status) {
    switch (status) {
    case TMPALLOC_OK:
        return status;
    case TMPALLOC_E_NOMEM:
        return error_no_memory(error);
    case TMPALLOC_E_INTERRUPTED:
        return error_set(error, status, "interrupted");
    default:
        return error_set(error, TMPALLOC_E_INTERNAL, "internal error: status %d without a reason",
                         status);
    }
}
