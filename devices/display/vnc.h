// SPDX-License-Identifier: GPL-3.0-or-later
// The display by VNC (RFB 3.8), through libvncserver. vnc_none.c stands in where armlet is built
// without it.
//
// A thread of its own serves all clients; they see and steer the same display. There is no password
// and no encryption, so without a host's name only this host may connect.
#ifndef DEVICES_DISPLAY_VNC_H
#define DEVICES_DISPLAY_VNC_H

#include "devices/display/front.h"

struct vnc;

// address is [HOST]:N; listens on port 5900 + N and serves until vnc_destroy().
struct vnc *vnc_create(const struct front_config *config, const char *address, struct error *err);
void vnc_destroy(struct vnc *v); // accepts NULL

#endif
