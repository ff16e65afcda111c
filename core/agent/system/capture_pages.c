#include "agent/system/capture_pages.h"

#include <errno.h>

#include "agent/system/sandbox_state.h"
#include "agent/x86_64/system_call.h"
#include "platform/page.h"

#define SIGNAL_SET_BYTES 8
#define WORD_BYTES       8

#define MAIN_STACK_BYTES   ((uintptr_t)128 << 20) /* the kernel leaves as much room for it */
#define THREAD_STACK_BYTES ((uintptr_t)8 << 20)   /* as the C library makes them */
#define OTHER_STACK_BYTES  ((uintptr_t)4 << 10)   /* the smallest that are used */

/* rt_sigprocmask() reads the set before it rejects the unknown operation.  Unlike reading through
 * pipes or process_vm_readv() it is there in every sandbox. */
static bool can_read(uintptr_t page) {
    return system_call4(SYS_rt_sigprocmask, -1, (long)page, 0, SIGNAL_SET_BYTES) != -EFAULT;
}

/* Where the program's first instruction found the stack. */
extern void *__libc_stack_end __attribute__((weak));

static uintptr_t main_stack_end(void) {
    return &__libc_stack_end ? (uintptr_t)__libc_stack_end : 0;
}

static bool is_within(uintptr_t address, uintptr_t start, uintptr_t end) {
    return address >= start && address < end && end - address >= WORD_BYTES;
}

static bool on_main_stack(uintptr_t place) {
    uintptr_t end = main_stack_end();
    return place < end && end - place < MAIN_STACK_BYTES;
}

/* The C library keeps what belongs to a thread at the end of its stack. */
static bool on_thread_stack(uintptr_t place) {
    uintptr_t end = (uintptr_t)__builtin_thread_pointer();
    return place < end && end - place < THREAD_STACK_BYTES;
}

bool capture_pages_on_own_stack(uintptr_t place) {
    return on_main_stack(place) || on_thread_stack(place);
}

/* Without the kernel.  A signal handler on a stack of its own has interrupted the other. */
static bool can_be_read(uintptr_t stack, uintptr_t address) {
    uintptr_t main_end = main_stack_end(), thread_end = (uintptr_t)__builtin_thread_pointer();
    if (is_within(address, stack, stack + OTHER_STACK_BYTES))
        return true;
    if (on_main_stack(address))
        return is_within(address, 0, main_end);
    return on_thread_stack(stack) && is_within(address, stack, thread_end);
}

bool capture_pages_readable(struct capture_pages *pages, uintptr_t address) {
    uintptr_t page = address & -PAGE_BYTES;
    uintptr_t *known = &pages->known[page / PAGE_BYTES % CAPTURE_PAGES];
    uintptr_t stack = pages->stack ? pages->stack : (uintptr_t)__builtin_frame_address(0);
    if (*known == page && page)
        return true;
    if (on_main_stack(stack) && is_within(address, stack, main_stack_end()))
        return true;
    if (sandbox_entered())
        return can_be_read(stack, address);
    if (!can_read(page))
        return false;
    *known = page;
    return true;
}
