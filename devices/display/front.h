// SPDX-License-Identifier: GPL-3.0-or-later
// What a front end (sdl.h, vnc.h) is given of the machine that it shows.
#ifndef DEVICES_DISPLAY_FRONT_H
#define DEVICES_DISPLAY_FRONT_H

#include "devices/display/display.h"
#include "devices/input/input.h"

struct front_status {
    uint64_t instructions; // that the guest has executed so far
    bool paused;
};

// All of it outlives the front end. The functions are called by the front end's thread, hold no
// lock of its, and do not block for long.
struct front_config {
    const char *title;
    struct display *const *displays; // for display_pick()
    size_t display_count;
    struct input *input;
    bool full_screen, smooth;
    void *opaque;
    void (*status)(void *opaque, struct front_status *status);
    void (*power_key)(void *opaque);
    void (*quit)(void *opaque);
    // Text typed while the serial console is shown; NULL: there is none. The console is the display
    // of that name; lines > 0 scrolls it back.
    const struct display *console;
    void (*type)(void *opaque, const char *text, size_t len);
    void (*scroll)(void *opaque, int lines);
};

#endif
