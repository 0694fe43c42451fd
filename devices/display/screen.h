// SPDX-License-Identifier: GPL-3.0-or-later
// A terminal's screen as a grid of letters: what a serial line's bytes make of it (ECMA-48 as
// VT100 and its kin have it, UTF-8), with a history of lines that went off the top.
//
// Plain data, no pixels, no threads; console.h draws it. The bytes are the guest's: any are
// accepted, nothing grows with them.
#ifndef DEVICES_DISPLAY_SCREEN_H
#define DEVICES_DISPLAY_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCREEN_COLS = 100,
    SCREEN_ROWS = 36,
    SCREEN_HISTORY = 2000, // lines above the screen
    SCREEN_LINES = SCREEN_ROWS + SCREEN_HISTORY,
    SCREEN_PARAMS = 16,
    SCREEN_DEFAULT_COLOR = 0x07, // background in the high digit
};

struct screen_cell {
    uint16_t character; // of Unicode's first plane
    uint8_t color;      // VGA's 16, the background's in the high digit
};

enum screen_state {
    SCREEN_TEXT,
    SCREEN_ESC,
    SCREEN_CSI,
    SCREEN_STRING,
    SCREEN_STRING_ESC,
    SCREEN_SKIP
};

struct screen {
    struct screen_cell lines[SCREEN_LINES][SCREEN_COLS]; // a ring
    unsigned top;      // index of the screen's first line in the ring
    unsigned history;  // lines above it that hold something
    unsigned row, col; // the cursor; col == SCREEN_COLS: the next letter goes to the next line
    unsigned saved_row, saved_col;
    unsigned region_top, region_bottom; // rows that scroll: first, and the one after the last
    uint8_t color;
    bool bold, inverse, hide_cursor;
    enum screen_state state;
    unsigned params[SCREEN_PARAMS], param_count;
    bool private; // CSI ?
    uint32_t utf8;
    unsigned utf8_left;
};

void screen_init(struct screen *s);
void screen_put(struct screen *s, const uint8_t *data, size_t len);

// Row `row` of what is seen when the user has gone `back` lines up (at most s->history).
const struct screen_cell *screen_line(const struct screen *s, unsigned row, unsigned back);

#endif
