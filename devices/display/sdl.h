// SPDX-License-Identifier: GPL-3.0-or-later
// The window, by SDL2. sdl_none.c stands in where armlet is built without SDL.
#ifndef DEVICES_DISPLAY_SDL_H
#define DEVICES_DISPLAY_SDL_H

#include "devices/display/front.h"

struct sdl;

// Opens the window. NULL: there is no screen, or no SDL; err says so. The thread that creates it
// runs and destroys it, and is the process's first.
struct sdl *sdl_create(const struct front_config *config, struct error *err);
// Serves the window until sdl_stop().
void sdl_run(struct sdl *s);
// Any thread, once or more often, also before sdl_run().
void sdl_stop(struct sdl *s);
void sdl_destroy(struct sdl *s); // accepts NULL

#endif
