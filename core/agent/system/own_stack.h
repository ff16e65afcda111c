/* A stack of this library's own, for what takes more than a caller may have left: signal handlers
 * on alternate stacks have a few hundred bytes of 4 KB, coroutines not much more.
 *
 * Signals from outside wait meanwhile, because a handler would go on on it: it may want more, leave
 * by longjmp, or look for the bounds of the thread's stack; but in a sandbox, where they can't be
 * made to.  x86-64. */
#ifndef TMPALLOC_AGENT_OWN_STACK_H
#define TMPALLOC_AGENT_OWN_STACK_H

#define OWN_STACK_BYTES (12 << 10)

struct own_stack {
    _Alignas(16) unsigned char bytes[OWN_STACK_BYTES];
};

typedef void own_stack_function(void *arg);

/* Calls function(arg) on a stack that nobody uses meanwhile; on the caller's where signals can't be
 * made to wait. */
void own_stack_run(struct own_stack *stack, own_stack_function *function, void *arg)
    __attribute__((noinline, cold));

/* In own_stack_switch.S: calls function(arg) with the stack pointer `top`. */
void own_stack_switch(void *top, own_stack_function *function, void *arg);

#endif
