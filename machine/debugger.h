// SPDX-License-Identifier: GPL-3.0-or-later
// The debugger's hand on the machine: stops it, lets it go, steps it, and serves one GDB client.
//
// Runs in the machine's thread, without the machine lock. "Stopped" means that the vCPUs' threads
// have ended and guest time stands still: then, and only then, their state is looked at. Steps are
// made here, in the machine's thread. Interrupts wait while an instruction is stepped over, unless
// the client asks otherwise.
#ifndef MACHINE_DEBUGGER_H
#define MACHINE_DEBUGGER_H

#include "machine/gdb.h"
#include "machine/gdb_regs.h"
#include "machine/gdb_socket.h"
#include "machine/machine.h"

#define DEBUGGER_MAX_POLLFDS 2

struct debugger {
    struct machine *m;
    struct gdb_socket socket;
    struct gdb gdb;
    struct gdb_target target;
    struct gdb_regs regs;
    bool listens, connected;
    bool parted;        // the client has said farewell, but not yet closed its end
    bool stopped;       // the vCPUs do not run
    bool held;          // by debugger_hold()
    bool stepping;      // actions hold at least one step, which is being made
    bool started;       // the machine has run before
    bool restarted;     // the guest was reset under a step: the client is to be told where it is
    uint64_t met;       // vCPUs that have left for the debugger, nobody having been told
    bool until_is_set, until_physical; // a breakpoint of monitor's cont-until
    uint64_t until;
    struct gdb_action actions[GDB_MAX_THREADS];
};

// For a machine whose CPUs exist but do not run. Without -gdb nobody can connect, and with -S as
// well nothing ever runs.
bool debugger_init(struct debugger *d, struct machine *m, struct error *err);
void debugger_fini(struct debugger *d);

// Starts the vCPUs, unless somebody holds them. After a reset, too.
void debugger_start(struct debugger *d);
// Stops the machine for somebody who is no debugger, or lets it go on, unless a client has it
// stopped. A client that runs it is told of a stop as of its own Ctrl-C.
void debugger_hold(struct debugger *d, bool hold);
int debugger_pollfds(const struct debugger *d, struct pollfd *fds);
// There is work to do at once.
bool debugger_busy(const struct debugger *d);
// What came on the descriptors, vCPUs that left, steps.
void debugger_serve(struct debugger *d);
// The machine has come to its end, with that exit status.
void debugger_ended(struct debugger *d, int status);

#endif
