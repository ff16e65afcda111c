#include "kernel_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>

/* Since Linux 4.17; before, it is a hint like any address. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* The largest error number that a system call returns, negated. */
#define ERROR_LIMIT 4095UL

static long call(long number, void *address, size_t size_bytes, long protection, long flags) {
    long result = number;
    register long flags_register __asm__("r10") = flags;
    register long file __asm__("r8") = -1;
    register long offset __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(address), "S"(size_bytes), "d"(protection), "r"(flags_register),
                       "r"(file), "r"(offset)
                     : "rcx", "r11", "memory");
    return result;
}

static void *map(void *address, size_t size_bytes, int flags) {
    long result = call(SYS_mmap, address, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | flags);
    return (unsigned long)result >= -ERROR_LIMIT ? NULL : (void *)result;
}

void *kernel_map(size_t size_bytes) {
    return map(NULL, size_bytes, 0);
}

void *kernel_map_at(void *address, size_t size_bytes) {
    void *pages = map(address, size_bytes, MAP_FIXED_NOREPLACE);
    if (!pages || pages == address)
        return pages;
    kernel_unmap(pages, size_bytes);
    return NULL;
}

void kernel_unmap(void *address, size_t size_bytes) {
    call(SYS_munmap, address, size_bytes, 0, 0);
}

bool kernel_protect(void *address, size_t size_bytes, int protection) {
    return call(SYS_mprotect, address, size_bytes, protection, 0) == 0;
}
