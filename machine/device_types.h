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
    PROP_MODE = 1 << 16, // xres, yres
    PROP_FORMAT = 1 << 17,
    PROP_HOSTMEM = 1 << 18,
    // Not properties of the command line's:
    PROP_DISPLAY = 1 << 24, // counts among the machine's displays
    PROP_ONCE = 1 << 25,    // one a machine
};

enum device_type {
#define DEVICE_TYPE(id, name, props, help) DEVICE_##id,
#include "machine/device_types.def"
#undef DEVICE_TYPE
    DEVICE_TYPE_COUNT
};

#endif
