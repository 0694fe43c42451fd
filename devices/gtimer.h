// SPDX-License-Identifier: GPL-3.0-or-later
// The generic timer's device half: counter, comparators and interrupt lines of every CPU.
//
// Arm ARM D11. One system counter at 62.5 MHz, which is guest time / 16 ns exactly, so it never
// drifts from base/clock. Which exception level may touch what is the CPU side's business; here
// are the registers' meanings. Everything runs under the machine lock but gtimer_count() and
// gtimer_vcount(), which any thread may call (the offset is its own CPU's).
#ifndef DEVICES_GTIMER_H
#define DEVICES_GTIMER_H

#include "base/clock.h"
#include "devices/irq.h"
#include "devices/state.h"

#define GTIMER_FREQUENCY 62500000 // Hz, the value of CNTFRQ_EL0
#define GTIMER_NS_A_TICK 16

// The PPI numbers (INTID - 16) of the virt board.
#define GTIMER_PPI_PHYS 14
#define GTIMER_PPI_VIRT 11
#define GTIMER_PPI_HYP  10
#define GTIMER_PPI_SEC  13 // in the device tree only

enum gtimer_id { GTIMER_PHYS, GTIMER_VIRT, GTIMER_HYP, GTIMER_TIMERS };
enum gtimer_reg { GTIMER_CTL, GTIMER_CVAL, GTIMER_TVAL };

struct gtimer;

// lines[cpu * GTIMER_TIMERS + id] is where a timer's level goes; copied.
struct gtimer *gtimer_create(struct clock *clock, unsigned cpus, const struct irq_line *lines);
void gtimer_destroy(struct gtimer *g);
void gtimer_reset(struct gtimer *g);
void gtimer_cpu_reset(struct gtimer *g, unsigned cpu);
void gtimer_save(struct gtimer *g, struct state_writer *w);
bool gtimer_load(struct gtimer *g, struct state_reader *r, struct error *err);

// CNTPCT_EL0 and CNTVCT_EL0.
uint64_t gtimer_count(const struct gtimer *g);
uint64_t gtimer_vcount(const struct gtimer *g, unsigned cpu);

// CNTx_{CTL,CVAL,TVAL}. TVAL reads as a sign-extended 32-bit number's low 32 bits.
uint64_t gtimer_read(const struct gtimer *g, unsigned cpu, enum gtimer_id id, enum gtimer_reg reg);
void gtimer_write(struct gtimer *g, unsigned cpu, enum gtimer_id id, enum gtimer_reg reg,
                  uint64_t value);

// CNTVOFF_EL2; 0 after reset.
uint64_t gtimer_offset(const struct gtimer *g, unsigned cpu);
void gtimer_set_offset(struct gtimer *g, unsigned cpu, uint64_t offset);

// The timer node (no window: it lives in system registers). ppi_flags: what the GIC wants beside
// the trigger. Returns 0 or a libfdt error.
int gtimer_fdt_node(void *fdt, uint32_t ppi_flags);

#endif
