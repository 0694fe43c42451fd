// SPDX-License-Identifier: GPL-3.0-or-later
// What the user does in the window: keys, pointer, grab, and the window's own keys.
//
// Keys go to the guest by their place. When the focus goes, and after each of the window's own
// keys, all that are down are released: none sticks. Without a tablet the guest wants motion and
// not places, so a click grabs the pointer.
#include "devices/display/sdl_window.h"

#include "base/bits.h"
#include "devices/display/sdl_keys.h"
#include "devices/input/keys.h"

#include <string.h>

enum {
    WHEEL_LINES = 3, // that the console scrolls a notch
    PAGE_LINES = 20, // and a Page Up
};

// Grab and the window's own keys ------------------------------------------------------------------

static void set_grab(struct sdl *s, bool on)
{
    s->grabbed = on;
    SDL_SetWindowKeyboardGrab(s->window, on);
    SDL_SetWindowMouseGrab(s->window, on);
    SDL_SetRelativeMouseMode(on && sdl_wants_grab(s));
    SDL_ShowCursor(!on && !s->viewer.pointer.cursor);
    sdl_title_set(s);
}

void sdl_input_lost_focus(struct sdl *s)
{
    input_release_all(s->config.input);
    if (s->grabbed)
        set_grab(s, false);
}

// Ctrl+Alt and a letter. True: it was one of the window's.
static bool own_key(struct sdl *s, const SDL_Keysym *key)
{
    if (!(key->mod & KMOD_CTRL) || !(key->mod & KMOD_ALT))
        return false;
    switch (key->scancode) {
    case SDL_SCANCODE_G:
        set_grab(s, !s->grabbed);
        break;
    case SDL_SCANCODE_F:
        sdl_picture_toggle_full_screen(s);
        break;
    case SDL_SCANCODE_S:
        s->smooth = !s->smooth;
        break;
    case SDL_SCANCODE_U:
        s->user_sized = false;
        sdl_picture_fit_window(s);
        break;
    default:
        return false;
    }
    input_release_all(s->config.input);
    s->stale.all = true;
    return true;
}

// Keyboard ---------------------------------------------------------------------------------------

static void console_key(struct sdl *s, const SDL_Keysym *key)
{
    const char *text = key_text(sdl_key_code(key->scancode));
    int page = key->sym == SDLK_PAGEUP ? PAGE_LINES : key->sym == SDLK_PAGEDOWN ? -PAGE_LINES : 0;
    if (key->mod & KMOD_SHIFT && page) {
        s->config.scroll(s->config.opaque, page);
        return;
    }
    if (key->mod & KMOD_CTRL && key->sym >= '@' && key->sym <= 'z')
        s->config.type(s->config.opaque, &(char){(char)(key->sym & 0x1f)}, 1);
    else if (text)
        s->config.type(s->config.opaque, text, strlen(text));
}

void sdl_input_key(struct sdl *s, const SDL_KeyboardEvent *e)
{
    bool down = e->type == SDL_KEYDOWN;
    if (down && !e->repeat && own_key(s, &e->keysym))
        return;
    if (viewer_shows_console(&s->viewer)) {
        if (down)
            console_key(s, &e->keysym);
        return;
    }
    unsigned code = sdl_key_code(e->keysym.scancode);
    if (!code || e->repeat)
        return;
    input_key(s->config.input, code, down);
    input_sync(s->config.input);
}

void sdl_input_text(struct sdl *s, const SDL_TextInputEvent *e)
{
    if (viewer_shows_console(&s->viewer))
        s->config.type(s->config.opaque, e->text, strlen(e->text));
}

void sdl_input_follow(struct sdl *s)
{
    if (viewer_shows_console(&s->viewer))
        SDL_StartTextInput();
    else
        SDL_StopTextInput();
}

// Pointer ----------------------------------------------------------------------------------------

static int32_t scale(int64_t at, int64_t size)
{
    return size > 1 ? (int32_t)(at * INPUT_ABS_MAX / (size - 1)) : 0;
}

void sdl_input_motion(struct sdl *s, const SDL_MouseMotionEvent *e)
{
    int ww = 0, wh = 0, ow = 0, oh = 0;
    unsigned kinds = input_kinds(s->config.input);
    if (kinds & INPUT_TABLET) {
        SDL_Rect r = sdl_picture_rect(s);
        SDL_GetWindowSize(s->window, &ww, &wh);
        sdl_picture_output_size(s, &ow, &oh);
        if (ww < 1 || wh < 1)
            return;
        input_abs(s->config.input, scale((int64_t)e->x * ow / ww - r.x, r.w),
                  scale((int64_t)e->y * oh / wh - r.y, r.h));
    } else if (s->grabbed) {
        input_rel(s->config.input, e->xrel, e->yrel);
    }
    input_sync(s->config.input);
}

void sdl_input_button(struct sdl *s, const SDL_MouseButtonEvent *e)
{
    static const unsigned short codes[] = {
        [SDL_BUTTON_LEFT] = BTN_LEFT,   [SDL_BUTTON_MIDDLE] = BTN_MIDDLE,
        [SDL_BUTTON_RIGHT] = BTN_RIGHT, [SDL_BUTTON_X1] = BTN_SIDE,
        [SDL_BUTTON_X2] = BTN_EXTRA,
    };
    bool down = e->type == SDL_MOUSEBUTTONDOWN;
    if (viewer_shows_console(&s->viewer))
        return;
    if (down && !s->grabbed && sdl_wants_grab(s)) {
        set_grab(s, true);
        return;
    }
    if (e->button < ARRAY_SIZE(codes) && codes[e->button])
        input_button(s->config.input, codes[e->button], down);
    input_sync(s->config.input);
}

void sdl_input_wheel(struct sdl *s, const SDL_MouseWheelEvent *e)
{
    int sign = e->direction == SDL_MOUSEWHEEL_FLIPPED ? -1 : 1;
    if (viewer_shows_console(&s->viewer)) {
        s->config.scroll(s->config.opaque, sign * e->y * WHEEL_LINES);
        return;
    }
    input_wheel(s->config.input, sign * e->x, sign * e->y);
    input_sync(s->config.input);
}
