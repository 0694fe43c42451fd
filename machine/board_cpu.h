// SPDX-License-Identifier: GPL-3.0-or-later
// The board's side of a CPU: system registers that are devices (GIC CPU interface, generic timers)
// and what the firmware's calls (PSCI) ask for. Called from vCPU threads; takes the machine lock
// itself.
#ifndef MACHINE_BOARD_CPU_H
#define MACHINE_BOARD_CPU_H

#include "machine/machine.h"

struct gic;
struct gtimer;

enum { BOARD_PPI_PMU = 7 };

struct board_cpu {
    struct machine *m;
    struct gic *gic;
    struct gtimer *gtimer;
    struct clock_timer *pmu_timers; // one a CPU
};

// Fills in b->m->board. b must outlive the CPUs.
void board_cpu_init(struct board_cpu *b);
void board_cpu_fini(struct board_cpu *b);

#endif
