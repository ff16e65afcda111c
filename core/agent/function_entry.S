/* System V ABI, AMD64, 3.2: what a call may hand over in registers, and what it may hand back.  A
 * function's first instruction may find anything in r11, so that brings the number of the hook. */
#include "function_entry.h"

/* A field of the struct function_frame, whose place rbp tells. */
#define FIELD(offset) (offset - FUNCTION_FRAME_BYTES)(%rbp)

.macro results move, move_wide
    \move rax, 48
    \move rdx, 16
    \move_wide xmm0, 64
    \move_wide xmm1, 80
.endm

/* Of a call with a variable number of arguments rax is one of them, r10 of a nested function. */
.macro arguments move, move_wide
    results \move, \move_wide
    \move rdi, 0
    \move rsi, 8
    \move rcx, 24
    \move r8, 32
    \move r9, 40
    \move r10, 56
    \move_wide xmm2, 96
    \move_wide xmm3, 112
    \move_wide xmm4, 128
    \move_wide xmm5, 144
    \move_wide xmm6, 160
    \move_wide xmm7, 176
.endm

.macro save register, offset
    mov %\register, FIELD(\offset)
.endm
.macro load register, offset
    mov FIELD(\offset), %\register
.endm
.macro save_wide register, offset
    movups %\register, FIELD(\offset)
.endm
.macro load_wide register, offset
    movups FIELD(\offset), %\register
.endm

    .text
    .globl function_entries
    .hidden function_entries
    .balign FUNCTION_ENTRY_BYTES
function_entries:
    .set number, 0
    .rept FUNCTION_ENTRIES
    .balign FUNCTION_ENTRY_BYTES
    .cfi_startproc
    mov $number, %r11d
    jmp function_entry
    .cfi_endproc
    .set number, number + 1
    .endr

function_entry:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register %rbp
    lea FIELD(0), %rsp
    arguments save, save_wide
    mov %rsp, %rdi
    mov %rbp, %rsi
    mov %r11d, %edx
    call function_hooks_begin
    test %rax, %rax
    js 4f
    load rdi, FUNCTION_FRAME_CAUGHT
    test %rdi, %rdi
    jz 1f
    .globl function_stop
    .hidden function_stop
function_stop:
    nop
1:  sub %rax, %rsp
2:  sub $8, %rax
    js 3f
    mov 16(%rbp, %rax), %rcx
    mov %rcx, (%rsp, %rax)
    jmp 2b
3:  arguments load, load_wide
    load r11, FUNCTION_FRAME_REAL
    call *%r11
    lea FIELD(0), %rsp
    results save, save_wide
    mov %rsp, %rdi
    call function_hooks_end
    results load, load_wide
    .cfi_remember_state
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
4:  arguments load, load_wide
    load r11, FUNCTION_FRAME_REAL
    leave
    .cfi_def_cfa %rsp, 8
    jmp *%r11
    .cfi_endproc

    .section .note.GNU-stack, "", @progbits
