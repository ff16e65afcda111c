#include "agent/system/kernel_memory.h"

#include <stdint.h>
#include <sys/mman.h>

#include "agent/x86_64/code_bytes.h"
#include "agent/x86_64/system_call.h"
#include "platform/page.h"

/* Since Linux 4.17; before, it is a hint like any address. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static void *kernel_memory_map(void *address, size_t size_bytes, int flags) {
    long result = system_call6(SYS_mmap, (long)address, (long)size_bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return system_call_failed(result) ? NULL : (void *)result;
}

void *kernel_map(size_t size_bytes) {
    return kernel_memory_map(NULL, size_bytes, 0);
}

void *kernel_map_at(void *address, size_t size_bytes) {
    void *pages = kernel_memory_map(address, size_bytes, MAP_FIXED_NOREPLACE);
    if (!pages || pages == address)
        return pages;
    kernel_unmap(pages, size_bytes);
    return NULL;
}

void kernel_unmap(void *address, size_t size_bytes) {
    system_call4(SYS_munmap, (long)address, (long)size_bytes, 0, 0);
}

bool kernel_protect(void *address, size_t size_bytes, int protection) {
    return system_call4(SYS_mprotect, (long)address, (long)size_bytes, protection, 0) == 0;
}

/* libc's memcpy() may be on a page that can't be executed for the moment. */
static void kernel_memory_copy(uint8_t *to, const uint8_t *from, size_t size_bytes) {
    uintptr_t offset = (uintptr_t)to % sizeof(uint64_t);
    uint64_t *word = (uint64_t *)(void *)(to - offset);
    if (offset + size_bytes > sizeof *word) {
        code_copy(to, from, size_bytes);
        return;
    }
    uint64_t value = *word;
    __builtin_memcpy((uint8_t *)&value + offset, from, size_bytes);
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Keeps what others may be doing on the pages possible, if the kernel allows that. */
static bool make_writable(void *address, size_t size_bytes, int protection) {
    return kernel_protect(address, size_bytes, protection | PROT_WRITE) ||
           kernel_protect(address, size_bytes, PROT_READ | PROT_WRITE);
}

bool kernel_write(void *address, const void *bytes, size_t size_bytes, int protection) {
    size_t before = (uintptr_t)address % PAGE_BYTES;
    void *page = (uint8_t *)address - before;
    if (protection & PROT_WRITE) {
        kernel_memory_copy(address, bytes, size_bytes);
        return true;
    }
    if (!make_writable(page, before + size_bytes, protection))
        return false;
    kernel_memory_copy(address, bytes, size_bytes);
    return kernel_protect(page, before + size_bytes, protection);
}
