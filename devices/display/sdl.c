// SPDX-License-Identifier: GPL-3.0-or-later
// The window: one of the machine's displays, scaled, and what its user does in it.
//
// Threads. The process's first thread waits in SDL for events and does everything here. A second
// one, the pacer, waits for the guest to draw (viewer.wake_fd) or for the time to look by itself,
// and says so by an SDL event, sixty times a second at most; it goes on when that has been served.
// So a vCPU that draws writes to a descriptor and never waits, whatever the window system does.
//
// Keys go to the guest by their place. When the focus goes, and after each of the window's own
// keys, all that are down are released: none sticks. Without a tablet the guest wants motion and
// not places, so a click grabs the pointer.
#include "devices/display/sdl.h"

#include "base/bits.h"
#include "devices/display/sdl_keys.h"
#include "devices/display/viewer.h"
#include "devices/input/keys.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MS = 16,
    TITLE_MS = 1000,
    OFF_WIDTH = 640, // the window while nothing is shown
    OFF_HEIGHT = 480,
    WHEEL_LINES = 3, // that the console scrolls a notch
    PAGE_LINES = 20, // and a Page Up
};

enum { EVENT_REFRESH, EVENT_STOP, EVENTS }; // offsets from first_event

struct sdl {
    struct front_config config;
    struct viewer viewer;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture; // the picture, viewer.width by viewer.height
    SDL_Texture *pointer; // the guest's, or NULL
    uint32_t first_event;
    bool present; // something is to be drawn
    bool smooth, grabbed, closing, user_sized;
    struct {
        uint64_t instructions;
        uint64_t ms;
        unsigned mips;
        bool paused;
    } title;
    pthread_t pacer;
    struct mutex lock; // of the next three
    pthread_cond_t served_changed;
    bool served; // the last refresh
    int poll_ms;
    bool stop;
};

// The pacer --------------------------------------------------------------------------------------

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static void push(struct sdl *s, int event)
{
    SDL_Event e = {.type = s->first_event + (uint32_t)event};
    SDL_PushEvent(&e);
}

// Until the last refresh has been served. False: the end.
static bool wait_served(struct sdl *s, int *poll_ms)
{
    mutex_lock(&s->lock);
    while (!s->served && !s->stop)
        pthread_cond_wait(&s->served_changed, &s->lock.m);
    s->served = false;
    *poll_ms = s->poll_ms;
    bool go_on = !s->stop;
    mutex_unlock(&s->lock);
    return go_on;
}

static void *run_pacer(void *opaque)
{
    struct sdl *s = opaque;
    int64_t last = 0;
    int poll_ms;
    for (;;) {
        int64_t wait = last + FRAME_MS - now_ms();
        if (wait > 0)
            nanosleep(&(struct timespec){0, wait * 1000000}, NULL);
        last = now_ms();
        push(s, EVENT_REFRESH);
        if (!wait_served(s, &poll_ms))
            return NULL;
        struct pollfd p = {s->viewer.wake_fd, POLLIN, 0};
        poll(&p, 1, poll_ms);
    }
}

static void refresh_served(struct sdl *s)
{
    int poll_ms = viewer_poll_ms(&s->viewer);
    mutex_lock(&s->lock);
    s->served = true;
    s->poll_ms = poll_ms < 0 || poll_ms > TITLE_MS ? TITLE_MS : poll_ms;
    pthread_cond_signal(&s->served_changed);
    mutex_unlock(&s->lock);
}

void sdl_stop(struct sdl *s)
{
    if (!s)
        return;
    mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->served_changed);
    mutex_unlock(&s->lock);
    uint64_t one = 1;
    (void)!write(s->viewer.wake_fd, &one, sizeof one);
    push(s, EVENT_STOP);
}

static bool should_stop(struct sdl *s)
{
    mutex_lock(&s->lock);
    bool stop = s->stop;
    mutex_unlock(&s->lock);
    return stop;
}

// Title ------------------------------------------------------------------------------------------

static bool wants_grab(const struct sdl *s)
{
    unsigned kinds = input_kinds(s->config.input);
    return kinds & INPUT_MOUSE && !(kinds & INPUT_TABLET);
}

static void set_title(struct sdl *s)
{
    char title[256];
    const char *hint = "";
    if (s->closing)
        hint = " - shutting down; close again to end at once";
    else if (s->grabbed)
        hint = " - Ctrl+Alt+G releases keyboard and pointer";
    else if (wants_grab(s) && !viewer_shows_console(&s->viewer))
        hint = " - click to grab the pointer";
    if (s->title.paused)
        snprintf(title, sizeof title, "%.100s - armlet - paused%s", s->config.title, hint);
    else
        snprintf(title, sizeof title, "%.100s - armlet - %u MIPS%s", s->config.title, s->title.mips,
                 hint);
    SDL_SetWindowTitle(s->window, title);
}

