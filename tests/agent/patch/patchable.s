# Functions that can be patched, or can't, each for a reason.  They take a number and give one.
#
# A case is its function, the status expected, and its name.

    .set PATCHED, 0
    .set REFUSED, -6

.macro CASE name, expected
    .section cases, "aw"
    .quad \name, \expected, 1f
    .section .rodata.names, "a"
1:  .asciz "\name"
    .text
    .balign 16
    .globl \name
    .type \name, @function
.endm

.macro BEGIN name, expected
    CASE \name, \expected
\name:
    .cfi_startproc
.endm

.macro END name
    .cfi_endproc
    .size \name, . - \name
    .balign 16
.endm

    .data
variable: .quad 12
pointer: .quad helper

    .text
    .balign 16
    .type helper, @function
helper:
    .cfi_startproc
    lea 100(%rdi), %rax
    ret
    .cfi_endproc
    .size helper, . - helper

# What moves.

BEGIN plain PATCHED
    push %rbx
    mov %rdi, %rbx
    lea 3(%rbx), %rax
    pop %rbx
    ret
END plain

BEGIN exactly_five_bytes PATCHED
    mov $7, %eax
    add %rdi, %rax
    ret
END exactly_five_bytes

BEGIN endbranch PATCHED
    endbr64
    mov $8, %eax
    add %rdi, %rax
    ret
END endbranch

BEGIN relative_load PATCHED
    mov variable(%rip), %rax
    add %rdi, %rax
    ret
END relative_load

BEGIN relative_store_with_immediate PATCHED
    movl $13, variable(%rip)
    mov variable(%rip), %rax
    movl $12, variable(%rip)
    add %rdi, %rax
    ret
END relative_store_with_immediate

BEGIN relative_with_vex PATCHED
    vmovq variable(%rip), %xmm0
    vmovq %xmm0, %rax
    add %rdi, %rax
    ret
END relative_with_vex

BEGIN long_conditional_jump PATCHED
    test %rdi, %rdi
    je far_below
    mov $2, %eax
    ret
    .skip 200, 0x90
far_below:
    mov $3, %eax
    ret
END long_conditional_jump

BEGIN short_conditional_jumps PATCHED
    cmp $1, %edi
    jl 1f
    je 2f
    lea 10(%rdi), %rax
    ret
1:  mov $100, %eax
    ret
2:  mov $200, %eax
    ret
END short_conditional_jumps

BEGIN three_short_jumps PATCHED
    jo 1f
    jp 1f
    js 1f
1:  mov %rdi, %rax
    ret
END three_short_jumps

BEGIN jump_to_elsewhere PATCHED
    jmp helper
END jump_to_elsewhere

BEGIN late_short_jump PATCHED
    xor %eax, %eax
    inc %edi
    jmp 1f
    .skip 7, 0x90
1:  add %rdi, %rax
    ret
END late_short_jump

BEGIN short_jump_before_padding PATCHED
    jmp 1f
    .balign 16
1:  mov $4, %eax
    ret
END short_jump_before_padding

BEGIN call_first PATCHED
    call helper
    inc %rax
    ret
END call_first

BEGIN call_after_push PATCHED
    push %rbx
    call helper
    pop %rbx
    ret
END call_after_push

BEGIN call_through_pointer PATCHED
    call *pointer(%rip)
    inc %rax
    ret
END call_through_pointer

BEGIN jump_through_pointer PATCHED
    jmp *pointer(%rip)
END jump_through_pointer

BEGIN short_with_padding PATCHED
    mov %edi, %eax
    ret
    .cfi_endproc
    .size short_with_padding, . - short_with_padding
    .balign 16, 0x90

BEGIN short_with_long_nops PATCHED
    mov %edi, %eax
    ret
    .cfi_endproc
    .size short_with_long_nops, . - short_with_long_nops
    .balign 16

BEGIN loops_to_its_beginning PATCHED
    lea -1(%rdi), %rdi
    cmp $10, %rdi
    jg loops_to_its_beginning
    mov %rdi, %rax
    ret
END loops_to_its_beginning

CASE without_frame_information PATCHED
without_frame_information:
    lea 6(%rdi), %rax
    add $1, %rax
    ret
    .size without_frame_information, . - without_frame_information

# What doesn't.

BEGIN breakpoint REFUSED
    mov %edi, %eax
    nop
    int3
    ret
END breakpoint

BEGIN breakpoint_further_down REFUSED
    mov %edi, %eax
    test %eax, %eax
    jmp 1f
    int3
1:  ret
END breakpoint_further_down

BEGIN branch_into_the_second_instruction REFUSED
    push %rbx
1:  mov %rdi, %rbx
    dec %rdi
    test $7, %edi
    jne 1b
    mov %rbx, %rax
    pop %rbx
    ret
END branch_into_the_second_instruction

BEGIN branch_after_endbranch REFUSED
    endbr64
    push %rbx
1:  mov %rdi, %rbx
    dec %rdi
    test $7, %edi
    jne 1b
    mov %rbx, %rax
    pop %rbx
    ret
END branch_after_endbranch

BEGIN branch_from_a_cold_part REFUSED
    push %rbx
1:  mov %rdi, %rbx
    test $7, %edi
    jne cold_part
    mov %rbx, %rax
    pop %rbx
    ret
END branch_from_a_cold_part

    .section .text.unlikely, "ax"
    .type cold_part, @function
cold_part:
    .cfi_startproc
    dec %rdi
    jmp branch_from_a_cold_part + 1
    .cfi_endproc
    .size cold_part, . - cold_part

BEGIN loop_instruction REFUSED
    xor %eax, %eax
    jrcxz 1f
1:  mov %edi, %eax
    ret
END loop_instruction

BEGIN early_return_before_code REFUSED
    mov %edi, %eax
    ret
    inc %eax
    inc %eax
    ret
END early_return_before_code

BEGIN short_before_breakpoints REFUSED
    mov %edi, %eax
    ret
    .cfi_endproc
    .size short_before_breakpoints, . - short_before_breakpoints
    .balign 16, 0xcc

BEGIN short_before_another REFUSED
    mov %edi, %eax
    ret
    .cfi_endproc
    .size short_before_another, . - short_before_another
    .type another, @function
another:
    .cfi_startproc
    nop
    nop
    nop
    nop
    ret
    .cfi_endproc
    .size another, . - another

    .balign 16
    .skip 12, 0x90
    .section cases, "aw"
    .quad short_at_the_end_of_a_block, REFUSED, 1f
    .section .rodata.names, "a"
1:  .asciz "short_at_the_end_of_a_block"
    .text
    .type short_at_the_end_of_a_block, @function
short_at_the_end_of_a_block:
    .cfi_startproc
    lea (%rdi), %rax
    ret
    .cfi_endproc
    .size short_at_the_end_of_a_block, . - short_at_the_end_of_a_block

BEGIN call_through_register REFUSED
    nop
    call *%rax
    ret
    nop
END call_through_register

BEGIN unknown_instruction REFUSED
    mov $1, %eax
    ret
    .byte 0x06, 0x06
END unknown_instruction

CASE of_unknown_size REFUSED
of_unknown_size:
    lea 6(%rdi), %rax
    add $1, %rax
    ret

    .section .note.GNU-stack, "", @progbits
