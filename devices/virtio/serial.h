// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-console (virtio 1.1, 5.3): consoles and named ports, each in front of a character device.
#ifndef DEVICES_VIRTIO_SERIAL_H
#define DEVICES_VIRTIO_SERIAL_H

#include "devices/char/char.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_SERIAL_PORTS 15 // two queues each, and two for control
#define VIRTIO_SERIAL_NAME  64 // bytes of a port's name, at most

struct virtio_serial_port {
    bool present;
    bool console;            // the guest may use it as /dev/hvcN
    const char *name;        // /dev/virtio-ports/NAME; NULL: none. Must outlive the device
    struct chardev *chardev; // borrowed; NULL swallows everything
};

// Port n is ports[n]; the guest is told of one more than the highest that is present.
struct virtio *virtio_serial_create(const struct virtio_serial_port ports[VIRTIO_SERIAL_PORTS]);

#endif
