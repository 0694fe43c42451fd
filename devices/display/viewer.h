// SPDX-License-Identifier: GPL-3.0-or-later
// What front ends have in common: which of the machine's displays is shown, and a copy of its
// picture that is kept up to date line by line.
//
// One thread's (the front end's); wake_fd is written by whoever draws. The copy is the front end's
// to keep: nobody waits for it, and it stays when the guest switches off.
#ifndef DEVICES_DISPLAY_VIEWER_H
#define DEVICES_DISPLAY_VIEWER_H

#include "devices/display/front.h"

enum { VIEWER_MAX_DISPLAYS = 8 };

struct viewer {
    const struct front_config *config;
    struct display_view views[VIEWER_MAX_DISPLAYS]; // one a display
    size_t count;
    size_t shown;                   // index of the display that is shown
    int wake_fd;                    // eventfd: something is there for viewer_update()
    uint32_t width, height;         // of the picture; 0: there is none, all displays are off
    uint32_t *pixels;               // 0xffRRGGBB, width words a line
    struct display_pointer pointer; // with a reference to its cursor
};

struct viewer_change {
    bool mode;    // width and height have changed, or another display is shown
    bool pixels;  // the lines in damage
    bool pointer; // its image or its place
    uint64_t damage[DISPLAY_DAMAGE_WORDS];
};

// config outlives the viewer.
bool viewer_init(struct viewer *v, const struct front_config *config, struct error *err);
void viewer_fini(struct viewer *v);

// Brings the copy up to date; says what was changed. False: nothing was.
bool viewer_update(struct viewer *v, struct viewer_change *change);

// Milliseconds until viewer_update() is worth a call even if nobody writes to wake_fd; -1: never.
int viewer_poll_ms(struct viewer *v);

// The display that is shown; NULL if the machine has none.
struct display *viewer_display(const struct viewer *v);
// Whether that is the serial console.
bool viewer_shows_console(const struct viewer *v);

// The next run of lines at or after *first with their bits set: how many; 0 for no more.
uint32_t viewer_next_run(const uint64_t *damage, uint32_t height, uint32_t *first);

#endif
