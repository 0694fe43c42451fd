// SPDX-License-Identifier: GPL-3.0-or-later
// The kinds of device that -device can plug into the board; see device_types.def.
#ifndef MACHINE_DEVICE_TYPES_H
#define MACHINE_DEVICE_TYPES_H

enum {
    PROP_DRIVE = 1 << 0,  // needs one
    PROP_SERIAL = 1 << 1,
    PROP_NETDEV = 1 << 2, // needs one; also mac=
    PROP_PORT = 1 << 3,   // a port of a virtio-serial-device: sits in no slot
    PROP_NAME = 1 << 4,
    PROP_FSDEV = 1 << 5, // needs one; also mount_tag=
    PROP_BALLOON = 1 << 6,
};

enum device_type {
#define DEVICE_TYPE(id, name, props, help) DEVICE_##id,
#include "machine/device_types.def"
#undef DEVICE_TYPE
    DEVICE_TYPE_COUNT
};

#endif
