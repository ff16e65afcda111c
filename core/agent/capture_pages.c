#include "capture_pages.h"

#include <errno.h>
#include <sys/syscall.h>

/* No page is smaller. */
#define PAGE_BYTES       ((uintptr_t)4096)
#define SIGNAL_SET_BYTES 8

/* rt_sigprocmask() reads the set before it rejects the unknown operation.  Unlike reading through
 * pipes or process_vm_readv() it is there in every sandbox.  Done without libc, which would change
 * errno. */
static bool can_read(uintptr_t page) {
    long result = SYS_rt_sigprocmask;
    register void *old_set __asm__("rdx") = 0;
    register long size __asm__("r10") = SIGNAL_SET_BYTES;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(-1L), "S"(page), "r"(old_set), "r"(size)
                     : "rcx", "r11", "memory");
    return result != -EFAULT;
}

bool capture_pages_readable(struct capture_pages *pages, uintptr_t address) {
    uintptr_t page = address & -PAGE_BYTES;
    uintptr_t *known = &pages->known[page / PAGE_BYTES % CAPTURE_PAGES];
    if (*known == page && page)
        return true;
    if (!can_read(page))
        return false;
    *known = page;
    return true;
}
