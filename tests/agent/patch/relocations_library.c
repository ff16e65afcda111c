/* The part of relocations_check.c that redirects, as the agent is loaded: a library. */
#include "agent/patch/relocations.h"

#include <stddef.h>

#include "relocations_library.h"
#include "tmpalloc/tmpalloc.h"

static void *(*original)(size_t size);
static uint64_t count;

static void *hook(size_t size) {
    count++;
    return original(size);
}

TMPALLOC_API int redirect(uintptr_t function) {
    original = (void *(*)(size_t))function;
    return relocations_redirect("allocate_in_used", function, (uintptr_t)hook);
}

TMPALLOC_API void undo(void) {
    relocations_undo();
}

TMPALLOC_API uint64_t calls_of_hook(void) {
    return count;
}

/* Itself is left alone. */
TMPALLOC_API void *(*function_of_library(void))(size_t size) {
    return allocate_in_used;
}
