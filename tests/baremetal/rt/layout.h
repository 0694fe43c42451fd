// SPDX-License-Identifier: GPL-3.0-or-later
// What crt.S and C agree on: the registers the runtime runs with, and the layout of struct exc.
#ifndef BAREMETAL_LAYOUT_H
#define BAREMETAL_LAYOUT_H

#ifdef __ASSEMBLER__
#define RT_U(x) x
#else
#define RT_U(x) x##ull
#endif

#define RT_HIGH RT_U(0xffff000000000000) // the high alias of physical address 0
// M C SA SA0 I nTWI nTWE SPAN, and bits that are RES1 without the features they belong to.
#define RT_SCTLR RT_U(0x30d5199d)
// 48 bits in both halves, 4K granule, write-back inner shareable walks, 44-bit output.
#define RT_TCR RT_U(0x00000004b5103510)
// nGnRnE, write-back, non-cacheable, nGnRE, write-through, GRE, nGRE, write-back without allocation
#define RT_MAIR RT_U(0xee080cbb0444ff00)

#define EXC_TAKEN   0
#define EXC_VECTOR  8
#define EXC_ESR     16
#define EXC_FAR     24
#define EXC_ELR     32
#define EXC_SPSR    40
#define EXC_SP_EL0  48
#define EXC_PSTATE  56
#define EXC_GUARD   64
#define EXC_IN_SPSR 72
#define EXC_IN_SP   80
#define EXC_X       96

#endif
