// SPDX-License-Identifier: GPL-3.0-or-later
// A back end that swallows output and has no input.
#ifndef DEVICES_CHAR_NULL_H
#define DEVICES_CHAR_NULL_H

#include "devices/char/char.h"

struct chardev *null_create(void);

#endif
