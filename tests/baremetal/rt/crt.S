// SPDX-License-Identifier: GPL-3.0-or-later
// Start, exception vectors, and calls that survive exceptions.
//
// guarded() and entered() run code and come back whether it returns or takes an exception; what
// happened is in `exc` (rt.h gives the layout). The vectors use no stack, so that a wrong SP can be
// tested; TPIDR_EL1 and TPIDRRO_EL0 are their scratch. IRQ and FIQ go to irq_handler() with
// everything saved on the stack; without one of the program's own they unwind like the others.
#include "layout.h"
#include "roms/src/el1_macros.S"

    .arch armv8.5-a

    .section .text.start, "ax"
    .global _start
_start:
    adrp    x9, reset_value
    add     x9, x9, :lo12:reset_value
    .macro  note reg:vararg
    .irp    r, \reg
    mrs     x10, \r
    str     x10, [x9], #8
    .endr
    .endm
    note    sctlr_el1, daif, spsel, CurrentEL, oslsr_el1, cntkctl_el1, cntp_ctl_el0, cntv_ctl_el0
    note    icc_igrpen0_el1, icc_igrpen1_el1, icc_pmr_el1, mpidr_el1
    msr     spsel, #1
    adrp    x0, stack_top
    add     x0, x0, :lo12:stack_top
    mov     sp, x0
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el1, x0
    mov     x0, #(3 << 20)
    msr     cpacr_el1, x0
    ldr     x0, =RT_SCTLR & ~5
    msr     sctlr_el1, x0
    isb
    msr     ssbs, #0
    bl      rt_tables               // x0 = TTBR for both halves
    msr     ttbr0_el1, x0
    msr     ttbr1_el1, x0
    mmu_on  RT_TCR, RT_MAIR, 5      // C, M
    adr     x0, 1f
    adr     x1, vectors
    mov     x2, #RT_HIGH
    add     x0, x0, x2
    add     x1, x1, x2
    add     sp, sp, x2
    msr     vbar_el1, x1
    isb
    br      x0
1:  bl      rt_main
    b       .

    .text
    .macro vector n
    .balign 128
    msr     tpidr_el1, x0
    msr     tpidrro_el0, x1
    mov     x0, #\n
    .if (\n & 3) == 1 || (\n & 3) == 2
    b       interrupt
    .else
    b       exception
    .endif
    .endm

    .balign 2048
    .global vectors
vectors:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vector  \n
    .endr

// x1 = &exc; all general registers into it. The flags are not touched.
exception:
    adrp    x1, exc
    add     x1, x1, :lo12:exc
    str     x0, [x1, #EXC_VECTOR]
    mrs     x0, tpidr_el1
    str     x0, [x1, #EXC_X + 0]
    mrs     x0, tpidrro_el0
    str     x0, [x1, #EXC_X + 8]
    bl_save_rest:
    x2_to_x17 stp, x1, EXC_X
    stp     x18, x19, [x1, #EXC_X + 144]
    stp     x20, x21, [x1, #EXC_X + 160]
    stp     x22, x23, [x1, #EXC_X + 176]
    stp     x24, x25, [x1, #EXC_X + 192]
    stp     x26, x27, [x1, #EXC_X + 208]
    stp     x28, x29, [x1, #EXC_X + 224]
    str     x30, [x1, #EXC_X + 240]
    mrs     x0, esr_el1
    str     x0, [x1, #EXC_ESR]
    mrs     x0, far_el1
    str     x0, [x1, #EXC_FAR]
    mrs     x0, elr_el1
    str     x0, [x1, #EXC_ELR]
    mrs     x0, spsr_el1
    str     x0, [x1, #EXC_SPSR]
    mrs     x0, sp_el0
    str     x0, [x1, #EXC_SP_EL0]
    mrs     x0, pan
    mrs     x2, uao
    orr     x0, x0, x2
    mrs     x2, dit
    orr     x0, x0, x2
    mrs     x2, ssbs
    orr     x0, x0, x2
    mrs     x2, daif
    orr     x0, x0, x2
    mrs     x2, CurrentEL
    orr     x0, x0, x2
    mrs     x2, spsel
    orr     x0, x0, x2
    str     x0, [x1, #EXC_PSTATE]
    mov     x0, #1
    b       unwind

    .global exception_unwind    // from irq_handler(): x0 = vector; the frame is on the stack
exception_unwind:
    adrp    x1, exc
    add     x1, x1, :lo12:exc
    str     x0, [x1, #EXC_VECTOR]
    b       bl_save_rest

// x0 = exc.taken; back to whoever called guarded() or entered().
unwind:
    str     x0, [x1, #EXC_TAKEN]
    ldr     x2, [x1, #EXC_GUARD]
    cbz     x2, unexpected
    mov     sp, x2
    ldr     x2, [sp, #96]
    str     x2, [x1, #EXC_GUARD]
    ldp     x2, x3, [sp, #104]
    msr     pan, x2
    msr     uao, x3
    ldp     x2, x3, [sp, #120]
    msr     daif, x2
    msr     ssbs, x3
    ldr     x2, [sp, #136]
    msr     dit, x2
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #144
    ret

unexpected:
    adrp    x0, stack_top
    add     x0, x0, :lo12:stack_top
    mov     sp, x0
    b       rt_unexpected

    .macro guard_frame
    stp     x29, x30, [sp, #-144]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mrs     x9, pan
    mrs     x10, uao
    stp     x9, x10, [sp, #104]
    mrs     x9, daif
    mrs     x10, ssbs
    stp     x9, x10, [sp, #120]
    mrs     x9, dit
    str     x9, [sp, #136]
    adrp    x9, exc
    add     x9, x9, :lo12:exc
    ldr     x10, [x9, #EXC_GUARD]
    str     x10, [sp, #96]
    mov     x10, sp
    str     x10, [x9, #EXC_GUARD]
    .endm

    .macro shift_arguments
    mov     x0, x1
    mov     x1, x2
    mov     x2, x3
    mov     x3, x4
    mov     x4, x5
    mov     x5, x6
    mov     x6, x7
    .endm

// bool guarded(u64 pc, u64 x0, ... x6). RET, unlike BLR, leaves PSTATE.BTYPE alone.
    .global guarded
guarded:
    guard_frame
    mov     x9, x0
    shift_arguments
    adr     x30, 1f
    ret     x9
1:  msr     spsel, #1
    msr     tpidr_el1, x0
    msr     tpidrro_el0, x1
    adrp    x1, exc
    add     x1, x1, :lo12:exc
    mrs     x0, tpidr_el1
    str     x0, [x1, #EXC_X + 0]
    mrs     x0, tpidrro_el0
    str     x0, [x1, #EXC_X + 8]
    stp     x2, x3, [x1, #EXC_X + 16]
    stp     x4, x5, [x1, #EXC_X + 32]
    stp     x6, x7, [x1, #EXC_X + 48]
    mov     x0, #0
    b       unwind

// bool entered(u64 pc, u64 x0, ... x6): by ERET with exc.in_spsr and SP_EL0 = exc.in_sp. LR is what
// an EL1 callee returns to.
    .global entered
entered:
    guard_frame
    msr     elr_el1, x0
    ldr     x10, [x9, #EXC_IN_SPSR]
    msr     spsr_el1, x10
    ldr     x10, [x9, #EXC_IN_SP]
    msr     sp_el0, x10
    shift_arguments
    adr     x30, 1b
    eret

// IRQ and FIQ: x0 = vector, x0 and x1 in the scratch registers.
interrupt:
    sub     sp, sp, #FRAME_SIZE
    frame_save
    mrs     x2, tpidr_el1
    mrs     x3, tpidrro_el0
    stp     x2, x3, [sp]
    mov     x1, sp
    bl      irq_handler
    frame_restore
    eret

// u64 rt_in_low(u64 (*fn)(u64), u64 arg): calls fn in the low alias (through TTBR0), from the high.
    .global rt_in_low
rt_in_low:
    stp     x29, x30, [sp, #-16]!
    mov     x9, #RT_HIGH
    sub     x10, x0, x9
    mov     x0, x1
    sub     sp, sp, x9
    adr     x11, vectors
    sub     x12, x11, x9
    msr     vbar_el1, x12
    isb
    adr     x12, 1f
    sub     x12, x12, x9
    ret     x12
1:  blr     x10
    mov     x9, #RT_HIGH
    adr     x11, vectors
    add     x11, x11, x9
    msr     vbar_el1, x11
    isb
    adr     x12, 2f
    add     x12, x12, x9
    ret     x12
2:  add     sp, sp, x9
    ldp     x29, x30, [sp], #16
    ret

    .section .el0text, "ax"
    .global el0_code
el0_code:
    .skip   4096

    .section .el1code, "ax"
    .global el1_code_page
el1_code_page:
    .skip   4096

    .section .el0data, "aw"
    .balign 4096
    .global el0_page
el0_page:
    .skip   4096
    .skip   4096
    .global el0_stack_top
el0_stack_top:

    .data
    .balign 16
    .global reset_value
reset_value:
    .skip   16 * 8

    .bss
    .balign 16
    .skip   16384
stack_top:
