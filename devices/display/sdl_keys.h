// SPDX-License-Identifier: GPL-3.0-or-later
// SDL's keys as others have them. Of sdl.c alone.
#ifndef DEVICES_DISPLAY_SDL_KEYS_H
#define DEVICES_DISPLAY_SDL_KEYS_H

#include <SDL.h>
#include <stddef.h>

// The KEY_* of a scancode: the key's place counts, whatever the host's layout prints there. 0: none.
unsigned sdl_key_code(SDL_Scancode scancode);

// What a terminal sends for a key that is no text (Return, arrows, Ctrl and a letter), into out;
// returns the length, 0 for nothing.
size_t sdl_key_text(const SDL_Keysym *key, char out[8]);

#endif
