// SPDX-License-Identifier: GPL-3.0-or-later
// Starting through firmware: it runs from flash at address 0, finds the device tree at the
// beginning of RAM, and gets -kernel, -initrd and -append by fw_cfg.
#ifndef MACHINE_FIRMWARE_H
#define MACHINE_FIRMWARE_H

#include "machine/machine.h"

// Reads the files and hands them to m->fw_cfg. Called again at a reset: what they held before is
// released. No vCPU runs.
bool firmware_load(struct machine *m, struct error *err);
void firmware_fini(struct machine *m);

// Adds the items of -fw_cfg to m->fw_cfg. They are read once; firmware_fini() does not end them,
// firmware_release_items() does, after the device.
bool firmware_add_items(struct machine *m, struct error *err);
void firmware_release_items(struct machine *m);

#endif
