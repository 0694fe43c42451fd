// SPDX-License-Identifier: GPL-3.0-or-later
// Guest RAM: the one place that decides what host memory it is.
#ifndef MACHINE_RAM_H
#define MACHINE_RAM_H

#include "base/error.h"

#include <stdint.h>

struct ram {
    uint8_t *host;
    uint64_t size; // bytes
};

// Zeroed on first use, never swapped in before; big pages where the host gives them.
bool ram_init(struct ram *ram, uint64_t size, struct error *err);
void ram_fini(struct ram *ram);
// Gives all of it back to the host; it reads as zero again.
void ram_clear(struct ram *ram);
// The same for some of it: whole pages, in bytes from the beginning.
void ram_discard(struct ram *ram, uint64_t offset, uint64_t len);

#endif
