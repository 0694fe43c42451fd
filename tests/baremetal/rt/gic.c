// SPDX-License-Identifier: GPL-3.0-or-later
#include "gic.h"

void gic_window(void)
{
    isb();
    asm volatile("msr daifclr, #3\n isb\n nop\n nop\n nop\n msr daifset, #3" ::: "memory");
    isb();
}

void gic_reset(void)
{
    gic_write(GICR + 0x14, gic_read(GICR + 0x14) & ~2u);
    gic_write(GICD, 0x10);
    gic_write(GICD, 0x13);
    for (unsigned n = 0; n < 96; n += 32) {
        gic_write(gic_bits(ICENABLER, n), ~0u);
        gic_write(gic_bits(ICPENDR, n), ~0u);
        gic_write(gic_bits(ICACTIVER, n), ~0u);
        gic_write(gic_bits(IGROUPR, n), ~0u);
    }
    for (unsigned n = 0; n < 96; n++)
        gic_priority(n, 0xa0);
    msr(icc_sre_el1, 7);
    isb();
    msr(icc_ctlr_el1, 0);
    msr(icc_pmr_el1, 0xff);
    msr(icc_bpr0_el1, 0);
    msr(icc_bpr1_el1, 0);
    msr(icc_ap0r0_el1, 0);
    msr(icc_ap1r0_el1, 0);
    msr(icc_igrpen0_el1, 1);
    msr(icc_igrpen1_el1, 1);
    isb();
}
