/* The program's allocator functions, seen from within.
 *
 * A hook has the signature of its function and is called in its place: because this library comes
 * first in the search order and what it exports leads there, or because the function was changed to
 * do so.  It calls on through its cell of hooks_real. */
#ifndef TMPALLOC_HOOKS_H
#define TMPALLOC_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "tmpalloc/agent_image.h"

enum {
#define HOOK_NUMBER(name) HOOK_##name,
    AGENT_FOR_EACH_ENTRY_POINT(HOOK_NUMBER)
#undef HOOK_NUMBER
    /* These are no entry points: they tell of what happens to the process. */
    HOOK_dlclose,
    HOOK_prctl,
    HOOK_syscall,
    HOOK_vfork,
    HOOK_clone,
    HOOK_COUNT
};

struct hook {
    const char *name;
    uintptr_t exported; /* this library's own definition of the name */
    uintptr_t counting; /* where calls of a function are led to that is changed */
    /* The same for one of the C library, whose direct calls of it are no events; 0: as above. */
    uintptr_t guarded;
};

static inline bool hooks_is_entry_point(uint32_t number) {
    return number < HOOK_dlclose;
}

extern const struct hook hooks[HOOK_COUNT];

/* Fills the image's `stops`. */
void hooks_tell_stops(uint64_t *stops);

struct hooks_code {
    uintptr_t start;
    uintptr_t size_bytes;
};

/* Where the code of this library is, and of the C library; empty until functions were hooked. */
extern struct hooks_code hooks_own_code;
extern struct hooks_code hooks_c_library;

static inline bool hooks_code_has(const struct hooks_code *code, uintptr_t address) {
    return address - code->start < code->size_bytes;
}

#endif
