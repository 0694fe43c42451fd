// SPDX-License-Identifier: GPL-3.0-or-later
// The machine as GDB's target: what the packets of machine/gdb.h come down to.
#ifndef MACHINE_DEBUGGER_TARGET_H
#define MACHINE_DEBUGGER_TARGET_H

#include "machine/debugger.h"

struct gdb_target debugger_target(struct debugger *d);
// Removes all points, of every owner, and stops the machine.
void debugger_forget_points(struct debugger *d);

#endif
