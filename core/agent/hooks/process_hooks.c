/* Functions of the C library that change what the process may do. */
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "agent/count/catches.h"
#include "agent/count/children.h"
#include "agent/count/image.h"
#include "agent/count/sandbox.h"
#include "agent/hooks/hook_list.h"
#include "agent/hooks/hooks_real.h"
#include "agent/system/c_library.h"
#include "tmpalloc/status.h"

/* Since Linux 5.11: system calls from elsewhere become signals. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER 8
#endif

/* A call without a filter asks what the kernel knows, and fails.  A child is in a sandbox of its
 * own.
 */

static bool prctl_enters(unsigned long option, unsigned long mode, unsigned long filter) {
    if (option == PR_SET_SECCOMP)
        return mode == SECCOMP_MODE_STRICT || (mode == SECCOMP_MODE_FILTER && filter);
    return option == PR_SET_SYSCALL_USER_DISPATCH && mode != 0;
}

static bool seccomp_enters(unsigned long operation, unsigned long filter) {
    return operation == SECCOMP_SET_MODE_STRICT || (operation == SECCOMP_SET_MODE_FILTER && filter);
}

static bool process_hooks_is_child(void) {
    return children_any() && children_call();
}

/* A positive number is a thread that can't follow, unless a descriptor was asked for. */
static bool has_entered(long number, long result, long flags) {
    return result == 0 ||
           (result > 0 && number == SYS_seccomp && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER));
}

static long process_hooks_settle(long number, long result, long flags) {
    if (!has_entered(number, result, flags))
        sandbox_take_back();
    return result;
}

int hook_prctl(int option, unsigned long two, unsigned long three, unsigned long four,
               unsigned long five) {
    bool enters = prctl_enters((unsigned int)option, two, three) && !process_hooks_is_child();
    if (__builtin_expect(!enters, 1))
        return REAL(prctl)(option, two, three, four, five);
    sandbox_begin();
    return (int)process_hooks_settle(SYS_prctl, REAL(prctl)(option, two, three, four, five), 0);
}

/* Those who end it by a function of the C library are seen there. */
static void tell_of_leaving(long number) {
    if (number == SYS_exit_group)
        catches_leaving(AGENT_TELLS_EXITING);
    else if (number == SYS_execve || number == SYS_execveat)
        catches_leaving(AGENT_TELLS_EXECING);
}

static int note_child(int result) {
    if (result > 0)
        image_count_child();
    return result;
}

/* Of who shares its memory only the C library's functions tell. */
static bool makes_copy(long number, long flags, long stack) {
    return number == SYS_fork || (number == SYS_clone && stack == 0 && !(flags & CLONE_VM));
}

long hook_syscall(long number, long one, long two, long three, long four, long five) {
    bool enters = false;
    if (!process_hooks_is_child())
        tell_of_leaving(number);
    if (number == SYS_seccomp)
        enters = seccomp_enters((unsigned long)one, (unsigned long)three);
    else if (number == SYS_prctl)
        enters = prctl_enters((unsigned int)one, (unsigned long)two, (unsigned long)three);
    if (makes_copy(number, one, two))
        return note_child((int)REAL(syscall)(number, one, two, three, four, five));
    if (__builtin_expect(!enters || process_hooks_is_child(), 1))
        return REAL(syscall)(number, one, two, three, four, five);
    sandbox_begin();
    return process_hooks_settle(number, REAL(syscall)(number, one, two, three, four, five), two);
}

/* What the kernel has answered to vfork(), as the C library gives it. */
pid_t process_hooks_answer(int result);

pid_t process_hooks_answer(int result) {
    if (result >= 0)
        return note_child(result);
    *c_library___errno_location() = -result;
    return -1;
}

/* Whether the child uses what belongs to the thread. */
static bool shares_all(int flags) {
    return (flags & CLONE_VM) && !(flags & (CLONE_THREAD | CLONE_SETTLS));
}

static int clone_apart(int (*function)(void *), void *stack, int flags, void *arg,
                       pid_t *parent_tid, void *storage) {
    pid_t *place = children_begin_apart();
    if (place)
        flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    int result = REAL(clone)(function, stack, flags, arg, parent_tid, storage, place);
    if (result < 0 && place)
        __atomic_store_n(place, 0, __ATOMIC_RELEASE);
    return result;
}

/* The seventh argument stays on the stack. */
typedef int clone_passed(int (*function)(void *), void *stack, int flags, void *arg,
                         pid_t *parent_tid, void *storage);

int hook_clone(int (*function)(void *), void *stack, int flags, void *arg, pid_t *parent_tid,
               void *storage, pid_t *child_tid) {
    bool tells = flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID); /* the program itself */
    if (shares_all(flags) && !(flags & CLONE_VFORK) && !tells)
        return note_child(clone_apart(function, stack, flags, arg, parent_tid, storage));
    if ((flags & CLONE_VM) && !(shares_all(flags) && (flags & CLONE_VFORK)))
        return ((clone_passed *)(uintptr_t)REAL(clone))(function, stack, flags, arg, parent_tid,
                                                        storage);
    if (!(flags & CLONE_VM))
        return note_child(REAL(clone)(function, stack, flags, arg, parent_tid, storage, child_tid));
    children_begin();
    int result = REAL(clone)(function, stack, flags, arg, parent_tid, storage, child_tid);
    children_end();
    return note_child(result);
}

/* Programs that are executed at once; a number other than 0 is an error. */

int hook_posix_spawn(pid_t *child, const char *path, const void *actions, const void *attributes,
                     char *const *arguments, char *const *variables) {
    int status = REAL(posix_spawn)(child, path, actions, attributes, arguments, variables);
    note_child(status == 0);
    return status;
}

int hook_posix_spawnp(pid_t *child, const char *file, const void *actions, const void *attributes,
                      char *const *arguments, char *const *variables) {
    int status = REAL(posix_spawnp)(child, file, actions, attributes, arguments, variables);
    note_child(status == 0);
    return status;
}

/* Under other names than their headers declare. */
#define EXPORT(name)                                                                               \
    extern TMPALLOC_API __typeof__(hook_##name) exported_##name __asm__(#name)                     \
        __attribute__((alias("hook_" #name)))

EXPORT(prctl);
EXPORT(syscall);
EXPORT(clone);
