// SPDX-License-Identifier: GPL-3.0-or-later
// Where a secondary CPU comes to life, and the vectors of all of them.
#include "smp.h"

    .arch armv8.5-a
    .text

// x0 = its struct smp_cpu, physical; MMU off.
    .global smp_entry
smp_entry:
    mrs     x1, sctlr_el1
    mrs     x2, daif
    stp     x1, x2, [x0, #SMP_CPU_ENTRY]
    mrs     x1, CurrentEL
    mrs     x2, spsel
    orr     x1, x1, x2
    stp     x1, x0, [x0, #SMP_CPU_ENTRY + 16]
    msr     spsel, #1
    mov     x1, #(3 << 20)
    msr     cpacr_el1, x1
    ldp     x1, x2, [x0, #SMP_CPU_SP]
    mov     sp, x1
    msr     ttbr0_el1, x2
    msr     ttbr1_el1, x2
    ldr     x1, =RT_TCR
    msr     tcr_el1, x1
    ldr     x1, =RT_MAIR
    msr     mair_el1, x1
    ldr     x1, =RT_SCTLR & ~5
    msr     sctlr_el1, x1
    isb
    tlbi    vmalle1
    dsb     sy
    isb
    ldr     x1, =RT_SCTLR
    msr     sctlr_el1, x1
    isb
    mov     x2, #RT_HIGH
    add     x0, x0, x2
    msr     tpidr_el1, x0
    adr     x3, smp_vectors
    add     x3, x3, x2
    msr     vbar_el1, x3
    adr     x3, 1f
    add     x3, x3, x2
    isb
    br      x3
1:  b       smp_main

    .balign 2048
    .global smp_vectors
smp_vectors:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .balign 128
    sub     sp, sp, #272
    stp     x0, x1, [sp]
    mov     x0, #\n
    b       smp_taken
    .endr

smp_taken:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x29, [sp, #144]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x30, x2, [sp, #160]
    str     x3, [sp, #176]
    mov     x1, x2
    bl      smp_exception           // x0 = vector, x1 = ELR; returns the new ELR
    ldr     x30, [sp, #160]
    ldr     x3, [sp, #176]
    msr     elr_el1, x0
    msr     spsr_el1, x3
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x29, [sp, #144]
    ldp     x0, x1, [sp]
    add     sp, sp, #272
    eret
