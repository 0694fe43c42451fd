// SPDX-License-Identifier: GPL-3.0-or-later
// The part of a device-tree node that all memory-mapped devices have alike.
#ifndef DEVICES_FDT_NODE_H
#define DEVICES_FDT_NODE_H

#include "devices/device.h"

#include <libfdt.h>

enum { FDT_IRQ_EDGE = 1, FDT_IRQ_LEVEL = 4 };

// Opens "type@base" and writes compatible (a list of strings of compatible_len bytes), reg,
// interrupts and phandle. Returns 0 or a libfdt error.
int fdt_node_begin(void *fdt, const char *type, const struct fdt_place *place, uint64_t size,
                   const char *compatible, int compatible_len, int irq_flags);

// A PrimeCell's clock named apb_pclk, as its only clock.
int fdt_node_apb_clock(void *fdt, const struct fdt_place *place);

#endif
