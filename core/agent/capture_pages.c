#include "capture_pages.h"

#include <errno.h>

#include "system_call.h"

/* No page is smaller. */
#define PAGE_BYTES       ((uintptr_t)4096)
#define SIGNAL_SET_BYTES 8

/* rt_sigprocmask() reads the set before it rejects the unknown operation.  Unlike reading through
 * pipes or process_vm_readv() it is there in every sandbox. */
static bool can_read(uintptr_t page) {
    return system_call4(SYS_rt_sigprocmask, -1, (long)page, 0, SIGNAL_SET_BYTES) != -EFAULT;
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
