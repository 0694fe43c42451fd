// SPDX-License-Identifier: GPL-3.0-or-later
// The machine and its user: window, VNC, control socket, screenshots around machine_run().
//
// With a window the calling thread (the process's first: window systems want that) is the window's
// and the machine runs in a thread of its own; without one it runs right here. Neither ever waits
// for the other but at the end.
#ifndef MACHINE_UI_H
#define MACHINE_UI_H

#include "machine/machine.h"

// Runs the machine with what its configuration asks for. Returns the process's exit status.
int ui_run(struct machine *m);

#endif
