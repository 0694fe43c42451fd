// SPDX-License-Identifier: GPL-3.0-or-later
// The board's flash banks, seen by the CPUs as ROM while they are in array mode: fetches and reads
// go straight to the contents, writes to the device.
#ifndef MACHINE_FLASH_H
#define MACHINE_FLASH_H

#include "devices/pflash.h"
#include "machine/machine.h"

#define FLASH_BANK_SIZE PFLASH_SIZE // the banks follow each other from address 0

struct flash {
    struct machine *m;
    gpa_t base;
};

// Bank n with what the configuration says. *f is the caller's and lives as long as the device.
struct device *flash_create(struct flash *f, struct machine *m, const char *name, unsigned n,
                            struct error *err);

#endif
