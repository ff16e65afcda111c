#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "agent/count/catches.h"
#include "agent/count/image.h"
#include "agent/count/sandbox.h"
#include "agent/count/threads.h"
#include "agent/count/tracer.h"
#include "agent/cpython/python_codes.h"
#include "agent/cpython/python_here.h"
#include "agent/environment.h"
#include "agent/hooks/function_hooks.h"
#include "agent/hooks/hook_calls.h"
#include "agent/hooks/hooks.h"
#include "agent/install.h"
#include "agent/patch/patch.h"
#include "agent/patch/sandbox_code.h"
#include "agent/system/c_library.h"
#include "agent/system/loaded_symbols.h"
#include "agent/system/memory_mmap.h"
#include "agent/unwind/capture.h"
#include "agent/unwind/cfi_told.h"
#include "tmpalloc/status.h"

enum state { NOT_SET_UP, IN_PROGRESS, READY, FAILED };

static _Atomic enum state state;
static bool preloaded;

static uint32_t clamp(uint32_t number, uint32_t lowest, uint32_t highest) {
    if (number < lowest)
        return lowest;
    return number < highest ? number : highest;
}

/* The debugger has looked, or the program hasn't begun: whatever its code may do later, there is no
 * sandbox for so long.  errno, which is given, stays as it is for the program. */
static int begin_work(void) {
    sandbox_rule_out(true);
    return *c_library___errno_location();
}

static void end_work(int saved_errno) {
    *c_library___errno_location() = saved_errno;
    sandbox_rule_out(false);
}

static void in_child(void) {
    threads_in_child();
    catches_in_child();
}

static int agent_create(struct image_options options) {
    if (!c_library_is_known())
        return TMPALLOC_E_UNSUPPORTED;
    options.max_threshold = clamp(options.max_threshold, 0, DETECTOR_THRESHOLD_LIMIT);
    options.stack_depth = clamp(options.stack_depth, 1, AGENT_STACK_LIMIT);
    memory_set_limit(options.memory_limit_bytes);
    capture_set_depth(options.stack_depth);
    cfi_told_by(catches_ask);
    int status = image_create(&options);
    if (status != TMPALLOC_OK)
        return status;
    hooks_tell_catch_places(image->catch_places);
    function_hooks_tell_catch_places(image->catch_places);
    status = threads_init();
    if (status != TMPALLOC_OK)
        return status;
    if (sandbox_code_found())
        sandbox_expect();
    if (c_library___register_atfork(threads_before_fork, threads_in_parent, in_child, NULL))
        return TMPALLOC_E_NOMEM;
    return TMPALLOC_OK;
}

static uintptr_t agent_find_symbol(const char *symbol) {
    return loaded_symbols_find(symbol, LOADED_FIRST);
}

static void look_for_python(void) {
    if (python_here_find(agent_find_symbol) == PYTHON_FOUND)
        image->python_version = python_here()->version;
}

/* The library was loaded with the program, and nobody has set it up yet. */
static bool is_preloaded(void) {
    return state == NOT_SET_UP && environment_is_known() && !sandbox_entered() &&
           (environment_has_options() || install_comes_first());
}

static bool agent_begin(void) {
    enum state expected = NOT_SET_UP;
    return atomic_compare_exchange_strong(&state, &expected, IN_PROGRESS);
}

/* Those that the debugger has written when it was told that all is ready. */
static bool hook_functions(bool unannounced) {
    struct agent_function functions[AGENT_FUNCTIONS];
    uint32_t count = image->function_count;
    int status = TMPALLOC_E_UNSUPPORTED;
    if ((count > 0 || image->object_allocator_tables[0]) && count <= AGENT_FUNCTIONS) {
        memcpy(functions, image->functions, sizeof functions);
        image->function_count = 0;
        patch_avoid(NULL, 0, unannounced);
        status = install_functions(image, functions, count);
        patch_avoid(NULL, 0, false);
    }
    if (status != TMPALLOC_OK)
        install_undo(image);
    catches_tell(AGENT_TELLS_HOOKED, NULL);
    return status == TMPALLOC_OK;
}

static void set_up(void) {
    struct environment_options options;
    environment_take(&options);
    if (agent_create(options.image) != TMPALLOC_OK) {
        state = FAILED;
        return;
    }
    preloaded = true;
    look_for_python();
    patch_avoid(NULL, 0, options.unannounced);
    install_hooks(image, preloaded);
    patch_avoid(NULL, 0, false);
    state = READY;
    image_publish();
    catches_tell(AGENT_TELLS_READY, NULL);
    if (options.traced)
        tracer_watch();
    if (options.start && (!options.functions || hook_functions(options.unannounced)))
        image_start();
}

/* Follows the environment, once that is known; to be called again until then.  Allocator calls
 * before it go through uncounted. */
static void set_up_once(void) {
    if (!is_preloaded() || !agent_begin())
        return;
    int saved_errno = begin_work();
    set_up();
    end_work(saved_errno);
}

void (*const hook_calls_when_not_set_up)(void) = set_up_once;

/* Of all constructors this is the first (-z initfirst): those of libraries allocate. */
__attribute__((constructor)) static void agent_loaded(int argument_count, char **arguments,
                                                      char **variables) {
    (void)argument_count;
    (void)arguments;
    environment_begin(variables);
    set_up_once();
}

/* For the debugger; see tmpalloc/agent_image.h. */
TMPALLOC_API int tmpalloc_agent_install(uint32_t max_threshold, uint32_t stack_depth,
                                        uint64_t memory_limit_bytes, const uint64_t *addresses,
                                        uint64_t count, bool unannounced);
TMPALLOC_API int tmpalloc_agent_hook(const struct agent_function *functions, uint64_t count,
                                     const uint64_t *addresses, uint64_t address_count,
                                     bool unannounced);
TMPALLOC_API int tmpalloc_agent_uninstall(void);

static bool create_late(const struct image_options *options) {
    if (agent_begin())
        state = agent_create(*options) == TMPALLOC_OK ? READY : FAILED;
    return state == READY;
}

int tmpalloc_agent_install(uint32_t max_threshold, uint32_t stack_depth,
                           uint64_t memory_limit_bytes, const uint64_t *addresses, uint64_t count,
                           bool unannounced) {
    const struct image_options options = {.max_threshold = max_threshold,
                                          .stack_depth = stack_depth,
                                          .memory_limit_bytes = memory_limit_bytes};
    int saved_errno = begin_work();
    int status = TMPALLOC_E_NOMEM;
    if (create_late(&options)) {
        capture_code_unloaded(); /* unseen, since the functions were as before */
        look_for_python();
        python_codes_watch();
        patch_avoid(addresses, count, unannounced);
        status = install_hooks(image, preloaded);
        patch_avoid(NULL, 0, false);
        image_publish();
        tracer_watch();
    }
    end_work(saved_errno);
    return status;
}

int tmpalloc_agent_hook(const struct agent_function *functions, uint64_t count,
                        const uint64_t *addresses, uint64_t address_count, bool unannounced) {
    int saved_errno = begin_work();
    int status = TMPALLOC_E_UNSUPPORTED;
    if (state == READY) {
        patch_avoid(addresses, address_count, unannounced);
        status = install_functions(image, functions, (uint32_t)count);
        patch_avoid(NULL, 0, false);
    }
    end_work(saved_errno);
    return status;
}

int tmpalloc_agent_uninstall(void) {
    int saved_errno = begin_work();
    if (state == READY) {
        install_undo(image);
        if (!preloaded)
            python_codes_unwatch();
    }
    end_work(saved_errno);
    return TMPALLOC_OK;
}
