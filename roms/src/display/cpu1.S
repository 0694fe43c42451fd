// SPDX-License-Identifier: GPL-3.0-or-later
// Where the second CPU begins (PSCI CPU_ON).
    .arch armv8-a

    .text
    .globl cpu1_start
cpu1_start:
    ldr     x9, =cpu1_stack_end
    mov     sp, x9
    bl      cpu1_main
    b       .

    .bss
    .balign 16
    .space 4096
cpu1_stack_end:
