#include "agent/hooks/hooks_real.h"

#include <errno.h>
#include <stdatomic.h>

#include "agent/system/c_library.h"
#include "agent/system/loaded_symbols.h"
#include "agent/x86_64/system_call.h"

/* The first functions: EARLY(type, name, parameters, arguments, result where nobody has it). */

static bool is_missing(uint32_t number);

#define EARLY(type, name, parameters, arguments, missing)                                          \
    static type early_##name parameters {                                                          \
        hooks_find_real();                                                                         \
        return is_missing(HOOK_##name) ? missing : REAL(name) arguments;                           \
    }
#define EARLY_ALLOCATION(name, parameters, arguments)                                              \
    EARLY(void *, name, parameters, arguments, NULL)
#define EARLY_RESIZE                            EARLY_ALLOCATION
#define EARLY_COPY(name, parameters, arguments) EARLY(char *, name, parameters, arguments, NULL)
#define EARLY_PATH                              EARLY_COPY
#define EARLY_WIDE_COPY(name, parameters, arguments)                                               \
    EARLY(wchar_t *, name, parameters, arguments, NULL)
#define EARLY_PLACEMENT(name, parameters, arguments) EARLY(int, name, parameters, arguments, ENOMEM)
#define EARLY_MAPPING(name, parameters, arguments)                                                 \
    EARLY(void *, name, parameters, arguments, hooks_real_map arguments)
#define EARLY_UNMAPPING(name, parameters, arguments)                                               \
    EARLY(int, name, parameters, arguments, hooks_real_unmap arguments)
#define EARLY_NEW(name, parameters, arguments)                                                     \
    EARLY(void *, name, parameters, arguments, hook_malloc(size))
#define EARLY_NEW_ALIGNED(name, parameters, arguments)                                             \
    EARLY(void *, name, parameters, arguments, hook_memalign(alignment, size))
#define EARLY_RELEASE(name, parameters, arguments)                                                 \
    static void early_##name parameters {                                                          \
        hooks_find_real();                                                                         \
        if (!is_missing(HOOK_##name))                                                              \
            REAL(name) arguments;                                                                  \
        else if (HOOK_##name != HOOK_free && !is_missing(HOOK_free))                               \
            REAL(free)(block);                                                                     \
    }

/* As the C library's functions do. */
static long hooks_real_answer(long result) {
    if (!system_call_failed(result))
        return result;
    *c_library___errno_location() = (int)-result;
    return -1;
}

static void *hooks_real_map(void *hint, size_t size, int protection, int flags, int file,
                            off_t offset) {
    return (void *)hooks_real_answer(
        system_call6(SYS_mmap, (long)hint, (long)size, protection, flags, file, offset));
}

static int hooks_real_unmap(void *block, size_t size) {
    return (int)hooks_real_answer(system_call4(SYS_munmap, (long)block, (long)size, 0, 0));
}

#define EARLY_OF(kind, name, shown, size, count, pointer, parameters, arguments)                   \
    EARLY_##kind(name, parameters, arguments)
FOR_EACH_ALLOCATOR_FUNCTION(EARLY_OF)
FOR_EACH_PROCESS_HOOK(EARLY)

#define ADDRESS(kind, name, ...)     [HOOK_##name] = (uintptr_t)early_##name,
#define HOOK_ITSELF(kind, name, ...) [HOOK_##name] = (uintptr_t)hook_##name,

static const uintptr_t early[HOOK_COUNT] = {FOR_EACH_ALLOCATOR_FUNCTION(ADDRESS)
                                                FOR_EACH_PROCESS_HOOK(ADDRESS)};
uintptr_t hooks_real[HOOK_COUNT] = {FOR_EACH_ALLOCATOR_FUNCTION(ADDRESS)
                                        FOR_EACH_PROCESS_HOOK(ADDRESS)};

uintptr_t hooks_routes[HOOK_COUNT] = {FOR_EACH_C_FUNCTION(HOOK_ITSELF) FOR_EACH_MAPPING(HOOK_ITSELF)
                                          FOR_EACH_OPERATOR(ADDRESS) HOOK_ITSELF(int, dlclose, )};

static bool is_missing(uint32_t number) {
    return __atomic_load_n(&hooks_real[number], __ATOMIC_RELAXED) == early[number];
}

uintptr_t hooks_next(uint32_t number) {
    return is_missing(number) ? 0 : hooks_real[number];
}

/* The search. */

static bool file_defines(void *function, const char *name) {
    return loaded_symbols_define((uintptr_t)function, name);
}

bool hooks_counts(uint32_t number, uintptr_t function) {
    const char *library = hook_list[number].library;
    return !library || allocator_implements(file_defines, (void *)function, library);
}

static void hooks_real_find(uint32_t number) {
    uintptr_t found = loaded_symbols_find(hook_list[number].name, LOADED_NEXT);
    if (!found)
        return;
    __atomic_store_n(&hooks_real[number], found, __ATOMIC_RELAXED);
    if (hooks_is_entry_point(number))
        hooks_route(number, hooks_counts(number, found) ? hook_list[number].counting : found);
}

void hooks_find_real(void) {
    static atomic_bool found;
    if (found)
        return;
    for (uint32_t i = 0; i < HOOK_COUNT; i++)
        hooks_real_find(i);
    found = true;
}
