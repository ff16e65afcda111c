/* System V ABI, AMD64, 3.2.  The frame pointer leads debuggers back to the caller's stack. */
    .text
    .globl own_stack_switch
    .hidden own_stack_switch
    .type own_stack_switch, @function
own_stack_switch:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register %rbp
    mov %rdi, %rsp
    mov %rdx, %rdi
    call *%rsi
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size own_stack_switch, .-own_stack_switch

    .section .note.GNU-stack, "", @progbits
