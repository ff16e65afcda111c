#include "agent/hooks/hooks.h"

#include <string.h>
#include <wchar.h>

#include "agent/hooks/hook_calls.h"
#include "agent/hooks/hooks_real.h"
#include "agent/system/own_code.h"
#include "agent/x86_64/catch_place.h"
#include "agent/x86_64/code_bytes.h"
#include "tmpalloc/status.h"

#ifndef __OPTIMIZE__
#error "what only goes on to another function must jump there: its caller is who counts"
#endif

/* What a caller asks for, by the number of the argument that is the count. */
#define REQUESTED_0 size
#define REQUESTED_1 allocator_product(count, size)
#define REQUESTED_2 allocator_product(count, size)

#define ENTER(call, name, state)                                                                   \
    hook_calls_enter((call), __builtin_frame_address(0), AGENT_ENTRY_##name, (state))

/* Where the debugger stops.  The thread is then as within the real function. */
#define STOP_IF_CAUGHT(name, caught) CATCH_PLACE("tmpalloc_catch_" #name, caught)

/* The hooks.  All that an event takes is compiled into its hook, where it shares registers. */

#define HOOK __attribute__((noinline, flatten))

#define COUNT_ALLOCATION(name, arguments, size_bytes, failure)                                     \
    struct call call;                                                                              \
    if (!ENTER(&call, name, CALL_IN_FUNCTION))                                                     \
        return REAL(name) arguments;                                                               \
    void *block = REAL(name) arguments;                                                            \
    call_state_come_back(&call);                                                                   \
    events_allocated(&call, block == (failure) ? 0 : (uintptr_t)block, size_bytes);                \
    call_state_leave();                                                                            \
    return block

#define ALLOCATION_HOOK(name, parameters, arguments, size_bytes)                                   \
    HOOK void *hook_##name parameters {                                                            \
        COUNT_ALLOCATION(name, arguments, size_bytes, NULL);                                       \
    }

#define NEW_HOOK         ALLOCATION_HOOK
#define NEW_ALIGNED_HOOK ALLOCATION_HOOK

/* Of what was copied, with its end; NULL: nothing. */

static uint64_t hooks_string_bytes(const char *string) {
    return string ? strlen(string) + 1 : 0;
}

static uint64_t wide_string_bytes(const wchar_t *string) {
    const wchar_t *end = string;
    while (string && *end)
        end++;
    return string ? (uintptr_t)(end + 1) - (uintptr_t)string : 0;
}

#define COPY_HOOK(name, parameters, arguments, size)                                               \
    HOOK char *hook_##name parameters {                                                            \
        COUNT_ALLOCATION(name, arguments, hooks_string_bytes(block), NULL);                        \
    }

#define WIDE_COPY_HOOK(name, parameters, arguments, size)                                          \
    HOOK wchar_t *hook_##name parameters {                                                         \
        COUNT_ALLOCATION(name, arguments, wide_string_bytes(block), NULL);                         \
    }

#define PATH_HOOK(name, parameters, arguments, size)                                               \
    HOOK char *hook_##name parameters {                                                            \
        if (buffer)                                                                                \
            return REAL(name) arguments;                                                           \
        COUNT_ALLOCATION(name, arguments, hooks_string_bytes(block), NULL);                        \
    }

/* MAP_FAILED; its header would give mmap another name. */
#define MAPPING_FAILED ((void *)-1)

#define MAPPING_HOOK(name, parameters, arguments, size_bytes)                                      \
    HOOK void *hook_##name parameters {                                                            \
        if (!image->mappings)                                                                      \
            return REAL(name) arguments;                                                           \
        COUNT_ALLOCATION(name, arguments, size_bytes, MAPPING_FAILED);                             \
    }

