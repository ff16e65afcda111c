#include "agent/system/own_stack.h"

#include <signal.h>
#include <stdint.h>

#include "agent/system/capture_pages.h"
#include "agent/system/sandbox_state.h"
#include "agent/x86_64/system_call.h"

#define SIGNAL(number) (UINT64_C(1) << ((number)-1))

/* What a thread raises itself, by a breakpoint say, can't wait: the kernel would forget the
 * program's handler. */
#define RAISED                                                                                     \
    (SIGNAL(SIGSEGV) | SIGNAL(SIGBUS) | SIGNAL(SIGILL) | SIGNAL(SIGFPE) | SIGNAL(SIGTRAP) |        \
     SIGNAL(SIGSYS))

/* Signals can't be made to wait.  A thread has room on the stack that it began with. */
static void run_in_sandbox(struct own_stack *stack, own_stack_function *function, void *arg) {
    if (capture_pages_on_own_stack((uintptr_t)__builtin_frame_address(0)))
        function(arg);
    else
        own_stack_switch(stack->bytes + sizeof stack->bytes, function, arg);
}

void own_stack_run(struct own_stack *stack, own_stack_function *function, void *arg) {
    if (sandbox_entered()) {
        run_in_sandbox(stack, function, arg);
        return;
    }
    uint64_t waiting = ~RAISED, before;
    if (system_call_failed(system_call4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&waiting,
                                        (long)&before, sizeof before))) {
        function(arg);
        return;
    }
    own_stack_switch(stack->bytes + sizeof stack->bytes, function, arg);
    system_call4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before);
}
