// SPDX-License-Identifier: GPL-3.0-or-later
// A back end on a Unix socket: one peer at a time. As a server it takes the next when one leaves.
#ifndef DEVICES_CHAR_SOCKET_H
#define DEVICES_CHAR_SOCKET_H

#include "base/error.h"
#include "devices/char/char.h"

// Connects to path, or listens there (the file is removed at the end).
struct chardev *char_socket_create(const char *path, bool server, struct error *err);

#endif
