// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/sdl_keys.h"

#include "base/bits.h"

#include <linux/input-event-codes.h>

unsigned sdl_key_code(SDL_Scancode scancode)
{
    static const unsigned short codes[SDL_NUM_SCANCODES] = {
#define KEY(code, qcode, number, sdl, keysym, shifted) [sdl] = code,
#include "devices/input/keys.def"
#undef KEY
        [SDL_SCANCODE_NONUSHASH] = KEY_BACKSLASH,
    };
    return (unsigned)scancode < ARRAY_SIZE(codes) ? codes[scancode] : 0;
}
