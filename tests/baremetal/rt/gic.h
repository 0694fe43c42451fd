// SPDX-License-Identifier: GPL-3.0-or-later
// The GICv3 of the board, and unmasking.
#ifndef BAREMETAL_GIC_H
#define BAREMETAL_GIC_H

#include "rt.h"

#define GICD 0x08000000ull
#define GICR 0x080a0000ull
#define SGI  (GICR + 0x10000) // the redistributor's second frame

#define IGROUPR    0x80
#define ISENABLER  0x100
#define ICENABLER  0x180
#define ISPENDR    0x200
#define ICPENDR    0x280
#define ISACTIVER  0x300
#define ICACTIVER  0x380
#define IPRIORITYR 0x400
#define ICFGR      0xc00
#define IROUTER    0x6000

static inline u32 gic_read(u64 reg)
{
    return *(volatile u32 *)phys(reg);
}
static inline void gic_write(u64 reg, u32 value)
{
    *(volatile u32 *)phys(reg) = value;
    dsb();
}

// The register of one bit an interrupt, in the frame it lives in.
static inline u64 gic_bits(unsigned reg, unsigned intid)
{
    return intid < 32 ? SGI + reg : GICD + reg + intid / 32 * 4;
}
static inline void gic_set(unsigned reg, unsigned intid)
{
    gic_write(gic_bits(reg, intid), 1u << intid % 32);
}
static inline unsigned gic_get(unsigned reg, unsigned intid)
{
    return gic_read(gic_bits(reg, intid)) >> intid % 32 & 1;
}
static inline void gic_priority(unsigned intid, u8 priority)
{
    *(volatile u8 *)phys((intid < 32 ? SGI : GICD) + IPRIORITYR + intid) = priority;
    dsb();
}
static inline void gic_group(unsigned intid, unsigned group)
{
    u64 reg = gic_bits(IGROUPR, intid);
    u32 bit = 1u << intid % 32;
    gic_write(reg, group ? gic_read(reg) | bit : gic_read(reg) & ~bit);
}

// Everything off, then both groups on, all interrupts in group 1 with priority 0xa0, PMR open.
void gic_reset(void);
static inline void gic_sgi(unsigned intid)
{
    dsb();
    msr(icc_sgi1r_el1, (u64)intid << 24 | 1);
    isb();
}
// Lets pending interrupts in: a few instructions with I and F clear.
void gic_window(void);

#endif
