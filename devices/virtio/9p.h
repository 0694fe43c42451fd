// SPDX-License-Identifier: GPL-3.0-or-later
// The 9P transport of virtio (1.2, 5.15): a host directory that the guest mounts by its tag.
#ifndef DEVICES_VIRTIO_9P_H
#define DEVICES_VIRTIO_9P_H

#include "devices/p9/server.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_9P_TAG 64 // bytes of a tag, at most

// server is taken over.
struct virtio *virtio_9p_create(struct p9_server *server, const char *tag);

#endif
