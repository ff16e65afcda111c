/* Any register may be worth keeping.  System V ABI, AMD64, 3.2, says what a call may hand over and what
 * it may hand back; but a compiler that sees a function keeps in the others what this one leaves alone
 * (-fipa-ra), and so does a hook.  The upper halves of vector registers nobody here touches. */
#include "agent/x86_64/function_entry.h"

/* A field of the struct function_frame, whose place rbp tells. */
#define FIELD(offset) (offset - FUNCTION_FRAME_BYTES)(%rbp)

/* Its last word, which nobody needs at the beginning and the end: below the return address, where a
 * function may write before it has a frame. */
#define PASSED_FIELD    FIELD(FUNCTION_FRAME_BYTES - 8)
#define PASSED_BY_ENTRY -16(%rsp)

.macro registers move, move_wide
    \move rdi, 0
    \move rsi, 8
    \move rdx, 16
    \move rcx, 24
    \move r8, 32
    \move r9, 40
    \move rax, 48
    \move r10, 56
    \move r11, 64
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \move_wide xmm\number, (80 + 16 * \number)
    .endr
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

    .hidden function_entry_begin, function_entry_end

    .text
    .globl function_entries
    .hidden function_entries
    .balign FUNCTION_ENTRY_BYTES
function_entries:
    .set number, 0
    .rept FUNCTION_ENTRIES
    .balign FUNCTION_ENTRY_BYTES
    .cfi_startproc
    movl $number, PASSED_BY_ENTRY
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
    registers save, save_wide
    mov %rsp, %rdi
    mov %rbp, %rsi
    mov PASSED_FIELD, %edx
    call *function_entry_begin(%rip)
    test %rax, %rax
    js 4f
    load rdi, FUNCTION_FRAME_CAUGHT
    test %rdi, %rdi
    jz 1f
    .globl function_catch_place
    .hidden function_catch_place
function_catch_place:
    nop
1:  sub %rax, %rsp
2:  sub $8, %rax
    js 3f
    mov 16(%rbp, %rax), %rcx
    mov %rcx, (%rsp, %rax)
    jmp 2b
3:  registers load, load_wide
    call *FIELD(FUNCTION_FRAME_REAL)
    lea FIELD(0), %rsp
    registers save, save_wide
    mov %rsp, %rdi
    call *function_entry_end(%rip)
    registers load, load_wide
    .cfi_remember_state
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
4:  load rax, FUNCTION_FRAME_REAL
    mov %rax, PASSED_FIELD
    registers load, load_wide
    leave
    .cfi_def_cfa %rsp, 8
    jmp *PASSED_BY_ENTRY
    .cfi_endproc

    .section .note.GNU-stack, "", @progbits
