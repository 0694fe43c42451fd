// SPDX-License-Identifier: GPL-3.0-or-later
// How the debugger lets the vCPUs go, stops and steps them, and learns why one has stopped.
//
// Each does what its row of debugger.actions says: it runs in its own thread, is stepped by the
// machine's thread, or is held. One that meets something stops all others at once, at their next block.
// All here is for the machine's thread.
#ifndef MACHINE_DEBUGGER_RUN_H
#define MACHINE_DEBUGGER_RUN_H

#include "machine/debugger.h"

void debugger_run_init(struct debugger *d);
// Starts what is to run, and guest time.
void debugger_go(struct debugger *d);
// All of them.
void debugger_go_all(struct debugger *d);
// Nothing runs any more when it returns. It may have stopped already.
void debugger_stop(struct debugger *d);
// Has one left for the debugger? All are stopped then, and *s says what it met. If several have,
// they take turns; a breakpoint or an access that is not told of now is met again.
bool debugger_has_met(struct debugger *d, struct gdb_stop *s);
// Makes some of the steps that are to be made. True: *s is to be reported.
bool debugger_step(struct debugger *d, struct gdb_stop *s);
// Tells the client of a stop; what waits for one stop alone waits no more.
void debugger_report(struct debugger *d, const struct gdb_stop *s);
// Forgets what waits for one stop alone.
void debugger_disarm(struct debugger *d);

#endif