#define PLACEMENT_HOOK(name, parameters, arguments, size_bytes)                                    \
    HOOK int hook_##name parameters {                                                              \
        struct call call;                                                                          \
        if (!ENTER(&call, name, CALL_IN_FUNCTION))                                                 \
            return REAL(name) arguments;                                                           \
        int status = REAL(name) arguments;                                                         \
        call_state_come_back(&call);                                                               \
        if (status == 0)                                                                           \
            events_allocated(&call, (uintptr_t)*ret, size_bytes);                                  \
        call_state_leave();                                                                        \
        return status;                                                                             \
    }

/* What fails leaves the block as it was: too large a size does. */
#define RESIZE_HOOK(name, parameters, arguments, size_bytes)                                       \
    HOOK void *hook_##name parameters {                                                            \
        struct call call;                                                                          \
        struct taken taken;                                                                        \
        if (!ENTER(&call, name, 0))                                                                \
            return REAL(name) arguments;                                                           \
        uintptr_t address = (uintptr_t)block; /* of what is no block any more after the call */    \
        const struct agent_caught *caught = events_take(&call, address, &taken);                   \
        call_state_go_out(&call);                                                                  \
        STOP_IF_CAUGHT(name, caught);                                                              \
        void *result = REAL(name) arguments;                                                       \
        call_state_come_back(&call);                                                               \
        hook_calls_resized(&call, address, &taken, (uintptr_t)result, size_bytes);                 \
        call_state_leave();                                                                        \
        return result;                                                                             \
    }

#define RELEASE_HOOK(name, parameters, arguments, size)                                            \
    HOOK void hook_##name parameters {                                                             \
        struct call call;                                                                          \
        if (!block)                                                                                \
            return;                                                                                \
        if (!ENTER(&call, name, 0)) {                                                              \
            REAL(name) arguments;                                                                  \
            return;                                                                                \
        }                                                                                          \
        const struct agent_caught *caught = events_freed(&call, (uintptr_t)block);                 \
        call_state_go_out(&call);                                                                  \
        STOP_IF_CAUGHT(name, caught);                                                              \
        REAL(name) arguments;                                                                      \
        call_state_leave();                                                                        \
    }

#define UNMAPPING_HOOK(name, parameters, arguments, size_bytes)                                    \
    HOOK int hook_##name parameters {                                                              \
        struct call call;                                                                          \
        if (!block || !image->mappings || !ENTER(&call, name, 0))                                  \
            return REAL(name) arguments;                                                           \
        const struct agent_caught *caught = events_unmapped(&call, (uintptr_t)block, size_bytes);  \
        call_state_go_out(&call);                                                                  \
        STOP_IF_CAUGHT(name, caught);                                                              \
        int status = REAL(name) arguments;                                                         \
        call_state_leave();                                                                        \
        return status;                                                                             \
    }

#define DEFINE_HOOK(kind, name, shown, size, count, pointer, parameters, arguments)                \
    kind##_HOOK(name, parameters, arguments, REQUESTED_##count)
FOR_EACH_ALLOCATOR_FUNCTION(DEFINE_HOOK)

