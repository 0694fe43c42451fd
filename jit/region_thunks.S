// SPDX-License-Identifier: GPL-3.0-or-later
// See region_slow.h for the contracts. The stack may stand anywhere when we come here: the caller
// is code that GCC believes to be a leaf.
    .text

// Everything that C may clobber but rax, rcx and rdx, and two words at (%rsp).
.macro save
    push %rbp
    mov %rsp, %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    sub $(16 * 17), %rsp
    and $-64, %rsp
    movups %xmm0, 0x10(%rsp)
    movups %xmm1, 0x20(%rsp)
    movups %xmm2, 0x30(%rsp)
    movups %xmm3, 0x40(%rsp)
    movups %xmm4, 0x50(%rsp)
    movups %xmm5, 0x60(%rsp)
    movups %xmm6, 0x70(%rsp)
    movups %xmm7, 0x80(%rsp)
    movups %xmm8, 0x90(%rsp)
    movups %xmm9, 0xa0(%rsp)
    movups %xmm10, 0xb0(%rsp)
    movups %xmm11, 0xc0(%rsp)
    movups %xmm12, 0xd0(%rsp)
    movups %xmm13, 0xe0(%rsp)
    movups %xmm14, 0xf0(%rsp)
    movups %xmm15, 0x100(%rsp)
.endm

.macro restore
    movups 0x10(%rsp), %xmm0
    movups 0x20(%rsp), %xmm1
    movups 0x30(%rsp), %xmm2
    movups 0x40(%rsp), %xmm3
    movups 0x50(%rsp), %xmm4
    movups 0x60(%rsp), %xmm5
    movups 0x70(%rsp), %xmm6
    movups 0x80(%rsp), %xmm7
    movups 0x90(%rsp), %xmm8
    movups 0xa0(%rsp), %xmm9
    movups 0xb0(%rsp), %xmm10
    movups 0xc0(%rsp), %xmm11
    movups 0xd0(%rsp), %xmm12
    movups 0xe0(%rsp), %xmm13
    movups 0xf0(%rsp), %xmm14
    movups 0x100(%rsp), %xmm15
    lea -48(%rbp), %rsp
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
.endm

// rdi vcpu, rax address, rdx descriptor: the first, third and second argument of what C calls
// (cpu, va, desc, store, what is said back).
.macro access name, store
    .globl \name
    .type \name, @function
    .p2align 4
\name:
    save
    mov %rax, %rsi
    mov $\store, %ecx
    mov %rsp, %r8           // two words for what is said back
    call region_slow_access@PLT
    mov (%rsp), %rcx
    mov 8(%rsp), %rdx
    restore
    ret
    .size \name, . - \name
.endm

    access region_thunk_load, 0
    access region_thunk_store, 1

    .globl region_thunk_vec
    .type region_thunk_vec, @function
    .p2align 4
region_thunk_vec:
    save
    mov %rcx, (%rsp)
    mov %rax, %rsi
    call region_slow_vec@PLT
    mov (%rsp), %rcx
    restore
    ret
    .size region_thunk_vec, . - region_thunk_vec

    .section .note.GNU-stack, "", @progbits
