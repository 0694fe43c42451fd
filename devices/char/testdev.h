// SPDX-License-Identifier: GPL-3.0-or-later
// The test device of bare-metal suites: what the guest writes are commands, "<number>q" ends the
// emulator with status (number << 1) | 1. Never has input.
#ifndef DEVICES_CHAR_TESTDEV_H
#define DEVICES_CHAR_TESTDEV_H

#include "devices/char/char.h"

struct chardev *testdev_create(void (*quit)(void *opaque, int status), void *opaque);

#endif
