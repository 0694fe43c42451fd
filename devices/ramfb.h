// SPDX-License-Identifier: GPL-3.0-or-later
// ramfb: a framebuffer in guest RAM, where firmware wants it. The guest writes address, format and
// size into the fw_cfg file "etc/ramfb"; from then on the host shows what lies there.
#ifndef DEVICES_RAMFB_H
#define DEVICES_RAMFB_H

#include "devices/display/display.h"
#include "devices/fw_cfg.h"

// A device without registers (not to be mapped). fw's device lives at least as long.
struct device *ramfb_create(const char *name, const struct bus *bus, struct fw_cfg *fw,
                            const struct log *log);
struct display *ramfb_display(struct device *dev); // lives as long as dev

#endif
