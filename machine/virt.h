// SPDX-License-Identifier: GPL-3.0-or-later
// The virt board: one row a device (virt.c), QEMU's addresses and interrupt numbers.
//
// Built under no lock before anything runs; afterwards devices are entered under the machine lock.
// The board fills in m->bus, m->board, m->virt, and adds RAM to m->jit; the caller has made m->ram,
// m->clock, m->lock and m->chardevs.
#ifndef MACHINE_VIRT_H
#define MACHINE_VIRT_H

#include "machine/machine.h"

#define VIRT_RAM_BASE UINT64_C(0x40000000)

// False: *err says what was missing; virt_fini() then releases what was made.
bool virt_init(struct machine *m, struct error *err);
void virt_fini(struct machine *m); // accepts a machine whose board was never made

// Devices to power-on state. Machine lock.
void virt_reset(struct machine *m);

// Reads kernel, initrd and device tree into RAM and sets m->entry and m->entry_arg. Again at every
// reset: the guest has overwritten them.
bool virt_load(struct machine *m, struct error *err);

// The device tree as a file, for -machine dumpdtb=.
bool virt_dump_tree(struct machine *m, const char *path, struct error *err);

// Disks' bytes to stable storage, consoles' output out; before leaving. Machine lock.
void virt_flush(struct machine *m);

#endif
