// SPDX-License-Identifier: GPL-3.0-or-later
// Where a secondary CPU comes to life, and the vectors of all of them.
#include "smp.h"
#include "roms/src/el1_macros.S"

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
    ldr     x1, =RT_SCTLR & ~5
    msr     sctlr_el1, x1
    isb
    ldp     x1, x2, [x0, #SMP_CPU_SP]
    mov     sp, x1
    msr     ttbr0_el1, x2
    msr     ttbr1_el1, x2
    mmu_on  RT_TCR, RT_MAIR, 5      // C, M
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
    sub     sp, sp, #FRAME_SIZE
    stp     x0, x1, [sp]
    mov     x0, #\n
    b       smp_taken
    .endr

smp_taken:
    frame_save
    mov     x1, x2
    bl      smp_exception           // x0 = vector, x1 = ELR; returns the new ELR
    str     x0, [sp, #FRAME_ELR]
    frame_restore
    eret
