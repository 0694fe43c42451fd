// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/sdl_keys.h"

#include "base/bits.h"

#include <linux/input-event-codes.h>
#include <string.h>

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

size_t sdl_key_text(const SDL_Keysym *key, char out[8])
{
    static const struct {
        SDL_Keycode sym;
        const char *text;
    } keys[] = {
        {SDLK_RETURN, "\r"},    {SDLK_KP_ENTER, "\r"},  {SDLK_BACKSPACE, "\177"},
        {SDLK_TAB, "\t"},       {SDLK_ESCAPE, "\33"},   {SDLK_UP, "\33[A"},
        {SDLK_DOWN, "\33[B"},   {SDLK_RIGHT, "\33[C"},  {SDLK_LEFT, "\33[D"},
        {SDLK_HOME, "\33[1~"},  {SDLK_INSERT, "\33[2~"}, {SDLK_DELETE, "\33[3~"},
        {SDLK_END, "\33[4~"},   {SDLK_PAGEUP, "\33[5~"}, {SDLK_PAGEDOWN, "\33[6~"},
    };
    if (key->mod & KMOD_CTRL && key->sym >= '@' && key->sym <= 'z') {
        out[0] = (char)(key->sym & 0x1f);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].sym == key->sym) {
            strcpy(out, keys[i].text);
            return strlen(out);
        }
    return 0;
}
