// SPDX-License-Identifier: GPL-3.0-or-later
// What this process may have of the host.
#ifndef MACHINE_HOST_LIMITS_H
#define MACHINE_HOST_LIMITS_H

// Raises the number of descriptors as far as an unprivileged process may: a guest's connections and
// open files are descriptors here, and the usual limit of 1024 is for programs of one's own. A
// connection that was closed stays one for some seconds.
void host_limits_raise_descriptors(void);

#endif
