// SPDX-License-Identifier: GPL-3.0-or-later
// SDL's keys as others have them. Of sdl_input.c alone.
#ifndef DEVICES_DISPLAY_SDL_KEYS_H
#define DEVICES_DISPLAY_SDL_KEYS_H

#include <SDL.h>

// The KEY_* of a scancode: the key's place counts, whatever the host's layout prints there. 0:
// none.
unsigned sdl_key_code(SDL_Scancode scancode);

#endif
