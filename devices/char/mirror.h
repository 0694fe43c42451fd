// SPDX-License-Identifier: GPL-3.0-or-later
// A character device that shows to a second pair of eyes what another one carries, and takes input
// from there too: the serial console in the window.
#ifndef DEVICES_CHAR_MIRROR_H
#define DEVICES_CHAR_MIRROR_H

#include "devices/char/char.h"

// Takes over inner (may be NULL). show() gets each output as it is written; under the machine lock,
// as all of a back end.
struct chardev *mirror_create(struct chardev *inner,
                              void (*show)(void *opaque, const uint8_t *data, size_t len),
                              void *opaque);

// Input from the second pair of hands; what is beyond a few pages is dropped. Machine lock.
void mirror_input(struct chardev *c, const void *data, size_t len);

#endif
