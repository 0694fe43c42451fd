// SPDX-License-Identifier: GPL-3.0-or-later
// Entry, the MMU, exception vectors and EL0 of the guest that `armlet bench` measures. EL1,
// identity-mapped; main.c says what else is mapped.
#include "../el1_macros.S"

    .arch armv8-a+fp+simd

    .text
    .globl _start
_start:
    start_identity
    mov     x0, x19                 // the device tree
    bl      bench_main
    b       power_off

    .balign 2048
vectors:
    .rept 8                         // from EL1: never
    .balign 128
    b       bad
    .endr
    .balign 128
    b       from_el0
    .rept 7
    .balign 128
    b       bad
    .endr

// SVC #0 counts and returns, as short as a system call can be; SVC #1 ends run_user().
from_el0:
    stp     x9, x10, [sp, #-16]!
    mrs     x9, esr_el1
    lsr     x10, x9, #26
    cmp     x10, #0x15
    b.ne    bad
    tst     x9, #0xffff
    b.ne    1f
    add     x21, x21, #1            // EL0 does not touch it
    ldp     x9, x10, [sp], #16
    eret
1:  add     sp, sp, #16
    mov     x0, x21
    ldp     x21, x22, [sp], #16
    ldp     x29, x30, [sp], #16
    ret

// u64 run_user(u64 entry, u64 n): EL0 code with n in x0; how many SVC #0 it made.
    .globl run_user
run_user:
    stp     x29, x30, [sp, #-16]!
    stp     x21, x22, [sp, #-16]!
    mov     x21, #0
    msr     elr_el1, x0
    mov     x9, #(0xf << 6)
    msr     spsr_el1, x9
    mov     x0, x1
    eret

// What runs at EL0, in a page of its own.
    .balign 4096
    .globl user_code
user_code:
    svc     #0
    subs    x0, x0, #1
    b.ne    user_code
    svc     #1
    .balign 4096

bad:
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    bl      bench_bad
    .globl power_off
power_off:
    ldr     w0, =0x84000008         // PSCI SYSTEM_OFF
    hvc     #0
    b       power_off

    .bss
    .balign 16
    .space 16384
stack_end:
