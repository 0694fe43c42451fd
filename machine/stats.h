// SPDX-License-Identifier: GPL-3.0-or-later
// Counters at exit (`-d stats`), and how concentrated execution was (`-d profile`).
#ifndef MACHINE_STATS_H
#define MACHINE_STATS_H

#include "machine/machine.h"

struct stats_clock {
    int64_t wall, cpu; // ns
};

struct stats_clock stats_begin(void);
// After the vCPUs have stopped.
void stats_report(struct machine *m, struct stats_clock began);

#endif