static void update_title(struct sdl *s)
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
    set_title(s);
}

// The picture ------------------------------------------------------------------------------------

// Where the picture is in the window, in the renderer's pixels.
static SDL_Rect picture_rect(struct sdl *s)
{
    int w = 0, h = 0, width = (int)s->viewer.width, height = (int)s->viewer.height;
    SDL_GetRendererOutputSize(s->renderer, &w, &h);
    SDL_Rect r = {0, 0, w, h};
    if (!width || !w || !h)
        return r;
    if (!s->smooth && w >= width && h >= height) {
        int n = w / width < h / height ? w / width : h / height;
        r.w = n * width;
        r.h = n * height;
    } else if ((int64_t)w * height < (int64_t)h * width) {
        r.h = (int)((int64_t)w * height / width);
    } else {
        r.w = (int)((int64_t)h * width / height);
    }
    r.x = (w - r.w) / 2;
    r.y = (h - r.h) / 2;
    return r;
}

static void draw_pointer(struct sdl *s, const SDL_Rect *r)
{
    const struct display_pointer *p = &s->viewer.pointer;
    if (!s->pointer || !s->viewer.width)
        return;
    int64_t w = s->viewer.width, h = s->viewer.height;
    SDL_Rect to = {(int)(r->x + p->x * (int64_t)r->w / w), (int)(r->y + p->y * (int64_t)r->h / h),
                   (int)(p->cursor->width * (int64_t)r->w / w),
                   (int)(p->cursor->height * (int64_t)r->h / h)};
    SDL_RenderSetClipRect(s->renderer, r);
    SDL_RenderCopy(s->renderer, s->pointer, NULL, &to);
    SDL_RenderSetClipRect(s->renderer, NULL);
}

static void draw(struct sdl *s)
{
    SDL_Rect r = picture_rect(s);
    s->present = false;
    SDL_SetRenderDrawColor(s->renderer, 0, 0, 0, 255);
    SDL_RenderClear(s->renderer);
    if (s->texture) {
        bool exact = r.w % (int)s->viewer.width == 0 && r.h % (int)s->viewer.height == 0;
        SDL_SetTextureScaleMode(s->texture, exact ? SDL_ScaleModeNearest : SDL_ScaleModeLinear);
        SDL_RenderCopy(s->renderer, s->texture, NULL, &r);
        draw_pointer(s, &r);
    }
    SDL_RenderPresent(s->renderer);
}

// The window follows the guest's mode, unless the user has said how large it is to be.
static void fit_window(struct sdl *s)
{
    unsigned flags = SDL_GetWindowFlags(s->window);
    SDL_Rect usable;
    int x = 0, y = 0;
    int w = s->viewer.width ? (int)s->viewer.width : OFF_WIDTH;
    int h = s->viewer.height ? (int)s->viewer.height : OFF_HEIGHT;
    if (s->user_sized || flags & (SDL_WINDOW_FULLSCREEN_DESKTOP | SDL_WINDOW_MAXIMIZED))
        return;
    if (SDL_GetDisplayUsableBounds(SDL_GetWindowDisplayIndex(s->window), &usable))
        usable = (SDL_Rect){0, 0, w, h};
    w = w < usable.w ? w : usable.w;
    h = h < usable.h ? h : usable.h;
    SDL_SetWindowSize(s->window, w, h);
    SDL_GetWindowPosition(s->window, &x, &y);
    if (x + w > usable.x + usable.w || y + h > usable.y + usable.h) // it has grown out of sight
        SDL_SetWindowPosition(s->window, usable.x + (usable.w - w) / 2,
                              usable.y + (usable.h - h) / 2);
}

static void make_texture(struct sdl *s)
{
    if (s->texture)
        SDL_DestroyTexture(s->texture);
    s->texture = NULL;
    if (!s->viewer.width)
        return;
    s->texture =
        SDL_CreateTexture(s->renderer, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STREAMING,
                          (int)s->viewer.width, (int)s->viewer.height);
    if (s->texture)
        SDL_SetTextureBlendMode(s->texture, SDL_BLENDMODE_NONE);
}

static void upload(struct sdl *s, const uint64_t *damage)
{
    const struct viewer *v = &s->viewer;
    int stride = (int)(v->width * sizeof *v->pixels);
    for (uint32_t first = 0, n; s->texture && (n = viewer_next_run(damage, v->height, &first));
         first += n) {
        SDL_Rect lines = {0, (int)first, (int)v->width, (int)n};
        SDL_UpdateTexture(s->texture, &lines, v->pixels + (size_t)first * v->width, stride);
    }
}

