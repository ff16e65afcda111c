/* vfork() returns twice, the second time with a stack that the child has used: the return address is
 * kept where the kernel leaves it alone, for each of them. */
#include <sys/syscall.h>

    .text
    .globl hook_vfork, vfork
    .hidden hook_vfork
    .type hook_vfork, @function
    .type vfork, @function
hook_vfork:
vfork:
    .cfi_startproc
    sub $8, %rsp
    .cfi_adjust_cfa_offset 8
    call children_begin
    add $8, %rsp
    .cfi_adjust_cfa_offset -8
    pop %rdi
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rdi
    mov $SYS_vfork, %eax
    syscall
    push %rdi
    .cfi_adjust_cfa_offset 8
    .cfi_offset %rip, -8
    test %eax, %eax
    jz 1f
    push %rax
    .cfi_adjust_cfa_offset 8
    call children_end
    pop %rdi
    .cfi_adjust_cfa_offset -8
    jmp process_hooks_answer
1:  ret
    .cfi_endproc
    .size hook_vfork, . - hook_vfork
    .size vfork, . - vfork

    .section .note.GNU-stack, "", @progbits
