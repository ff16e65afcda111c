#include "agent/cpython/python_here.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/uio.h>

#include "agent/system/c_library.h"
#include "agent/system/loaded_symbols.h"
#include "agent/system/sandbox_state.h"
#include "agent/x86_64/system_call.h"

typedef uintptr_t state_function(void);

static struct here {
    atomic_bool found; /* all others are what they stay */
    struct python_runtime runtime;
    uintptr_t code_type;
    struct python_loop_code loop_code;
    state_function *current; /* since 3.12 the calling thread's, before that the GIL holder's */
    state_function *of_thread;
} here;

/* Copied by the kernel: memory that vanishes meanwhile is an error and no crash. */
static bool read_safely(void *arg, uint64_t address, void *buffer, size_t size_bytes) {
    struct iovec local = {.iov_base = buffer, .iov_len = size_bytes};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size_bytes};
    long self = system_call4(SYS_getpid, 0, 0, 0, 0);
    long read = system_call6(SYS_process_vm_readv, self, (long)&local, 1, (long)&remote, 1, 0);
    (void)arg;
    return read == (long)size_bytes;
}

/* A runtime that was found is a loaded library's data. */
static bool read_directly(void *arg, uint64_t address, void *buffer, size_t size_bytes) {
    (void)arg;
    memcpy(buffer, (const void *)(uintptr_t)address, size_bytes);
    return true;
}

typedef uintptr_t find_function(const char *symbol);

static uint64_t python_here_find_symbol(void *arg, const char *symbol) {
    find_function *const *find = arg;
    return (*find)(symbol);
}

static struct python_loop_code find_loop(find_function *find) {
    uintptr_t start = find("_PyEval_EvalFrameDefault");
    size_t size = start ? loaded_symbols_bounds(start, &start) : 0;
    return size ? (struct python_loop_code){.start = start, .end = start + size}
                : (struct python_loop_code){0};
}

enum python_answer python_here_find(find_function *find) {
    struct here new = {.found = false};
    const struct python_process process = {
        .read = read_directly, .find = python_here_find_symbol, .arg = &find};
    if (python_here())
        return PYTHON_FOUND;
    enum python_answer answer = python_runtime_find(&process, &new.runtime);
    if (answer != PYTHON_FOUND)
        return answer;
    here.runtime = new.runtime;
    here.code_type = find("PyCode_Type");
    here.loop_code = find_loop(find);
    here.current = (state_function *)find("PyThreadState_GetUnchecked");
    if (!here.current)
        here.current = (state_function *)find("_PyThreadState_UncheckedGet");
    here.of_thread = (state_function *)find("PyGILState_GetThisThreadState");
    if (!here.code_type || !here.current || !here.of_thread)
        return PYTHON_UNKNOWN;
    atomic_store_explicit(&here.found, true, memory_order_release);
    return PYTHON_FOUND;
}

const struct python_runtime *python_here(void) {
    return atomic_load_explicit(&here.found, memory_order_acquire) ? &here.runtime : NULL;
}

uintptr_t python_here_code_type(void) {
    return here.code_type;
}

struct python_loop_code python_here_loop_code(void) {
    return here.loop_code;
}

/* The state may be another thread's, which may be releasing it just now. */
static __attribute__((noinline, cold)) bool is_own_thread(uintptr_t state) {
    uint64_t owner;
    return !sandbox_entered() &&
           read_safely(NULL, state + here.runtime.offsets.thread_pthread, &owner, sizeof owner) &&
           owner == c_library_pthread_self();
}

/* Before 3.12 a thread is known by the state that it had first, and runs other interpreters with
 * states of theirs, while it holds the GIL.  A state that was another thread's can become this
 * thread's only when this thread makes it, with the GIL and a state of its own, by an allocation.
 */
static uintptr_t own_state(struct python_self *self) {
    uintptr_t current = here.current();
    if (here.runtime.version >= 0x030c)
        return current ? current : here.of_thread();
    uintptr_t first = here.of_thread();
    if (current == first)
        self->foreign = 0;
    if (current == first || !current || current == self->foreign)
        return first;
    bool own = is_own_thread(current);
    self->foreign = own ? 0 : current;
    return own ? current : first;
}

/* The thread that ends the interpreter releases the states of those that are left behind. */
uintptr_t python_here_thread(struct python_self *self) {
    uintptr_t state = own_state(self);
    uintptr_t ending =
        *(const uintptr_t *)(here.runtime.address + here.runtime.offsets.runtime_finalizing);
    return ending && ending != state ? 0 : state;
}
