// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-input (virtio 1.2, 5.8): a keyboard, a tablet or a mouse.
#ifndef DEVICES_VIRTIO_INPUT_H
#define DEVICES_VIRTIO_INPUT_H

#include "devices/input/input.h"
#include "devices/virtio/virtio.h"

// Events come from in, which outlives the device; clock is where they are passed to the guest.
// NULL: in has no room for another device.
struct virtio *virtio_input_create(enum input_kind kind, struct input *in, struct clock *clock);

#endif
