// SPDX-License-Identifier: GPL-3.0-or-later
#include "smp_gic.h"

#define GICD 0x08000000ull
#define GICR 0x080a0000ull // 128 KiB a CPU, SGIs and PPIs in the second half

#define CTLR       0x000
#define IGROUPR    0x080
#define ISENABLER  0x100
#define ISPENDR    0x200
#define IPRIORITYR 0x400
#define IROUTER    0x6000
#define WAKER      0x14

static volatile u32 *reg(u64 pa)
{
    return phys(pa);
}

static u64 local(void)
{
    return GICR + smp_self()->index * 0x20000 + 0x10000;
}

void gic_begin(void)
{
    *reg(GICD + CTLR) = 0x10; // affinity routing, then the groups
    *reg(GICD + CTLR) = 0x13;
    dsb();
}

void gic_start(void)
{
    volatile u32 *waker = reg(local() - 0x10000 + WAKER);
    *waker &= ~2u;
    while (*waker & 4)
        yield();
    *reg(local() + IGROUPR) = ~0u;
    for (unsigned n = 0; n < 32; n++)
        ((volatile u8 *)reg(local() + IPRIORITYR))[n] = 0xa0;
    *reg(local() + ISENABLER) = 0xffff;
    msr(icc_sre_el1, 7);
    isb();
    msr(icc_pmr_el1, 0xff);
    msr(icc_igrpen1_el1, 1);
    dsb();
    isb();
}

void gic_enable(u32 id)
{
    *reg(local() + ISENABLER) = 1u << id;
    dsb();
}

void gic_send(u64 targets, u32 id)
{
    dsb();
    msr(icc_sgi1r_el1, (u64)id << 24 | targets);
    isb();
}

void gic_send_others(u32 id)
{
    dsb();
    msr(icc_sgi1r_el1, (u64)id << 24 | BIT(40));
    isb();
}

u32 gic_take(void)
{
    u64 id = mrs(icc_iar1_el1);
    dsb();
    return (u32)id;
}

void gic_done(u32 id)
{
    if (id >= 1020)
        return;
    dsb();
    msr(icc_eoir1_el1, id);
    isb();
}

void gic_route(u32 id, unsigned cpu)
{
    ((volatile u8 *)reg(GICD + IPRIORITYR))[id] = 0xa0;
    *reg(GICD + IGROUPR + id / 32 * 4) |= 1u << id % 32;
    *(volatile u64 *)reg(GICD + IROUTER + 8 * id) = cpu;
    *reg(GICD + ISENABLER + id / 32 * 4) = 1u << id % 32;
    dsb();
}

void gic_pend(u32 id)
{
    *reg(GICD + ISPENDR + id / 32 * 4) = 1u << id % 32;
    dsb();
}
