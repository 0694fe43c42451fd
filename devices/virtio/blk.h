// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-blk (virtio 1.1, 5.2) in front of the block layer.
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/block/block.h"
#include "devices/virtio/virtio.h"

struct virtio_blk_config {
    struct block *block; // taken over
    const char *serial;  // at most 20 bytes; NULL means ""
    bool write_cache;    // offer FLUSH and CONFIG_WCE (the default of the command line)
};

struct virtio *virtio_blk_create(const struct virtio_blk_config *config);

#endif
