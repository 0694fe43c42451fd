// SPDX-License-Identifier: GPL-3.0-or-later
// The networks that the configuration names, one back end and one thread each.
#ifndef MACHINE_NETWORKS_H
#define MACHINE_NETWORKS_H

#include "machine/machine.h"

// Opens sockets and ports; no thread yet. False: one of them cannot be had.
bool networks_init(struct machine *m, struct error *err);
// After the cards are plugged in.
void networks_start(struct machine *m);
// Before the cards are destroyed; not under the machine lock.
void networks_fini(struct machine *m);

#endif
