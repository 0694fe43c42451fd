// SPDX-License-Identifier: GPL-3.0-or-later
// `-accel verify` on the machine's side: the board as the CPUs see it, with what it answers logged,
// and the end of the machine at the first difference.
#ifndef MACHINE_ACCEL_VERIFY_H
#define MACHINE_ACCEL_VERIFY_H

#include "machine/machine.h"

struct board_log;

// Puts a logging board in front of m->board and switches verification on. Before the vCPUs run, the
// board being complete. As the configuration says.
struct board_log *accel_verify_start(struct machine *m);
// After the vCPUs have stopped for good. Takes NULL.
void accel_verify_stop(struct machine *m, struct board_log *b);
// Was a difference found?
bool accel_verify_differed(const struct machine *m);

#endif