// The guest's own pointer is drawn into the picture, and the host's is hidden over it.
static void make_pointer(struct sdl *s)
{
    struct display_cursor *c = s->viewer.pointer.cursor;
    if (s->pointer)
        SDL_DestroyTexture(s->pointer);
    s->pointer = NULL;
    SDL_ShowCursor(!c && !s->grabbed);
    if (!c)
        return;
    s->pointer = SDL_CreateTexture(s->renderer, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STATIC,
                                   (int)c->width, (int)c->height);
    if (!s->pointer)
        return;
    SDL_UpdateTexture(s->pointer, NULL, c->pixels, (int)(c->width * sizeof *c->pixels));
    SDL_BlendMode premultiplied = SDL_ComposeCustomBlendMode(
        SDL_BLENDFACTOR_ONE, SDL_BLENDFACTOR_ONE_MINUS_SRC_ALPHA, SDL_BLENDOPERATION_ADD,
        SDL_BLENDFACTOR_ONE, SDL_BLENDFACTOR_ONE_MINUS_SRC_ALPHA, SDL_BLENDOPERATION_ADD);
    if (SDL_SetTextureBlendMode(s->pointer, premultiplied))
        SDL_SetTextureBlendMode(s->pointer, SDL_BLENDMODE_BLEND); // the software renderer
}

static void refresh(struct sdl *s)
{
    struct viewer_change change;
    if (viewer_update(&s->viewer, &change)) {
        if (change.mode) {
            make_texture(s);
            fit_window(s);
            if (viewer_shows_console(&s->viewer))
                SDL_StartTextInput();
            else
                SDL_StopTextInput();
        }
        if (change.pixels)
            upload(s, change.damage);
        if (change.pointer)
            make_pointer(s);
        s->present = true;
    }
    update_title(s);
    refresh_served(s);
}

// The renderer has lost what it had.
static void restore(struct sdl *s)
{
    uint64_t all[DISPLAY_DAMAGE_WORDS];
    memset(all, 0xff, sizeof all);
    make_texture(s);
    upload(s, all);
    make_pointer(s);
    s->present = true;
}

// Grab and the window's own keys ------------------------------------------------------------------

static void set_grab(struct sdl *s, bool on)
{
    s->grabbed = on;
    SDL_SetWindowKeyboardGrab(s->window, on);
    SDL_SetWindowMouseGrab(s->window, on);
    SDL_SetRelativeMouseMode(on && wants_grab(s));
    SDL_ShowCursor(!on && !s->viewer.pointer.cursor);
    set_title(s);
}

static void toggle_full_screen(struct sdl *s)
{
    bool on = SDL_GetWindowFlags(s->window) & SDL_WINDOW_FULLSCREEN_DESKTOP;
    SDL_SetWindowFullscreen(s->window, on ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
    s->present = true;
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
        toggle_full_screen(s);
        break;
    case SDL_SCANCODE_S:
        s->smooth = !s->smooth;
        break;
    case SDL_SCANCODE_U:
        s->user_sized = false;
        fit_window(s);
        break;
    default:
        return false;
    }
    input_release_all(s->config.input);
    s->present = true;
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

static void key_event(struct sdl *s, const SDL_KeyboardEvent *e)
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

// Pointer ----------------------------------------------------------------------------------------

static int32_t scale(int64_t at, int64_t size)
{
    return size > 1 ? (int32_t)(at * INPUT_ABS_MAX / (size - 1)) : 0;
}

static void motion(struct sdl *s, const SDL_MouseMotionEvent *e)
{
    int ww = 0, wh = 0, ow = 0, oh = 0;
    unsigned kinds = input_kinds(s->config.input);
    if (kinds & INPUT_TABLET) {
        SDL_Rect r = picture_rect(s);
        SDL_GetWindowSize(s->window, &ww, &wh);
        SDL_GetRendererOutputSize(s->renderer, &ow, &oh);
        if (ww < 1 || wh < 1)
            return;
        input_abs(s->config.input, scale((int64_t)e->x * ow / ww - r.x, r.w),
                  scale((int64_t)e->y * oh / wh - r.y, r.h));
    } else if (s->grabbed) {
        input_rel(s->config.input, e->xrel, e->yrel);
    }
    input_sync(s->config.input);
}

static void button(struct sdl *s, const SDL_MouseButtonEvent *e)
{
    static const unsigned short codes[] = {
        [SDL_BUTTON_LEFT] = BTN_LEFT,   [SDL_BUTTON_MIDDLE] = BTN_MIDDLE,
        [SDL_BUTTON_RIGHT] = BTN_RIGHT, [SDL_BUTTON_X1] = BTN_SIDE,
        [SDL_BUTTON_X2] = BTN_EXTRA,
    };
    bool down = e->type == SDL_MOUSEBUTTONDOWN;
    if (viewer_shows_console(&s->viewer))
        return;
    if (down && !s->grabbed && wants_grab(s)) {
        set_grab(s, true);
        return;
    }
    if (e->button < ARRAY_SIZE(codes) && codes[e->button])
        input_button(s->config.input, codes[e->button], down);
    input_sync(s->config.input);
}

static void wheel(struct sdl *s, const SDL_MouseWheelEvent *e)
{
    int sign = e->direction == SDL_MOUSEWHEEL_FLIPPED ? -1 : 1;
    if (viewer_shows_console(&s->viewer)) {
        s->config.scroll(s->config.opaque, sign * e->y * WHEEL_LINES);
        return;
    }
    input_wheel(s->config.input, sign * e->x, sign * e->y);
    input_sync(s->config.input);
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
    set_title(s);
}

static void resized(struct sdl *s)
{
    int w, h;
    struct display *d = viewer_display(&s->viewer);
    SDL_GetRendererOutputSize(s->renderer, &w, &h);
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
        input_release_all(s->config.input);
        if (s->grabbed)
            set_grab(s, false);
        break;
    case SDL_WINDOWEVENT_RESIZED: // by the user
        resized(s);
        s->present = true;
        break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
    case SDL_WINDOWEVENT_EXPOSED:
        s->present = true;
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
        key_event(s, &e->key);
        break;
    case SDL_TEXTINPUT:
        if (viewer_shows_console(&s->viewer))
            s->config.type(s->config.opaque, e->text.text, strlen(e->text.text));
        break;
    case SDL_MOUSEMOTION:
        motion(s, &e->motion);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        button(s, &e->button);
        break;
    case SDL_MOUSEWHEEL:
        wheel(s, &e->wheel);
        break;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET:
        restore(s);
        break;
    default:
        break;
    }
}

