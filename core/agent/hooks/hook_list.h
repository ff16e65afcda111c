/* Every hooked function and its signature: KIND(name, parameters, arguments, more).  Kinds, and
 * what `more` is:
 *     ALLOCATION  returns a block; the requested size
 *     PLACEMENT   stores a block through its first parameter and returns 0; the requested size
 *     RESIZE      is realloc of `block`; the requested size, SIZE_MAX: none can be so large
 *     RELEASE     is free of `block`
 *     MAPPING     is mmap; the requested size
 *     UNMAPPING   is munmap of `block`; the size
 *     NEW         is an operator of C++ (Itanium C++ ABI) that returns a block of that `size`; what
 *                 serves where nobody has it
 *     DELETE      is one that frees `block` */
#ifndef TMPALLOC_HOOK_LIST_H
#define TMPALLOC_HOOK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tmpalloc/agent_image.h"

#define FOR_EACH_C_HOOK(ALLOCATION, PLACEMENT, RESIZE, RELEASE, MAPPING, UNMAPPING)                \
    ALLOCATION(malloc, (size_t size), (size), size)                                                \
    ALLOCATION(calloc, (size_t count, size_t size), (count, size), count *size)                    \
    ALLOCATION(memalign, (size_t alignment, size_t size), (alignment, size), size)                 \
    ALLOCATION(aligned_alloc, (size_t alignment, size_t size), (alignment, size), size)            \
    ALLOCATION(valloc, (size_t size), (size), size)                                                \
    ALLOCATION(pvalloc, (size_t size), (size), size)                                               \
    PLACEMENT(posix_memalign, (void **ret, size_t alignment, size_t size), (ret, alignment, size), \
              size)                                                                                \
    RESIZE(realloc, (void *block, size_t size), (block, size), size)                               \
    RESIZE(reallocarray, (void *block, size_t count, size_t size), (block, count, size),           \
           multiply(count, size))                                                                  \
    RELEASE(free, (void *block), (block), )                                                        \
    RELEASE(free_sized, (void *block, size_t size), (block, size), )                               \
    RELEASE(free_aligned_sized, (void *block, size_t alignment, size_t size),                      \
            (block, alignment, size), )                                                            \
    MAPPING(mmap, (void *hint, size_t size, int protection, int flags, int file, off_t offset),    \
            (hint, size, protection, flags, file, offset), size)                                   \
    MAPPING(mmap64,                                                                                \
            (void *hint, size_t size, int protection, int flags, int file, off64_t offset),        \
            (hint, size, protection, flags, file, offset), size)                                   \
    UNMAPPING(munmap, (void *block, size_t size), (block, size), size)

#define FOR_EACH_OPERATOR(NEW, DELETE)                                                             \
    NEW(_Znwm, (size_t size), (size), hook_malloc(size))                                           \
    NEW(_Znam, (size_t size), (size), hook_malloc(size))                                           \
    NEW(_ZnwmRKSt9nothrow_t, (size_t size, const void *tag), (size, tag), hook_malloc(size))       \
    NEW(_ZnamRKSt9nothrow_t, (size_t size, const void *tag), (size, tag), hook_malloc(size))       \
    NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), (size, alignment),                  \
        hook_memalign(alignment, size))                                                            \
    NEW(_ZnamSt11align_val_t, (size_t size, size_t alignment), (size, alignment),                  \
        hook_memalign(alignment, size))                                                            \
    NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *tag),      \
        (size, alignment, tag), hook_memalign(alignment, size))                                    \
    NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *tag),      \
        (size, alignment, tag), hook_memalign(alignment, size))                                    \
    DELETE(_ZdlPv, (void *block), (block), )                                                       \
    DELETE(_ZdaPv, (void *block), (block), )                                                       \
    DELETE(_ZdlPvm, (void *block, size_t size), (block, size), )                                   \
    DELETE(_ZdaPvm, (void *block, size_t size), (block, size), )                                   \
    DELETE(_ZdlPvRKSt9nothrow_t, (void *block, const void *tag), (block, tag), )                   \
    DELETE(_ZdaPvRKSt9nothrow_t, (void *block, const void *tag), (block, tag), )                   \
    DELETE(_ZdlPvSt11align_val_t, (void *block, size_t alignment), (block, alignment), )           \
    DELETE(_ZdaPvSt11align_val_t, (void *block, size_t alignment), (block, alignment), )           \
    DELETE(_ZdlPvmSt11align_val_t, (void *block, size_t size, size_t alignment),                   \
           (block, size, alignment), )                                                             \
    DELETE(_ZdaPvmSt11align_val_t, (void *block, size_t size, size_t alignment),                   \
           (block, size, alignment), )                                                             \
    DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *tag),  \
           (block, alignment, tag), )                                                              \
    DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *tag),  \
           (block, alignment, tag), )

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
    KIND(pid_t, vfork, (void), (), -1)                                                             \
    KIND(int, clone,                                                                               \
         (int (*function)(void *), void *stack, int flags, void *arg, pid_t *parent_tid,           \
          void *storage, pid_t *child_tid),                                                        \
         (function, stack, flags, arg, parent_tid, storage, child_tid), -1)

/* Their numbers. */
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

static inline bool hooks_is_entry_point(uint32_t number) {
    return number < HOOK_dlclose;
}

/* The hooks. */

#define DECLARE_GIVING(name, parameters, ...)  void *hook_##name parameters;
#define DECLARE_STATUS(name, parameters, ...)  int hook_##name parameters;
#define DECLARE_NOTHING(name, parameters, ...) void hook_##name parameters;

FOR_EACH_C_HOOK(DECLARE_GIVING, DECLARE_STATUS, DECLARE_GIVING, DECLARE_NOTHING, DECLARE_GIVING,
                DECLARE_STATUS)
FOR_EACH_OPERATOR(DECLARE_GIVING, DECLARE_NOTHING)

#define DECLARE_PROCESS_HOOK(type, name, parameters, ...) type hook_##name parameters;
FOR_EACH_PROCESS_HOOK(DECLARE_PROCESS_HOOK)

struct hook_listed {
    const char *name;
    uintptr_t counting; /* the hook: where calls of a function are led to that is changed */
};

extern const struct hook_listed hook_list[HOOK_COUNT];

#endif
