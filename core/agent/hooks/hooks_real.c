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
#define EARLY_ALLOCATION(name, parameters, arguments, size)                                        \
    EARLY(void *, name, parameters, arguments, NULL)
#define EARLY_PLACEMENT(name, parameters, arguments, size)                                         \
    EARLY(int, name, parameters, arguments, ENOMEM)
#define EARLY_MAPPING(name, parameters, arguments, size)                                           \
    EARLY(void *, name, parameters, arguments, map arguments)
#define EARLY_UNMAPPING(name, parameters, arguments, size)                                         \
    EARLY(int, name, parameters, arguments, unmap arguments)
#define EARLY_NEW(name, parameters, arguments, otherwise)                                          \
    EARLY(void *, name, parameters, arguments, otherwise)
#define EARLY_RELEASE(name, parameters, arguments, size)                                           \
    static void early_##name parameters {                                                          \
        hooks_find_real();                                                                         \
        if (!is_missing(HOOK_##name))                                                              \
            REAL(name) arguments;                                                                  \
        else if (HOOK_##name != HOOK_free && !is_missing(HOOK_free))                               \
            REAL(free)(block);                                                                     \
    }

/* As the C library's functions do. */
static long answer(long result) {
    if (!system_call_failed(result))
        return result;
    *c_library___errno_location() = (int)-result;
    return -1;
}

static void *map(void *hint, size_t size, int protection, int flags, int file, off_t offset) {
    return (void *)answer(
        system_call6(SYS_mmap, (long)hint, (long)size, protection, flags, file, offset));
}

static int unmap(void *block, size_t size) {
    return (int)answer(system_call4(SYS_munmap, (long)block, (long)size, 0, 0));
}

FOR_EACH_C_HOOK(EARLY_ALLOCATION, EARLY_PLACEMENT, EARLY_ALLOCATION, EARLY_RELEASE, EARLY_MAPPING,
                EARLY_UNMAPPING)
FOR_EACH_OPERATOR(EARLY_NEW, EARLY_RELEASE)
FOR_EACH_PROCESS_HOOK(EARLY)

#define ADDRESS(name, ...)               [HOOK_##name] = (uintptr_t)early_##name,
#define PROCESS_ADDRESS(type, name, ...) [HOOK_##name] = (uintptr_t)early_##name,

static const uintptr_t early[HOOK_COUNT] = {
    FOR_EACH_C_HOOK(ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
        FOR_EACH_OPERATOR(ADDRESS, ADDRESS) FOR_EACH_PROCESS_HOOK(PROCESS_ADDRESS)};
uintptr_t hooks_real[HOOK_COUNT] = {
    FOR_EACH_C_HOOK(ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
        FOR_EACH_OPERATOR(ADDRESS, ADDRESS) FOR_EACH_PROCESS_HOOK(PROCESS_ADDRESS)};

#define HOOK_ITSELF(name, ...) [HOOK_##name] = (uintptr_t)hook_##name,

uintptr_t hooks_routes[HOOK_COUNT] = {
    FOR_EACH_C_HOOK(HOOK_ITSELF, HOOK_ITSELF, HOOK_ITSELF, HOOK_ITSELF, HOOK_ITSELF, HOOK_ITSELF)
        FOR_EACH_OPERATOR(ADDRESS, ADDRESS) HOOK_ITSELF(dlclose, )};

static bool is_missing(uint32_t number) {
    return __atomic_load_n(&hooks_real[number], __ATOMIC_RELAXED) == early[number];
}

uintptr_t hooks_next(uint32_t number) {
    return is_missing(number) ? 0 : hooks_real[number];
}

/* The search. */

/* Functions that only allocators define; they tell an allocator's operator new from a C++ library's
 * where both are linked into one file. */
static const char *const allocator_marks[] = {"mallocx", "tc_malloc", "mi_malloc"};

bool hooks_operator_counts(uintptr_t function) {
    if (!loaded_symbols_define(function, "malloc"))
        return false;
    if (!loaded_symbols_define(function, "_ZSt15get_new_handlerv"))
        return true;
    for (size_t i = 0; i < sizeof allocator_marks / sizeof allocator_marks[0]; i++) {
        if (loaded_symbols_define(function, allocator_marks[i]))
            return true;
    }
    return false;
}

static void find(uint32_t number) {
    uintptr_t found = loaded_symbols_find(hook_list[number].name, LOADED_NEXT);
    if (!found)
        return;
    __atomic_store_n(&hooks_real[number], found, __ATOMIC_RELAXED);
    if (!hooks_is_operator(number))
        return;
    uintptr_t route = hooks_operator_counts(found) ? hook_list[number].counting : found;
    hooks_route(number, route);
}

void hooks_find_real(void) {
    static atomic_bool found;
    if (found)
        return;
    for (uint32_t i = 0; i < HOOK_COUNT; i++)
        find(i);
    found = true;
}
