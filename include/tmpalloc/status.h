/* What functions answer, and what is visible outside of a library. */
#ifndef TMPALLOC_STATUS_H
#define TMPALLOC_STATUS_H

#define TMPALLOC_API __attribute__((visibility("default")))

/** Answers of the library and of primitives. */
typedef enum tmpalloc_status {
    TMPALLOC_STOP = 1, /**< of tmpalloc_session_breakpoint_hit() alone */
    TMPALLOC_OK = 0,
    TMPALLOC_E_NOMEM = -1,       /**< out of memory; nothing was changed */
    TMPALLOC_E_ARGUMENT = -2,    /**< unknown word, bad value */
    TMPALLOC_E_STATE = -3,       /**< not possible now, e.g. summary before start */
    TMPALLOC_E_HOST = -4,        /**< a primitive of the debugger failed */
    TMPALLOC_E_IO = -5,          /**< a file could not be read or written */
    TMPALLOC_E_UNSUPPORTED = -6, /**< the target or debugger can't do it */
    TMPALLOC_E_BUSY = -7,        /**< the session is in use, see "Threading" */
    TMPALLOC_E_INTERNAL = -8,    /**< a bug in tmpalloc; the session can still be used */
    TMPALLOC_E_INTERRUPTED = -9  /**< the user wanted the command to end; results and state are as
                                      before */
} tmpalloc_status;

#endif
