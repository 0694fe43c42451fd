// SPDX-License-Identifier: GPL-3.0-or-later
// What sits in the board's virtio-mmio slots: each -device from device_types.def, back end
// included.
#ifndef MACHINE_VIRTIO_SLOTS_H
#define MACHINE_VIRTIO_SLOTS_H

#include "devices/virtio/virtio.h"
#include "machine/machine.h"

enum { VIRTIO_SLOTS = 32 };

// Makes the device of slot n: the first -device of those that sit in slots lands on the highest.
// *v is NULL for an empty one. False: a back end could not be opened.
bool virtio_slot_create(struct machine *m, unsigned n, struct virtio **v, struct error *err);

#endif
