// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-rng (virtio 1.1, 5.4): entropy from the host's getrandom() or a source given instead.
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

// fill writes len random bytes; NULL means getrandom(). It is the door for record and replay.
struct virtio *virtio_rng_create(void (*fill)(void *opaque, void *to, size_t len), void *opaque);

#endif
