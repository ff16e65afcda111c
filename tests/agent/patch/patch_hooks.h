/* Hooks for any function with up to six arguments in registers: they count, call the original, and
 * leave in no register, but for the result, what it had, as a hook in C may do as well. */
#ifndef PATCH_HOOKS_H
#define PATCH_HOOKS_H

#include <stdint.h>

#define HOOK_COUNT 64
#define HOOK_BYTES 256

__asm__(".text\n"
        ".balign 256\n"
        "hooks:\n"
        ".set index, 0\n"
        ".rept 64\n"
        ".balign 256\n"
        "lock incq hook_counts + 8 * index(%rip)\n"
        "mov $-1, %rax\n"
        "mov %rax, %r10\n"
        "mov %rax, %r11\n"
        "movq %rax, %xmm0\n"
        "sub $8, %rsp\n"
        "call *hook_originals + 8 * index(%rip)\n"
        "add $8, %rsp\n"
        ".irp register, rcx, rdx, rsi, rdi, r8, r9, r10, r11\n"
        "mov $-1, %\\register\n"
        ".endr\n"
        ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "pcmpeqd %xmm\\number, %xmm\\number\n"
        ".endr\n"
        "ret\n"
        ".set index, index + 1\n"
        ".endr\n");

extern char hooks[];
uint64_t hook_counts[HOOK_COUNT];
uintptr_t hook_originals[HOOK_COUNT];

static uintptr_t hook_at(int index) {
    return (uintptr_t)hooks + (uintptr_t)index * HOOK_BYTES;
}

#endif
