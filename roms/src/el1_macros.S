// SPDX-License-Identifier: GPL-3.0-or-later
// What the bare-metal guests at EL1 have in common, those in roms/src and those in tests/baremetal:
// switching the MMU on, and the frame in which an exception keeps what a C function may change.

// Switches the MMU on, with TTBR0_EL1 (and TTBR1_EL1) set. \sctlr: the bits that SCTLR_EL1 gets
// besides those that it has. X9 and X10 are scratch.
    .macro  mmu_on tcr:req, mair:req, sctlr:req
    ldr     x9, =\mair
    msr     mair_el1, x9
    ldr     x9, =\tcr
    msr     tcr_el1, x9
    tlbi    vmalle1
    dsb     sy
    isb
    mrs     x9, sctlr_el1
    ldr     x10, =\sctlr
    orr     x9, x9, x10
    msr     sctlr_el1, x9
    isb
    .endm

// The start of a guest that maps memory one to one: stack_end, vectors and make_tables(), which
// returns TTBR0, are its own. The device tree's address goes to X19.
    .equ    IDENTITY_MAIR, 0xff04   // attribute 0 device-nGnRE, 1 normal
    // 39 bits of address below, none above; 4 KiB; write-back, inner shareable; 40 bits physical.
    .equ    IDENTITY_TCR, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32
    .equ    IDENTITY_SCTLR, 1 << 12 | 1 << 2 | 1 // I, C, M
    .macro  start_identity
    mov     x19, x0
    ldr     x9, =stack_end
    mov     sp, x9
    ldr     x9, =vectors
    msr     vbar_el1, x9
    mov     x9, #(3 << 20)          // FP and SIMD
    msr     cpacr_el1, x9
    isb
    bl      make_tables
    msr     ttbr0_el1, x0
    mmu_on  IDENTITY_TCR, IDENTITY_MAIR, IDENTITY_SCTLR
    .endm

// X2 to X17, loaded or stored in pairs, each at its number times 8 from \base + \at.
    .macro  x2_to_x17 op:req, base:req, at=0
    \op     x2, x3, [\base, #\at + 16]
    \op     x4, x5, [\base, #\at + 32]
    \op     x6, x7, [\base, #\at + 48]
    \op     x8, x9, [\base, #\at + 64]
    \op     x10, x11, [\base, #\at + 80]
    \op     x12, x13, [\base, #\at + 96]
    \op     x14, x15, [\base, #\at + 112]
    \op     x16, x17, [\base, #\at + 128]
    .endm

// An exception's frame: X0-X18, X30, ELR, SPSR. To make room and to store X0 and X1 at [sp] is left
// to whoever uses it; X2 and X3 come out as ELR and SPSR.
    .equ    FRAME_ELR, 160
    .equ    FRAME_SIZE, 176
    .macro  frame_save
    x2_to_x17 stp, sp
    stp     x18, x30, [sp, #144]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x2, x3, [sp, #FRAME_ELR]
    .endm

// All of it back, and its room.
    .macro  frame_restore
    ldp     x2, x3, [sp, #FRAME_ELR]
    msr     elr_el1, x2
    msr     spsr_el1, x3
    ldp     x0, x1, [sp]
    x2_to_x17 ldp, sp
    ldp     x18, x30, [sp, #144]
    add     sp, sp, #FRAME_SIZE
    .endm
