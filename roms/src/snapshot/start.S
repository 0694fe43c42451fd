// SPDX-License-Identifier: GPL-3.0-or-later
// Entry, exception vectors and what C cannot say, of the guest that tests/machine/snapshot.c saves
// and loads: EL1, identity-mapped, and a piece of EL0.
#include "../el1_macros.S"

    .arch armv8.1-a+fp+simd

    .text
    .globl _start
_start:
    start_identity
    mov     x9, #2                  // EL0 reads CNTVCT_EL0
    msr     cntkctl_el1, x9
    bl      guest_main
1:  b       1b

    .macro vector target
    .balign 128
    b       \target
    .endm

    .balign 2048
vectors:
    .rept 4                         // from EL1 with SP_EL0: never
    vector  bad
    .endr
    vector  sync_el1
    vector  irq
    vector  bad
    vector  bad
    vector  sync_el0
    vector  irq
    vector  bad
    vector  bad
    .rept 4
    vector  bad
    .endr

bad:
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    bl      guest_bad
1:  b       1b

    .macro save
    sub     sp, sp, #FRAME_SIZE
    stp     x0, x1, [sp]
    frame_save
    .endm

irq:
    save
    bl      guest_irq
    frame_restore
    eret

// A data abort of EL1 is expected at one place only, which goes on behind the access.
sync_el1:
    save
    mrs     x0, esr_el1
    mrs     x1, far_el1
    bl      guest_fault
    ldr     x9, [sp, #FRAME_ELR]
    add     x9, x9, #4
    str     x9, [sp, #FRAME_ELR]
    frame_restore
    eret

// SVC from EL0 ends run_user().
sync_el0:
    mrs     x9, esr_el1
    lsr     x10, x9, #26
    cmp     x10, #0x15
    b.ne    bad
    ldp     x19, x20, [sp], #16
    ldp     x29, x30, [sp], #16
    msr     daifclr, #2
    ret

// uint64_t run_user(uint64_t entry, uint64_t stack, uint64_t argument)
    .globl run_user
run_user:
    stp     x29, x30, [sp, #-16]!
    stp     x19, x20, [sp, #-16]!
    msr     daifset, #2
    msr     elr_el1, x0
    msr     sp_el0, x1
    msr     spsr_el1, xzr
    mov     x0, x2
    eret

// What runs at EL0, position-independent, in a page of its own: SP_EL0 is readable and writable.
    .balign 4096
    .globl user_code
user_code:
    mov     x1, #20
1:  str     x0, [sp, #-16]!
    ror     x0, x0, #7
    eor     x0, x0, x1
    ldr     x2, [sp], #16
    add     x0, x0, x2, lsl #3
    mrs     x3, cntvct_el0
    eor     x0, x0, x3
    subs    x1, x1, #1
    b.ne    1b
    svc     #7
    .balign 4096

// uint64_t fp_work(uint64_t seed): keeps v16-v23 and FPSR across calls.
    .globl fp_work
fp_work:
    and     x1, x0, #0xffff
    scvtf   d0, x1
    fmov    d1, #3.0
    fdiv    d2, d0, d1
    fadd    d16, d16, d2
    fsqrt   d3, d16
    fmadd   d17, d3, d2, d17
    fcvt    s4, d17
    fmov    x2, d17
    dup     v5.2d, x0
    eor     v18.16b, v18.16b, v5.16b
    add     v19.8h, v19.8h, v18.8h
    ext     v20.16b, v18.16b, v19.16b, #5
    uqadd   v21.16b, v21.16b, v20.16b
    fadd    v22.4s, v22.4s, v4.4s
    addv    b6, v21.16b
    umov    w3, v6.b[0]
    umov    x4, v20.d[1]
    mrs     x5, fpsr
    eor     x0, x2, x3
    eor     x0, x0, x4, ror #13
    eor     x0, x0, x5, lsl #32
    tst     x1, #0x10               // now and then another rounding
    mov     x6, #(1 << 22)
    csel    x6, x6, xzr, ne
    msr     fpcr, x6
    ret

// uint64_t exclusive_add(uint64_t *p, uint64_t n), then a pair and LSE on the neighbours.
    .globl exclusive_add
exclusive_add:
1:  ldaxr   x2, [x0]
    add     x2, x2, x1
    eor     x3, x2, x1, ror #9
    stlxr   w4, x2, [x0]
    cbnz    w4, 1b
    add     x5, x0, #16
2:  ldxp    x6, x7, [x5]
    add     x6, x6, x3
    eor     x7, x7, x6
    stxp    w4, x6, x7, [x5]
    cbnz    w4, 2b
    add     x5, x0, #32
    ldaddal x1, x8, [x5]
    swp     w2, w9, [x5]
    eor     x0, x7, x8
    add     x0, x0, x9
    ret

    .bss
    .balign 16
    .space 16384
stack_end:
