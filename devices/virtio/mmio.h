// SPDX-License-Identifier: GPL-3.0-or-later
// The virtio-mmio transport (virtio 1.1, 4.2), version 2 and the legacy version 1.
#ifndef DEVICES_VIRTIO_MMIO_H
#define DEVICES_VIRTIO_MMIO_H

#include "devices/irq.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_MMIO_SIZE 0x200

// A slot of the board. Takes over v, which may be NULL: an empty slot reads as device ID 0. A
// device that legacy virtio never had is modern whatever `legacy` says. The
// clock runs what a kick leaves undone when it has done its share.
struct device *virtio_mmio_create(const char *name, struct bus *bus, struct clock *clock,
                                  struct irq_line irq, bool legacy, struct virtio *v,
                                  const struct log *log);

#endif
