// SPDX-License-Identifier: GPL-3.0-or-later
// The letters of the serial console's window: 8 by 16 pixels, drawn for armlet. Pure functions.
#ifndef DEVICES_DISPLAY_FONT_H
#define DEVICES_DISPLAY_FONT_H

#include <stdint.h>

enum { FONT_WIDTH = 8, FONT_HEIGHT = 16 };

// The lines of a character of Unicode, the leftmost pixel in bit 7. There are ASCII, the lines and
// corners of boxes and some blocks; anything else is a hollow box.
void font_glyph(uint32_t character, uint8_t lines[FONT_HEIGHT]);

#endif
