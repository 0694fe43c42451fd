// SPDX-License-Identifier: GPL-3.0-or-later
// The window's title: whose it is, how fast the guest runs, what the user may do now.
#include "devices/display/sdl_window.h"

#include <stdio.h>

void sdl_title_set(struct sdl *s)
{
    char title[256];
    const char *hint = "";
    if (s->closing)
        hint = " - shutting down; close again to end at once";
    else if (s->grabbed)
        hint = " - Ctrl+Alt+G releases keyboard and pointer";
    else if (sdl_wants_grab(s) && !viewer_shows_console(&s->viewer))
        hint = " - click to grab the pointer";
    if (s->title.paused)
        snprintf(title, sizeof title, "%.100s - armlet - paused%s", s->config.title, hint);
    else
        snprintf(title, sizeof title, "%.100s - armlet - %u MIPS%s", s->config.title, s->title.mips,
                 hint);
    SDL_SetWindowTitle(s->window, title);
}

void sdl_title_update(struct sdl *s)
{
    uint64_t ms = SDL_GetTicks64(), since = ms - s->title.ms;
    struct front_status status;
    if (since < TITLE_MS && s->title.ms)
        return;
    s->config.status(s->config.opaque, &status);
    uint64_t executed = status.instructions - s->title.instructions;
    s->title.mips = s->title.ms ? (unsigned)(executed / since / 1000) : 0;
    s->title.ms = ms;
    s->title.instructions = status.instructions;
    s->title.paused = status.paused;
    sdl_title_set(s);
}