#define TELL_PLACE(name)                                                                           \
    {                                                                                              \
        extern const char tmpalloc_catch_##name[] __attribute__((visibility("hidden")));           \
        places[AGENT_ENTRY_##name] = (uintptr_t)tmpalloc_catch_##name;                             \
    }
#define IF_ENDS_ALLOCATION(...)
#define IF_ENDS_NEW(...)
#define IF_ENDS_NEW_ALIGNED(...)
#define IF_ENDS_PLACEMENT(...)
#define IF_ENDS_MAPPING(...)
#define IF_ENDS_COPY(...)
#define IF_ENDS_WIDE_COPY(...)
#define IF_ENDS_PATH(...)
#define IF_ENDS_RESIZE(...)    __VA_ARGS__
#define IF_ENDS_RELEASE(...)   __VA_ARGS__
#define IF_ENDS_UNMAPPING(...) __VA_ARGS__

#define TELL_PLACE_OF(kind, name, ...) IF_ENDS_##kind(TELL_PLACE(name))

void hooks_tell_catch_places(uint64_t *places) {
    FOR_EACH_ALLOCATOR_FUNCTION(TELL_PLACE_OF)
}

/* Code that was unloaded makes what is known of call stacks void. */
int hook_dlclose(void *handle) {
    int status = REAL(dlclose)(handle);
    if (status == 0)
        capture_code_unloaded();
    return status;
}

/* Functions of the C library.  It calls its own allocator for the program as anybody does, so that
 * it can be replaced.  A direct call within it is housekeeping (at thread exit it returns cached
 * blocks, which the program has freed before, by calling free), and no event. */

static inline bool is_housekeeping(const void *return_address, uint32_t entry_point) {
    uintptr_t returns = (uintptr_t)return_address;
    const uint8_t *code = (const uint8_t *)return_address - CODE_CALL_BYTES;
    if (!own_code_has(&own_code_c_library, returns - CODE_CALL_BYTES))
        return false;
    uintptr_t target = code_call_target(code, returns);
    return target && target == image->entry_points[entry_point];
}

#define GUARD(kind, name, shown, size, count, pointer, parameters, arguments)                      \
    static RESULT_##kind guard_##name parameters {                                                 \
        if (is_housekeeping(__builtin_return_address(0), AGENT_ENTRY_##name))                      \
            GIVE_##kind REAL(name) arguments;                                                      \
        else                                                                                       \
            GIVE_##kind hook_##name arguments;                                                     \
    }

FOR_EACH_C_FUNCTION(GUARD)
FOR_EACH_MAPPING(GUARD)

/* What the library exports passes on by a jump: to the hook, or to the function behind it, which
 * leads to the hook or doesn't count. */

#define ROUTE(name)                                                                                \
    ((__typeof__(&hook_##name))__atomic_load_n(&hooks_routes[HOOK_##name], __ATOMIC_RELAXED))
#define PASS_ON(kind, name, shown, size, count, pointer, parameters, arguments)                    \
    static RESULT_##kind pass_##name parameters {                                                  \
        GIVE_##kind ROUTE(name) arguments;                                                         \
    }
FOR_EACH_C_FUNCTION(PASS_ON)
FOR_EACH_MAPPING(PASS_ON)
FOR_EACH_OPERATOR(PASS_ON)

static int pass_dlclose(void *handle) {
    return ROUTE(dlclose)(handle);
}

#define EXPORT(kind, name, ...)                                                                    \
    extern TMPALLOC_API __typeof__(hook_##name) name __attribute__((alias("pass_" #name)));
FOR_EACH_C_FUNCTION(EXPORT)
FOR_EACH_MAPPING(EXPORT)
FOR_EACH_OPERATOR(EXPORT)
EXPORT(int, dlclose, (void *handle))

/* Where the debugger stops its user leaves a function that has a name. */
#define EXPORT_HOOK_ITSELF(name)                                                                   \
    extern TMPALLOC_API __typeof__(hook_##name) tmpalloc_##name                                    \
        __attribute__((alias("hook_" #name)));
#define EXPORT_HOOK_OF(kind, name, ...) IF_ENDS_##kind(EXPORT_HOOK_ITSELF(name))
FOR_EACH_ALLOCATOR_FUNCTION(EXPORT_HOOK_OF)

#define ROW(name, guard)          [HOOK_##name] = {(uintptr_t)pass_##name, guard}
#define FUNCTION(kind, name, ...) ROW(name, (uintptr_t)guard_##name),
#define OPERATOR(kind, name, ...) ROW(name, 0),
#define EXPORTED_ITSELF(name)     [HOOK_##name] = {(uintptr_t)hook_##name, 0}

const struct hook hooks[HOOK_COUNT] = {FOR_EACH_C_FUNCTION(FUNCTION) FOR_EACH_MAPPING(FUNCTION)
                                           FOR_EACH_OPERATOR(OPERATOR) ROW(dlclose, 0),
                                       EXPORTED_ITSELF(prctl), EXPORTED_ITSELF(syscall),
                                       EXPORTED_ITSELF(vfork), EXPORTED_ITSELF(clone)};
