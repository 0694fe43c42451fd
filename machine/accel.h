// SPDX-License-Identifier: GPL-3.0-or-later
// The engines beyond the interpreter, as -accel chooses them.
#ifndef MACHINE_ACCEL_H
#define MACHINE_ACCEL_H

#include "machine/machine.h"

// While the process has one thread. Without a compiler on the machine, or built into armlet, the
// user is told once and the interpreter does everything. False: err says what is wrong.
bool accel_init(struct machine *m, struct error *err);
// Before the vCPUs run.
bool accel_start(struct machine *m, struct error *err);
// After the vCPUs have stopped for good.
void accel_fini(struct machine *m);

#endif
