// SPDX-License-Identifier: GPL-3.0-or-later
// Save and load of a whole machine: CPUs, devices, clock, RAM. docs/snapshots.md has the format and
// what is not in it (above all: the contents of disks).
//
// The machine's CPUs do not run and none of its requests to a host back end is under way. The same
// state always makes the same bytes, and saving changes nothing that a guest could tell: the
// machine goes on exactly as another one does into which the state is loaded.
//
// A state to be loaded may come from anybody. Whatever it holds, loading either fails with one line
// or leaves a machine as safe as any guest could have made it.
#ifndef MACHINE_SNAPSHOT_H
#define MACHINE_SNAPSHOT_H

#include "machine/machine.h"

void machine_save(struct machine *m, struct state_writer *w);
// Into a machine of the same shape (RAM size, CPUs, devices, disk sizes). After a failure it may
// only be destroyed.
bool machine_load(struct machine *m, struct state_reader *r, struct error *err);

// The same with a file, which appears whole or not at all; a file that was there is replaced.
bool machine_save_file(struct machine *m, const char *path, struct error *err);
bool machine_load_file(struct machine *m, const char *path, struct error *err);

#endif
