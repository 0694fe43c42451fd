// SPDX-License-Identifier: GPL-3.0-or-later
// EDID 1.4: what a display says of itself. Pure.
#ifndef DEVICES_DISPLAY_EDID_H
#define DEVICES_DISPLAY_EDID_H

#include <stdint.h>

enum {
    EDID_SIZE = 128,
    EDID_MAX = 4095, // pixels either way: what a detailed timing can say
};

// A display that prefers width x height (1 to EDID_MAX each) and also does the usual smaller modes.
void edid_make(uint8_t edid[EDID_SIZE], uint32_t width, uint32_t height);

#endif
