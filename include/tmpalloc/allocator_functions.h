/* The functions by which programs allocate and free, once for whoever has to know them: a new one
 * is a line here.  Like agent_image.h this is between the agent in the debuggee and the core.
 *
 *     FUNCTION(kind, name, shown, size, count, pointer, parameters, arguments)
 *
 * `name` is its symbol, `shown` what users are told.  `size`, `count` and `pointer` are numbers of
 * arguments, from 1, or 0: no such argument.  The requested size is the product of the first two,
 * `pointer` is freed or reallocated.  In the C parameters these are called size, count and block,
 * others as they are.  The kinds:
 *     ALLOCATION   returns a block
 *     PLACEMENT    stores a block where its first argument, `ret`, points, and returns 0
 *     RESIZE       is realloc of a block
 *     RELEASE      is free of a block
 *     MAPPING      is mmap
 *     UNMAPPING    is munmap: of exactly so many bytes
 *     NEW          is an operator of C++ that returns a block; where nobody has it, malloc serves
 *     NEW_ALIGNED  is one that is given the alignment
 *     COPY         returns a block with a string, as long as that with its NUL
 *     WIDE_COPY    with a string of wide characters
 *     PATH         with a string, too, unless the caller has given `buffer`, its argument `pointer`
 */
#ifndef TMPALLOC_ALLOCATOR_FUNCTIONS_H
#define TMPALLOC_ALLOCATOR_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The C library's, up to glibc 2.36's and C23's; the most used first, because hardware engines take
 * as many as there are registers. */
#define FOR_EACH_C_FUNCTION(FUNCTION)                                                              \
    FUNCTION(ALLOCATION, malloc, "malloc", 1, 0, 0, (size_t size), (size))                         \
    FUNCTION(RELEASE, free, "free", 0, 0, 1, (void *block), (block))                               \
    FUNCTION(RESIZE, realloc, "realloc", 2, 0, 1, (void *block, size_t size), (block, size))       \
    FUNCTION(ALLOCATION, calloc, "calloc", 2, 1, 0, (size_t count, size_t size), (count, size))    \
    FUNCTION(PLACEMENT, posix_memalign, "posix_memalign", 3, 0, 0,                                 \
             (void **ret, size_t alignment, size_t size), (ret, alignment, size))                  \
    FUNCTION(ALLOCATION, aligned_alloc, "aligned_alloc", 2, 0, 0, (size_t alignment, size_t size), \
             (alignment, size))                                                                    \
    FUNCTION(ALLOCATION, memalign, "memalign", 2, 0, 0, (size_t alignment, size_t size),           \
             (alignment, size))                                                                    \
    FUNCTION(RESIZE, reallocarray, "reallocarray", 3, 2, 1,                                        \
             (void *block, size_t count, size_t size), (block, count, size))                       \
    FUNCTION(ALLOCATION, valloc, "valloc", 1, 0, 0, (size_t size), (size))                         \
    FUNCTION(ALLOCATION, pvalloc, "pvalloc", 1, 0, 0, (size_t size), (size))                       \
    FUNCTION(RELEASE, free_sized, "free_sized", 0, 0, 1, (void *block, size_t size),               \
             (block, size))                                                                        \
    FUNCTION(RELEASE, free_aligned_sized, "free_aligned_sized", 0, 0, 1,                           \
             (void *block, size_t alignment, size_t size), (block, alignment, size))

/* They count where that was asked for. */
#define FOR_EACH_MAPPING(FUNCTION)                                                                 \
    FUNCTION(MAPPING, mmap, "mmap", 2, 0, 0,                                                       \
             (void *hint, size_t size, int protection, int flags, int file, off_t offset),         \
             (hint, size, protection, flags, file, offset))                                        \
    FUNCTION(MAPPING, mmap64, "mmap", 2, 0, 0,                                                     \
             (void *hint, size_t size, int protection, int flags, int file, off64_t offset),       \
             (hint, size, protection, flags, file, offset))                                        \
    FUNCTION(UNMAPPING, munmap, "munmap", 2, 0, 1, (void *block, size_t size), (block, size))

/* Itanium C++ ABI names of the replaceable allocation functions.  They count only in files that
 * implement them by an allocator of their own. */