void sdl_run(struct sdl *s)
{
    SDL_Event e;
    while (!should_stop(s)) {
        if (!SDL_WaitEvent(&e))
            continue;
        do
            handle(s, &e);
        while (SDL_PollEvent(&e));
        if (s->present)
            draw(s);
    }
}

// Opening and closing -----------------------------------------------------------------------------

static void set_hints(void)
{
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");        // machine_run() reads them
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0"); // the first close asks the guest
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
    SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0"); // no OpenGL behind the software renderer
    SDL_SetHint(SDL_HINT_APP_NAME, "armlet");
}

static bool open_window(struct sdl *s, struct error *err)
{
    unsigned flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI |
                     (s->config.full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
    s->window = SDL_CreateWindow("armlet", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                                 OFF_WIDTH, OFF_HEIGHT, flags);
    if (s->window)
        s->renderer = SDL_CreateRenderer(s->window, -1, 0);
    if (!s->window || !s->renderer)
        return error_set(err, "%s", SDL_GetError());
    s->first_event = SDL_RegisterEvents(EVENTS);
    return true;
}

struct sdl *sdl_create(const struct front_config *config, struct error *err)
{
    struct sdl *s = calloc(1, sizeof *s);
    assert(s);
    s->config = *config;
    s->smooth = config->smooth;
    s->viewer.wake_fd = -1;
    mutex_init(&s->lock);
    pthread_cond_init(&s->served_changed, NULL);
    set_hints();
    if (SDL_InitSubSystem(SDL_INIT_VIDEO)) {
        error_set(err, "%s", SDL_GetError());
        sdl_destroy(s);
        return NULL;
    }
    if (!open_window(s, err) || !viewer_init(&s->viewer, &s->config, err)) {
        sdl_destroy(s);
        return NULL;
    }
    int r = pthread_create(&s->pacer, NULL, run_pacer, s);
    assert(r == 0);
    (void)r;
    return s;
}

void sdl_destroy(struct sdl *s)
{
    if (!s)
        return;
    if (s->pacer) {
        sdl_stop(s);
        pthread_join(s->pacer, NULL);
    }
    if (s->viewer.config)
        viewer_fini(&s->viewer);
    if (s->pointer)
        SDL_DestroyTexture(s->pointer);
    if (s->texture)
        SDL_DestroyTexture(s->texture);
    if (s->renderer)
        SDL_DestroyRenderer(s->renderer);
    if (s->window)
        SDL_DestroyWindow(s->window);
    if (SDL_WasInit(SDL_INIT_VIDEO))
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
    pthread_cond_destroy(&s->served_changed);
    mutex_fini(&s->lock);
    free(s);
}
