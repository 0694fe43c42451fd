// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-net (virtio 1.1, 5.1) in front of a network back end.
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "devices/net/net.h"
#include "devices/virtio/virtio.h"

struct virtio_net_config {
    struct net *net; // borrowed: its thread has ended when the card is destroyed; NULL: no cable
    uint8_t mac[6];
};

struct virtio *virtio_net_create(const struct virtio_net_config *config);

#endif
