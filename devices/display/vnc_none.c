// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/vnc.h"

struct vnc *vnc_create(const struct front_config *config, const char *address, struct error *err)
{
    error_set(err, "-display vnc=%s: armlet was built without libvncserver", address);
    return NULL;
}

void vnc_destroy(struct vnc *v) {}
