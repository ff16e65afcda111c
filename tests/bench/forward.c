/* What every preloaded allocator hook costs at the least: it only calls the real function. */
#include <dlfcn.h>
#include <stddef.h>

/* Each pointer leads at first to a function that looks for the real one. */
#define FORWARD(type, name, parameters, arguments)                                                 \
    static type find_##name parameters;                                                            \
    static type(*real_##name) parameters = find_##name;                                            \
    static type find_##name parameters {                                                           \
        *(void **)&real_##name = dlsym(RTLD_NEXT, #name);                                          \
        return real_##name arguments;                                                              \
    }                                                                                              \
    type name parameters {                                                                         \
        return real_##name arguments;                                                              \
    }

FORWARD(void *, malloc, (size_t size), (size))
FORWARD(void *, calloc, (size_t count, size_t size), (count, size))
FORWARD(void *, realloc, (void *block, size_t size), (block, size))
FORWARD(void *, memalign, (size_t alignment, size_t size), (alignment, size))
FORWARD(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
FORWARD(int, posix_memalign, (void **ret, size_t alignment, size_t size), (ret, alignment, size))
FORWARD(void, free, (void *block), (block))
