// SPDX-License-Identifier: GPL-3.0-or-later
// Entry of the guest that draws. EL1, MMU off, no floating point, no interrupts.
    .arch armv8-a

    .text
    .globl _start
_start:
    ldr     x9, =stack_end
    mov     sp, x9
    bl      rom_main
    ldr     w0, =0x84000008         // PSCI SYSTEM_OFF
    hvc     #0
    b       .

    .bss
    .balign 16
    .space 16384
stack_end:
