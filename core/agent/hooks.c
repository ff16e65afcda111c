#include "hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>

#include "agent.h"
#include "events.h"
#include "tmpalloc/tmpalloc.h"

/* Every hooked function: kind(name, parameters, arguments, requested size).  Kinds:
 *     ALLOCATION  returns a block
 *     PLACEMENT   stores a block through its first parameter and returns 0
 *     RESIZE      is realloc of `block`; the expression fails by being NO_SIZE
 *     RELEASE     is free of `block` */
#define FOR_EACH_HOOK(ALLOCATION, PLACEMENT, RESIZE, RELEASE)                                      \
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
    RELEASE(free, (void *block), (block), 0)                                                       \
    RELEASE(free_sized, (void *block, UNUSED size_t size), (block, size), 0)                       \
    RELEASE(free_aligned_sized, (void *block, UNUSED size_t alignment, UNUSED size_t size),        \
            (block, alignment, size), 0)

#define UNUSED __attribute__((unused))
#define IGNORE(name, parameters, arguments, size)

#define NO_SIZE SIZE_MAX

static size_t multiply(size_t count, size_t size) {
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? NO_SIZE : total;
}

/* Blocks for dlsym() while it looks for the real functions: few, small, never used again. */

#define EARLY_BYTES 4096

static alignas(max_align_t) char early_blocks[EARLY_BYTES];
static atomic_size_t early_used;

static bool is_early(const void *block) {
    return (uintptr_t)block - (uintptr_t)early_blocks < EARLY_BYTES;
}

static void *allocate_early(size_t size) {
    size_t rounded = (size / alignof(max_align_t) + 1) * alignof(max_align_t);
    if (size > EARLY_BYTES)
        return NULL;
    size_t start = atomic_fetch_add(&early_used, rounded);
    return start <= EARLY_BYTES - size ? early_blocks + start : NULL;
}

/* The real functions.  Each is at first a function that looks for all of them. */

static __thread bool looking __attribute__((tls_model("initial-exec")));

static void find_real_functions(void);

/* Whether the real functions may be called now: not from within the search. */
static bool find_once(void) {
    if (looking)
        return false;
    looking = true;
    find_real_functions();
    looking = false;
    return true;
}

/* Where nobody has such a function, the early one stays. */
#define EARLY(type, name, parameters, arguments, in_search, missing)                               \
    static type early_##name parameters;                                                           \
    static type(*_Atomic real_##name) parameters = early_##name;                                   \
    static type early_##name parameters {                                                          \
        if (!find_once())                                                                          \
            return in_search;                                                                      \
        return real_##name == early_##name ? missing : real_##name arguments;                      \
    }
#define EARLY_ALLOCATION(name, parameters, arguments, size)                                        \
    EARLY(void *, name, parameters, arguments, allocate_early(size), NULL)
#define EARLY_PLACEMENT(name, parameters, arguments, size)                                         \
    EARLY(int, name, parameters, arguments, ENOMEM, ENOMEM)

FOR_EACH_HOOK(EARLY_ALLOCATION, EARLY_PLACEMENT, IGNORE, IGNORE)
EARLY(void *, realloc, (void *block, size_t size), (block, size), NULL, NULL)

static void early_free(void *block);
static void (*_Atomic real_free)(void *block) = early_free;

static void early_free(void *block) {
    if (find_once() && real_free != early_free)
        real_free(block);
}

static void find_real_functions(void) {
    uintptr_t found;
#define FIND(name, parameters, arguments, size)                                                    \
    if ((found = (uintptr_t)dlsym(RTLD_NEXT, #name)))                                              \
        real_##name = (__typeof__(&early_##name))found;
    FOR_EACH_HOOK(FIND, FIND, IGNORE, IGNORE)
    FIND(realloc, , , )
    FIND(free, , , )
#undef FIND
}

void hooks_list_entry_points(struct agent_image *listed) {
    uintptr_t found;
    if (real_malloc == early_malloc)
        find_once();
    listed->entry_point_count = AGENT_ENTRY_COUNT;
#define LIST(name, parameters, arguments, size)                                                    \
    found = (uintptr_t)dlsym(RTLD_NEXT, #name);                                                    \
    listed->entry_points[AGENT_ENTRY_##name] = found;                                              \
    listed->hooking[AGENT_ENTRY_##name] = found ? AGENT_INTERPOSED : AGENT_NOT_HOOKED;
    FOR_EACH_HOOK(LIST, LIST, LIST, LIST)
#undef LIST
}

/* Calls. */

static bool on_signal_stack(void) {
    stack_t stack;
    int saved_errno = errno;
    bool result = sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK);
    errno = saved_errno;
    return result;
}

/* Whether the thread's call in progress was left by longjmp: the present call is further out, or
 * its return address is gone from the stack. */
static bool was_left(uintptr_t return_slot) {
    uintptr_t slot = threads_self.call_slot;
    if (slot <= return_slot)
        return !on_signal_stack();
    return *(const uintptr_t *)slot != threads_self.call_returns;
}

/* A signal handler came in the middle of a call, or an allocator uses its own functions. */
static void count_nested(void) {
    struct thread *thread = threads_self.thread;
    if (thread)
        __atomic_fetch_add(&thread->image.dropped, 1, __ATOMIC_RELAXED);
    else
        image_count_dropped();
}

static bool leave(void) {
    atomic_signal_fence(memory_order_seq_cst);
    threads_self.call_slot = 0;
    return false;
}

/* `frame` is where the hook keeps its caller's frame pointer; the return address follows. */
static inline void begin(struct call *call, const uintptr_t *frame, uint32_t entry_point,
                         uint64_t generation) {
    uintptr_t return_slot = (uintptr_t)(frame + 1);
    threads_self.call_returns = frame[1];
    threads_self.call_slot = return_slot;
    atomic_signal_fence(memory_order_seq_cst);
    call->generation = generation;
    call->return_slot = return_slot;
    call->frame_pointer = frame[0];
    call->entry_point = entry_point;
}

static __attribute__((noinline)) bool enter_otherwise(struct call *call, const uintptr_t *frame,
                                                      uint32_t entry_point) {
    uint64_t generation = IMAGE_LOAD(&image->generation);
    if (generation == 0) {
        agent_set_up();
        generation = IMAGE_LOAD(&image->generation);
    }
    if (!image_tracks(generation))
        return false;
    if (threads_self.call_slot != 0 && !was_left((uintptr_t)(frame + 1))) {
        count_nested();
        return false;
    }
    begin(call, frame, entry_point, generation);
    call->thread = threads_get(generation);
    if (call->thread)
        return true;
    image_count_dropped();
    return leave();
}

/* A record is up to date with no generation that doesn't track. */
static inline __attribute__((always_inline)) bool enter(struct call *call, const uintptr_t *frame,
                                                        uint32_t entry_point) {
    struct thread *thread = threads_self.thread;
    uint64_t generation = IMAGE_LOAD(&image->generation);
    if (__builtin_expect(
            !thread || thread->image.generation != generation || threads_self.call_slot != 0, 0))
        return enter_otherwise(call, frame, entry_point);
    begin(call, frame, entry_point, generation);
    call->thread = thread;
    return true;
}

#define ENTER(call, name) enter((call), __builtin_frame_address(0), AGENT_ENTRY_##name)

/* The hooks. */

#define ALLOCATION_HOOK(name, parameters, arguments, size_bytes)                                   \
    TMPALLOC_API void *name parameters {                                                           \
        struct call call;                                                                          \
        if (!ENTER(&call, name))                                                                   \
            return real_##name arguments;                                                          \
        void *block = real_##name arguments;                                                       \
        events_allocated(&call, (uintptr_t)block, size_bytes);                                     \
        leave();                                                                                   \
        return block;                                                                              \
    }

#define PLACEMENT_HOOK(name, parameters, arguments, size_bytes)                                    \
    TMPALLOC_API int name parameters {                                                             \
        struct call call;                                                                          \
        if (!ENTER(&call, name))                                                                   \
            return real_##name arguments;                                                          \
        int status = real_##name arguments;                                                        \
        if (status == 0)                                                                           \
            events_allocated(&call, (uintptr_t)*ret, size_bytes);                                  \
        leave();                                                                                   \
        return status;                                                                             \
    }

#define RESIZE_HOOK(name, parameters, arguments, size_bytes)                                       \
    TMPALLOC_API void *name parameters {                                                           \
        struct call call;                                                                          \
        size_t bytes = (size_bytes);                                                               \
        if (__builtin_expect(bytes == NO_SIZE || is_early(block), 0))                              \
            return resize_otherwise(block, bytes);                                                 \
        if (!ENTER(&call, name))                                                                   \
            return real_realloc(block, bytes);                                                     \
        return resize(&call, block, bytes);                                                        \
    }

#define RELEASE_HOOK(name, parameters, arguments, size_bytes)                                      \
    TMPALLOC_API void name parameters {                                                            \
        struct call call;                                                                          \
        if (!block || __builtin_expect(is_early(block), 0))                                        \
            return;                                                                                \
        if (!ENTER(&call, name)) {                                                                 \
            real_free(block);                                                                      \
            return;                                                                                \
        }                                                                                          \
        events_freed(&call, (uintptr_t)block);                                                     \
        real_free(block);                                                                          \
        leave();                                                                                   \
    }

static void *resize(const struct call *call, void *block, size_t size_bytes) {
    struct taken taken;
    uintptr_t address = (uintptr_t)block; /* of what is no block any more after the call */
    events_take(call, address, &taken);
    void *result = real_realloc(block, size_bytes);
    if (result || (address && size_bytes == 0))
        events_reallocated(call, address, &taken, (uintptr_t)result, size_bytes);
    else
        events_put_back(call, &taken);
    leave();
    return result;
}

/* A size that doesn't exist, or a block that dlsym() got. */
static void *resize_otherwise(void *block, size_t size_bytes) {
    void *moved = size_bytes == NO_SIZE ? NULL : malloc(size_bytes);
    if (!moved) {
        errno = ENOMEM;
        return NULL;
    }
    size_t readable = (size_t)(early_blocks + EARLY_BYTES - (char *)block);
    return __builtin_memcpy(moved, block, size_bytes < readable ? size_bytes : readable);
}

/* C23; the C library may not know them yet. */
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

FOR_EACH_HOOK(ALLOCATION_HOOK, PLACEMENT_HOOK, RESIZE_HOOK, RELEASE_HOOK)

/* Code that was unloaded makes what is known of call stacks void. */
TMPALLOC_API int dlclose(void *handle) {
    static int (*_Atomic real_dlclose)(void *handle);
    if (!real_dlclose)
        real_dlclose = (int (*)(void *))(uintptr_t)dlsym(RTLD_NEXT, "dlclose");
    int status = real_dlclose(handle);
    if (status == 0)
        capture_code_unloaded();
    return status;
}
