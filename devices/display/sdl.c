// SPDX-License-Identifier: GPL-3.0-or-later
// The window: its life, and whose each of SDL's events is. sdl_window.h says what the others do.
#include "devices/display/sdl.h"

#include "devices/display/sdl_window.h"

#include <assert.h>
#include <stdlib.h>

static void refresh(struct sdl *s)
{
    sdl_picture_apply(s, &s->change);
    if (s->change.mode)
        sdl_input_follow(s);
    s->change = (struct viewer_change){0};
    sdl_title_update(s);
    sdl_pace_served(s);
}

// The window -------------------------------------------------------------------------------------

// The guest is asked to shut down; who asks a second time means it.
static void close_window(struct sdl *s)
{
    if (s->closing)
        s->config.quit(s->config.opaque);
    else
        s->config.power_key(s->config.opaque);
    s->closing = true;
    sdl_title_set(s);
}

static void resized(struct sdl *s)
{
    int w, h;
    struct display *d = viewer_display(&s->viewer);
    sdl_picture_output_size(s, &w, &h);
    s->user_sized = true;
    if (d && w > 0 && h > 0)
        display_request_size(d, (uint32_t)w, (uint32_t)h);
}

static void window_event(struct sdl *s, const SDL_WindowEvent *e)
{
    switch (e->event) {
    case SDL_WINDOWEVENT_CLOSE:
        close_window(s);
        break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
        sdl_input_lost_focus(s);
        break;
    case SDL_WINDOWEVENT_RESIZED: // by the user
        resized(s);
        s->stale.all = true;
        break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        sdl_picture_resized(s);
        break;
    case SDL_WINDOWEVENT_EXPOSED:
        s->stale.all = true;
        break;
    default:
        break;
    }
}

static void handle(struct sdl *s, const SDL_Event *e)
{
    if (e->type == s->first_event + EVENT_REFRESH)
        refresh(s);
    switch (e->type) {
    case SDL_WINDOWEVENT:
        window_event(s, &e->window);
        break;
    case SDL_KEYDOWN:
    case SDL_KEYUP:
        sdl_input_key(s, &e->key);
        break;
    case SDL_TEXTINPUT:
        sdl_input_text(s, &e->text);
        break;
    case SDL_MOUSEMOTION:
        sdl_input_motion(s, &e->motion);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        sdl_input_button(s, &e->button);
        break;
    case SDL_MOUSEWHEEL:
        sdl_input_wheel(s, &e->wheel);
        break;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET:
        sdl_picture_restore(s);
        break;
    default:
        break;
    }
}

void sdl_run(struct sdl *s)
{
    SDL_Event e;
    while (!sdl_pace_stopped(s)) {
        if (!SDL_WaitEvent(&e))
            continue;
        mutex_lock(&s->viewer_lock);
        do
            handle(s, &e);
        while (SDL_PollEvent(&e));
        sdl_picture_draw(s);
        mutex_unlock(&s->viewer_lock);
    }
}

// Opening and closing -----------------------------------------------------------------------------

// Only where somebody looks: SDL would go on to drivers that draw into memory. SDL_VIDEODRIVER wins.
static void choose_screen(void)
{
    const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");
    bool has_x = x && *x, has_wayland = wayland && *wayland;
    if (has_x || has_wayland)
        SDL_SetHint(SDL_HINT_VIDEODRIVER, !has_wayland ? "x11" : has_x ? "x11,wayland" : "wayland");
}

static void set_hints(void)
{
    choose_screen();
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");        // machine_run() reads them
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0"); // the first close asks the guest
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0"); // no OpenGL behind the software renderer
    SDL_SetHint(SDL_HINT_APP_NAME, "armlet");
}

struct sdl *sdl_create(const struct front_config *config, struct error *err)
{
    struct sdl *s = calloc(1, sizeof *s);
    assert(s);
    s->config = *config;
    s->smooth = config->smooth;
    s->viewer.wake_fd = -1;
    sdl_pace_init(s);
    set_hints();
    if (SDL_InitSubSystem(SDL_INIT_VIDEO)) {
        const char *x = getenv("DISPLAY");
        error_set(err, "%s; DISPLAY is %s", SDL_GetError(), x && *x ? x : "not set");
        sdl_destroy(s);
        return NULL;
    }
    if (!sdl_picture_init(s, err) || !viewer_init(&s->viewer, &s->config, err)) {
        sdl_destroy(s);
        return NULL;
    }
    s->first_event = SDL_RegisterEvents(EVENTS);
    sdl_pace_start(s);
    return s;
}

void sdl_stop(struct sdl *s)
{
    if (s)
        sdl_pace_stop(s);
}

void sdl_destroy(struct sdl *s)
{
    if (!s)
        return;
    sdl_pace_fini(s);
    if (s->viewer.config)
        viewer_fini(&s->viewer);
    sdl_picture_fini(s);
    if (SDL_WasInit(SDL_INIT_VIDEO))
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
    free(s);
}
