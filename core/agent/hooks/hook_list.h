/* Every hooked function: those of tmpalloc/allocator_functions.h, whose kinds say what their hooks
 * are, and some that tell of what happens to the process. */
#ifndef TMPALLOC_HOOK_LIST_H
#define TMPALLOC_HOOK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <wchar.h>

#include "tmpalloc/allocator_functions.h"

/* Functions that are no entry points, but tell of what happens to the process: KIND(type, name,
 * parameters, arguments, result where nobody has it).  An argument on the stack that isn't named
 * here stays where it is when a hook jumps on. */
#define FOR_EACH_PROCESS_HOOK(KIND)                                                                \
    KIND(int, dlclose, (void *handle), (handle), -1)                                               \
    KIND(int, prctl,                                                                               \
         (int option, unsigned long two, unsigned long three, unsigned long four,                  \
          unsigned long five),                                                                     \
         (option, two, three, four, five), -1)                                                     \
    KIND(long, syscall, (long number, long one, long two, long three, long four, long five),       \
         (number, one, two, three, four, five), -1)                                                \
    KIND(int, posix_spawn,                                                                         \
         (pid_t * child, const char *path, const void *actions, const void *attributes,            \
          char *const *arguments, char *const *variables),                                         \
         (child, path, actions, attributes, arguments, variables), ENOSYS)                         \
    KIND(int, posix_spawnp,                                                                        \
         (pid_t * child, const char *file, const void *actions, const void *attributes,            \
          char *const *arguments, char *const *variables),                                         \
         (child, file, actions, attributes, arguments, variables), ENOSYS)                         \
    KIND(pid_t, vfork, (void), (), -1)                                                             \
    KIND(int, clone,                                                                               \
         (int (*function)(void *), void *stack, int flags, void *arg, pid_t *parent_tid,           \
          void *storage, pid_t *child_tid),                                                        \
         (function, stack, flags, arg, parent_tid, storage, child_tid), -1)

/* Their numbers. */
enum {
#define HOOK_NUMBER(kind, name, ...) HOOK_##name,
    FOR_EACH_ALLOCATOR_FUNCTION(HOOK_NUMBER)
    /* These are no entry points. */
    FOR_EACH_PROCESS_HOOK(HOOK_NUMBER)
#undef HOOK_NUMBER
        HOOK_COUNT
};

static inline bool hooks_is_entry_point(uint32_t number) {
    return number < HOOK_dlclose;
}

/* The hooks: by kind, what one returns, and how it returns what a call gives. */

#define RESULT_ALLOCATION  void *
#define RESULT_NEW         void *
#define RESULT_NEW_ALIGNED void *
#define RESULT_RESIZE      void *
#define RESULT_MAPPING     void *
#define RESULT_PLACEMENT   int
#define RESULT_UNMAPPING   int
#define RESULT_RELEASE     void
#define RESULT_COPY        char *
#define RESULT_WIDE_COPY   wchar_t *
#define RESULT_PATH        char *

#define GIVE_ALLOCATION  return
#define GIVE_NEW         return
#define GIVE_NEW_ALIGNED return
#define GIVE_RESIZE      return
#define GIVE_MAPPING     return
#define GIVE_PLACEMENT   return
#define GIVE_UNMAPPING   return
#define GIVE_COPY        return
#define GIVE_WIDE_COPY   return
#define GIVE_PATH        return
#define GIVE_RELEASE

#define DECLARE_HOOK(kind, name, shown, size, count, pointer, parameters, arguments)               \
    RESULT_##kind hook_##name parameters;
FOR_EACH_ALLOCATOR_FUNCTION(DECLARE_HOOK)

#define DECLARE_PROCESS_HOOK(type, name, parameters, ...) type hook_##name parameters;
FOR_EACH_PROCESS_HOOK(DECLARE_PROCESS_HOOK)

struct hook_listed {
    const char *name;
    uintptr_t counting;  /* the hook: where calls of a function are led to that is changed */
    const char *library; /* what tells files in which it doesn't count; NULL: it always does */
};

extern const struct hook_listed hook_list[HOOK_COUNT];

#endif
