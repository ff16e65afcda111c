/* Functions with space between them, and labels that cover nothing. */
    .text
    .globl first
    .type first, @function
first:
    nop
label_inside:
    nop
    ret
    .size first, . - first
label_in_the_gap:
    .fill 32, 1, 0x90
    .globl second
    .type second, @function
second:
    nop
    ret
    .size second, . - second
    .type sizeless, @function
    .globl sizeless
sizeless:
    .fill 16, 1, 0x90
    ret
    .globl main
    .type main, @function
main:
    xor %eax, %eax
    ret
    .size main, . - main
    .section .note.GNU-stack, "", @progbits