#define FOR_EACH_OPERATOR(FUNCTION)                                                                \
    FUNCTION(NEW, _Znwm, "operator new", 1, 0, 0, (size_t size), (size))                           \
    FUNCTION(RELEASE, _ZdlPv, "operator delete", 0, 0, 1, (void *block), (block))                  \
    FUNCTION(RELEASE, _ZdlPvm, "operator delete", 0, 0, 1, (void *block, size_t size),             \
             (block, size))                                                                        \
    FUNCTION(NEW, _Znam, "operator new[]", 1, 0, 0, (size_t size), (size))                         \
    FUNCTION(RELEASE, _ZdaPv, "operator delete[]", 0, 0, 1, (void *block), (block))                \
    FUNCTION(RELEASE, _ZdaPvm, "operator delete[]", 0, 0, 1, (void *block, size_t size),           \
             (block, size))                                                                        \
    FUNCTION(NEW, _ZnwmRKSt9nothrow_t, "operator new", 1, 0, 0, (size_t size, const void *tag),    \
             (size, tag))                                                                          \
    FUNCTION(NEW, _ZnamRKSt9nothrow_t, "operator new[]", 1, 0, 0, (size_t size, const void *tag),  \
             (size, tag))                                                                          \
    FUNCTION(RELEASE, _ZdlPvRKSt9nothrow_t, "operator delete", 0, 0, 1,                            \
             (void *block, const void *tag), (block, tag))                                         \
    FUNCTION(RELEASE, _ZdaPvRKSt9nothrow_t, "operator delete[]", 0, 0, 1,                          \
             (void *block, const void *tag), (block, tag))                                         \
    FUNCTION(NEW_ALIGNED, _ZnwmSt11align_val_t, "operator new", 1, 0, 0,                           \
             (size_t size, size_t alignment), (size, alignment))                                   \
    FUNCTION(NEW_ALIGNED, _ZnamSt11align_val_t, "operator new[]", 1, 0, 0,                         \
             (size_t size, size_t alignment), (size, alignment))                                   \
    FUNCTION(NEW_ALIGNED, _ZnwmSt11align_val_tRKSt9nothrow_t, "operator new", 1, 0, 0,             \
             (size_t size, size_t alignment, const void *tag), (size, alignment, tag))             \
    FUNCTION(NEW_ALIGNED, _ZnamSt11align_val_tRKSt9nothrow_t, "operator new[]", 1, 0, 0,           \
             (size_t size, size_t alignment, const void *tag), (size, alignment, tag))             \
    FUNCTION(RELEASE, _ZdlPvSt11align_val_t, "operator delete", 0, 0, 1,                           \
             (void *block, size_t alignment), (block, alignment))                                  \
    FUNCTION(RELEASE, _ZdaPvSt11align_val_t, "operator delete[]", 0, 0, 1,                         \
             (void *block, size_t alignment), (block, alignment))                                  \
    FUNCTION(RELEASE, _ZdlPvmSt11align_val_t, "operator delete", 0, 0, 1,                          \
             (void *block, size_t size, size_t alignment), (block, size, alignment))               \
    FUNCTION(RELEASE, _ZdaPvmSt11align_val_t, "operator delete[]", 0, 0, 1,                        \
             (void *block, size_t size, size_t alignment), (block, size, alignment))               \
    FUNCTION(RELEASE, _ZdlPvSt11align_val_tRKSt9nothrow_t, "operator delete", 0, 0, 1,             \
             (void *block, size_t alignment, const void *tag), (block, alignment, tag))            \
    FUNCTION(RELEASE, _ZdaPvSt11align_val_tRKSt9nothrow_t, "operator delete[]", 0, 0, 1,           \
             (void *block, size_t alignment, const void *tag), (block, alignment, tag))

/* What the C library has by malloc and free.  They count only in files that implement them by an
 * allocator of their own. */
#define FOR_EACH_SECONDARY_FUNCTION(FUNCTION)                                                      \
    FUNCTION(COPY, strdup, "strdup", 0, 0, 0, (const char *string), (string))                      \
    FUNCTION(COPY, strndup, "strndup", 0, 0, 0, (const char *string, size_t limit),                \
             (string, limit))                                                                      \
    FUNCTION(WIDE_COPY, wcsdup, "wcsdup", 0, 0, 0, (const wchar_t *string), (string))              \
    FUNCTION(PATH, realpath, "realpath", 0, 0, 2, (const char *path, char *buffer),                \
             (path, buffer))                                                                       \
    FUNCTION(RELEASE, cfree, "cfree", 0, 0, 1, (void *block), (block))

#define FOR_EACH_ALLOCATOR_FUNCTION(FUNCTION)                                                      \
    FOR_EACH_C_FUNCTION(FUNCTION)                                                                  \
    FOR_EACH_MAPPING(FUNCTION)                                                                     \
    FOR_EACH_OPERATOR(FUNCTION)                                                                    \
    FOR_EACH_SECONDARY_FUNCTION(FUNCTION)

/* What is requested; no block can be as large as what overflows, with which a call fails. */
static inline uint64_t allocator_product(uint64_t count, uint64_t size) {
    uint64_t product;
    return __builtin_mul_overflow(count, size, &product) ? UINT64_MAX : product;
}

/* Whether a RESIZE of a block to a size, which has returned a block or 0, has ended the first one:
 * what fails leaves it as it was, but of no bytes none may be returned. */
static inline bool allocator_has_ended(uint64_t block, uint64_t size, uint64_t result) {
    return result != 0 || (block != 0 && size == 0);
}

/* What libraries define that have such functions by malloc. */
#define ALLOCATOR_CXX_LIBRARY "_ZSt15get_new_handlerv"
#define ALLOCATOR_C_LIBRARY   "__libc_start_main"

/* Whether a file implements them by an allocator of its own: it defines malloc, and isn't such a
 * library.  Where both are linked into one file, functions that only allocators define tell. */
static inline bool allocator_implements(bool (*defines)(void *arg, const char *symbol), void *arg,
                                        const char *library) {
    static const char *const marks[] = {"mallocx", "tc_malloc", "mi_malloc"};
    if (!defines(arg, "malloc"))
        return false;
    if (!defines(arg, library))
        return true;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (defines(arg, marks[i]))
            return true;
    }
    return false;
}

#endif
