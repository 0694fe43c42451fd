// SPDX-License-Identifier: GPL-3.0-or-later
// Counters at exit (`-d stats`), and how concentrated execution was (`-d profile`).
#ifndef MACHINE_STATS_H
#define MACHINE_STATS_H

#include "machine/machine.h"

struct stats_clock {
    int64_t wall, cpu; // ns
};

struct stats_clock stats_begin(void);
// Guest instructions executed so far, of all vCPUs. Any thread; about right while they run.
uint64_t stats_instructions(struct machine *m);

// Every counter to add(), of one vCPU or of the machine as a whole. As above.
void stats_cpu(struct machine *m, unsigned cpu,
               void (*add)(void *opaque, const char *name, uint64_t value), void *opaque);
void stats_vm(struct machine *m, void (*add)(void *opaque, const char *name, uint64_t value),
              void *opaque);

// After the vCPUs have stopped.
void stats_report(struct machine *m, struct stats_clock began);

#endif
