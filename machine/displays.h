// SPDX-License-Identifier: GPL-3.0-or-later
// The displays that -device asks for outside the virtio slots (ramfb, simple-framebuffer), and the
// list of all of them.
#ifndef MACHINE_DISPLAYS_H
#define MACHINE_DISPLAYS_H

#include "machine/machine.h"

// Enters a display into the machine's list, and lets it ask which pages of RAM were written: the
// serial console, framebuffers, and virtio-gpu, which a guest that can drive it prefers.
enum display_rank {
    DISPLAY_RANK_CONSOLE,
    DISPLAY_RANK_SIMPLEFB,
    DISPLAY_RANK_RAMFB,
    DISPLAY_RANK_GPU,
};
void displays_add(struct machine *m, struct display *d, enum display_rank rank);

// Makes the device that d asks for (a BOARD_DEVICE_TYPE) and says where it is for its node in the
// tree. It has no registers to map; memory of its own is mapped.
struct device *displays_create(struct machine *m, const struct config_device *d,
                               struct fdt_place *place, struct error *err);

// Whether this kind of -device is one.
bool displays_is_board_type(int type);

#endif
