// SPDX-License-Identifier: GPL-3.0-or-later
// The board's GICv3, as several CPUs use it: all interrupts in group 1, of one priority.
#ifndef BAREMETAL_SMP_GIC_H
#define BAREMETAL_SMP_GIC_H

#include "smp.h"

void gic_begin(void);                 // the distributor, once, by CPU 0
void gic_start(void);                 // this CPU's part
void gic_send(u64 targets, u32 id);   // an SGI to CPUs of a bit mask
void gic_send_others(u32 id);         // to all but this one
u32 gic_take(void);                   // acknowledges; 1023: none
void gic_done(u32 id);                // ends what gic_take() returned
void gic_enable(u32 id);              // a PPI of this CPU
void gic_route(u32 id, unsigned cpu); // an SPI: enabled, to this CPU
void gic_pend(u32 id);                // sets an SPI pending

#endif
