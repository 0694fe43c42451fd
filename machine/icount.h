// SPDX-License-Identifier: GPL-3.0-or-later
// A machine driven by its instruction count instead of the host's clock.
//
// For a machine whose configuration says `icount`: nothing of the host decides what it does (but
// its input), so that the same state runs the same way every time, wherever one stops on the way.
// Guest time stands still for ICOUNT_QUANTUM instructions and then moves as many nanoseconds; when
// the guest waits, it moves at once to the next timer. One CPU; no vCPU thread runs; the caller's
// thread does all.
#ifndef MACHINE_ICOUNT_H
#define MACHINE_ICOUNT_H

#include "machine/machine.h"

enum { ICOUNT_QUANTUM = 256 };

enum icount_stop {
    ICOUNT_REACHED,
    ICOUNT_IDLE,    // the guest waits, and no timer will wake it within a year
    ICOUNT_REQUEST, // m->request says what: power-off, reset, quit
    ICOUNT_STUCK,   // the guest executes nothing any more (an exception vector that faults)
};

// Runs until CPU 0 has executed `icount` instructions since its reset.
enum icount_stop icount_run(struct machine *m, uint64_t icount);

#endif
