// SPDX-License-Identifier: GPL-3.0-or-later
// A framebuffer that simply is there: memory of its own on the bus and a "simple-framebuffer" node
// that says where it is and what shape it has. For kernels without firmware. The mode is the
// user's; a guest cannot change it.
#ifndef DEVICES_SIMPLEFB_H
#define DEVICES_SIMPLEFB_H

#include "devices/device.h"
#include "devices/display/display.h"

enum { SIMPLEFB_MAX_SIZE = 16 << 20 }; // bytes of memory

struct simplefb_config {
    uint32_t width, height;     // pixels
    enum display_format format; // one that a node can name
    uint64_t gpa;               // where the board maps it
};

// A device without registers (not to be mapped): the board maps simplefb_memory() as RAM. NULL: the
// mode cannot be (err says why).
struct device *simplefb_create(const char *name, const struct simplefb_config *config,
                               struct error *err);
uint8_t *simplefb_memory(struct device *dev, uint64_t *size); // zeroed; lives as long as dev
struct display *simplefb_display(struct device *dev);         // likewise

#endif
