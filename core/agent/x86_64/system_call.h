/* System calls by their own instruction: libc's functions set errno, are where threads are
 * cancelled, and may be the program's. */
#ifndef TMPALLOC_AGENT_SYSTEM_CALL_H
#define TMPALLOC_AGENT_SYSTEM_CALL_H

#include <stdbool.h>
#include <sys/syscall.h>

/* The largest error number that a system call returns, negated. */
#define SYSTEM_CALL_ERROR_LIMIT 4095UL

static inline bool system_call_failed(long result) {
    return (unsigned long)result >= -SYSTEM_CALL_ERROR_LIMIT;
}

static inline long system_call6(long number, long first, long second, long third, long fourth,
                                long fifth, long sixth) {
    long result = number;
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    register long r9 __asm__("r9") = sixth;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long system_call4(long number, long first, long second, long third, long fourth) {
    long result = number;
    register long r10 __asm__("r10") = fourth;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(first), "S"(second), "d"(third), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

#endif
