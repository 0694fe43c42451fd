// SPDX-License-Identifier: GPL-3.0-or-later
// The window: one of the machine's displays, scaled, and what its user does in it.
//
// Threads. The process's first thread waits in SDL for events and does everything that SDL does. A
// second one, the pacer, waits for the guest to draw (viewer.wake_fd) or for the time to look by
// itself, brings the viewer's copy up to date, and if that has changed says so by an SDL event,
// sixty times a second at most; it goes on when that has been served. So a vCPU that draws writes
// to a descriptor and never waits, whatever the window system does, and looks that find nothing
// wake neither SDL nor the X server. `picture` is the lock of the viewer and of `change`: the
// pacer holds it while it looks, the first thread while it handles events and draws.
//
// Where SDL would draw in memory (no GPU) it is given the window's own pixels to draw in: these
// stay, so that only lines that have changed are drawn again and sent.
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
    FRAME_US = 16000,
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
    bool in_memory;       // the renderer draws in the window's own pixels,
    SDL_Surface *surface; // these
    SDL_Texture *texture; // the picture, viewer.width by viewer.height
    SDL_Texture *pointer; // the guest's, or NULL
    uint32_t first_event;
    struct {
        bool all;                       // the whole window
        uint32_t first, end;            // lines of the picture; none if equal
    } stale;                            // what is to be drawn
    int64_t pointer_first, pointer_end; // lines of the picture where the pointer was drawn last
    bool smooth, grabbed, closing, user_sized;
    struct {
        uint64_t instructions;
        uint64_t ms;
        unsigned mips;
        bool paused;
    } title;
    pthread_t pacer;
    struct mutex picture;        // see above
    struct viewer_change change; // since the last refresh was served
    struct mutex lock;           // of the next three
    pthread_cond_t served_changed;
    bool served; // the last refresh
    bool stop;
};

// The pacer --------------------------------------------------------------------------------------

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void push(struct sdl *s, int event)
{
    SDL_Event e = {.type = s->first_event + (uint32_t)event};
    SDL_PushEvent(&e);
}

// Until the last refresh has been served.
static void wait_served(struct sdl *s)
{
    mutex_lock(&s->lock);
    while (!s->served && !s->stop)
        pthread_cond_wait(&s->served_changed, &s->lock.m);
    s->served = false;
    mutex_unlock(&s->lock);
}

static bool should_stop(struct sdl *s)
{
    mutex_lock(&s->lock);
    bool stop = s->stop;
    mutex_unlock(&s->lock);
    return stop;
}

// Brings the picture up to date; true: it has changed. Says when to do so again.
static bool look(struct sdl *s, int *poll_ms)
{
    mutex_lock(&s->picture);
    bool changed = viewer_update(&s->viewer, &s->change);
    *poll_ms = viewer_poll_ms(&s->viewer);
    mutex_unlock(&s->picture);
    return changed;
}

static void sleep_us(int64_t us)
{
    if (us > 0)
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

static void wait_woken(const struct sdl *s, int64_t us)
{
    struct pollfd p = {s->viewer.wake_fd, POLLIN, 0};
    if (us > 0)
        ppoll(&p, 1, &(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

// All times count from the last look, not from when it had been served; a beat that came late is
// made up for by the next, so that sleeps that are a little too long do not add up.
static void *run_pacer(void *opaque)
{
    struct sdl *s = opaque;
    int64_t last = now_us(), title = 0;
    while (!should_stop(s)) {
        int poll_ms;
        bool changed = look(s, &poll_ms);
        if (changed || last - title >= TITLE_MS * INT64_C(1000)) {
            title = last;
            push(s, EVENT_REFRESH);
            wait_served(s);
        }
        poll_ms = poll_ms < 0 || poll_ms > TITLE_MS ? TITLE_MS : poll_ms;
        wait_woken(s, last + poll_ms * INT64_C(1000) - now_us());
        sleep_us(last + FRAME_US - now_us());
        int64_t now = now_us();
        last = now - last < 2 * FRAME_US ? last + FRAME_US : now;
    }
    return NULL;
}

static void refresh_served(struct sdl *s)
{
    mutex_lock(&s->lock);
    s->served = true;
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

static void output_size(struct sdl *s, int *w, int *h)
{
    if (s->in_memory)
        SDL_GetWindowSize(s->window, w, h); // drawn without a scale
    else
        SDL_GetRendererOutputSize(s->renderer, w, h);
}

// Where the picture is in the window, in the renderer's pixels.
static SDL_Rect picture_rect(struct sdl *s)
{
    int w = 0, h = 0, width = (int)s->viewer.width, height = (int)s->viewer.height;
    output_size(s, &w, &h);
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

// Lines of the picture are to be drawn again.
static void add_stale(struct sdl *s, int64_t first, int64_t end)
{
    first = first < 0 ? 0 : first;
    end = end > s->viewer.height ? s->viewer.height : end;
    if (first >= end)
        return;
    bool none = s->stale.first == s->stale.end;
    s->stale.first = none || first < s->stale.first ? (uint32_t)first : s->stale.first;
    s->stale.end = none || end > s->stale.end ? (uint32_t)end : s->stale.end;
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
        add_stale(s, first, first + (int64_t)n);
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

// The renderer has lost what it had.
static void restore(struct sdl *s)
{
    uint64_t all[DISPLAY_DAMAGE_WORDS];
    memset(all, 0xff, sizeof all);
    make_texture(s);
    upload(s, all);
    make_pointer(s);
    s->stale.all = true;
}

static void drop_renderer(struct sdl *s)
{
    if (s->pointer)
        SDL_DestroyTexture(s->pointer);
    if (s->texture)
        SDL_DestroyTexture(s->texture);
    if (s->renderer)
        SDL_DestroyRenderer(s->renderer);
    s->pointer = s->texture = NULL;
    s->renderer = NULL;
}

// Gives the renderer the window's pixels of now, where it draws in memory.
static bool fit_renderer(struct sdl *s)
{
    drop_renderer(s);
    s->surface = SDL_GetWindowSurface(s->window);
    if (s->surface)
        s->renderer = SDL_CreateSoftwareRenderer(s->surface);
    if (s->renderer)
        restore(s);
    return s->renderer;
}

static void draw_pointer(struct sdl *s, const SDL_Rect *r, const SDL_Rect *clip)
{
    const struct display_pointer *p = &s->viewer.pointer;
    if (!s->pointer || !s->viewer.width)
        return;
    int64_t w = s->viewer.width, h = s->viewer.height;
    SDL_Rect to = {(int)(r->x + p->x * (int64_t)r->w / w), (int)(r->y + p->y * (int64_t)r->h / h),
                   (int)(p->cursor->width * (int64_t)r->w / w),
                   (int)(p->cursor->height * (int64_t)r->h / h)};
    SDL_RenderSetClipRect(s->renderer, clip);
    SDL_RenderCopy(s->renderer, s->pointer, NULL, &to);
    SDL_RenderSetClipRect(s->renderer, NULL);
    s->pointer_first = p->y;
    s->pointer_end = p->y + (int64_t)p->cursor->height;
}

static void draw_all(struct sdl *s, const SDL_Rect *r, bool exact)
{
    SDL_SetRenderDrawColor(s->renderer, 0, 0, 0, 255);
    SDL_RenderClear(s->renderer);
    if (!s->texture)
        return;
    SDL_SetTextureScaleMode(s->texture, exact ? SDL_ScaleModeNearest : SDL_ScaleModeLinear);
    SDL_RenderCopy(s->renderer, s->texture, NULL, r);
    draw_pointer(s, r, r);
}

// The stale lines alone; they are these lines of the window.
static SDL_Rect draw_lines(struct sdl *s, const SDL_Rect *r)
{
    int n = r->h / (int)s->viewer.height, first = (int)s->stale.first, end = (int)s->stale.end;
    SDL_Rect from = {0, first, (int)s->viewer.width, end - first};
    SDL_Rect to = {r->x, r->y + n * first, r->w, n * (end - first)};
    SDL_RenderCopy(s->renderer, s->texture, &from, &to);
    draw_pointer(s, r, &to);
    return to;
}

static void draw(struct sdl *s)
{
    if (s->in_memory && SDL_GetWindowSurface(s->window) != s->surface && !fit_renderer(s))
        return;
    SDL_Rect r = picture_rect(s), drawn = {0};
    bool exact = s->texture && r.w % (int)s->viewer.width == 0 && r.h % (int)s->viewer.height == 0;
    output_size(s, &drawn.w, &drawn.h);
    if (s->in_memory && exact && !s->stale.all)
        drawn = draw_lines(s, &r);
    else
        draw_all(s, &r, exact);
    s->stale.all = false;
    s->stale.first = s->stale.end = 0;
    if (!s->in_memory) {
        SDL_RenderPresent(s->renderer);
        return;
    }
    SDL_RenderFlush(s->renderer);
    SDL_UpdateWindowSurfaceRects(s->window, &drawn, 1);
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

static void apply(struct sdl *s, const struct viewer_change *c)
{
    const struct display_pointer *p = &s->viewer.pointer;
    if (c->mode) {
        make_texture(s);
        fit_window(s);
        if (viewer_shows_console(&s->viewer))
            SDL_StartTextInput();
        else
            SDL_StopTextInput();
        s->stale.all = true;
    }
    if (c->pixels)
        upload(s, c->damage);
    if (c->pointer) {
        make_pointer(s);
        add_stale(s, s->pointer_first, s->pointer_end);
        add_stale(s, p->y, p->y + (p->cursor ? (int64_t)p->cursor->height : 0));
    }
}

static void refresh(struct sdl *s)
{
    apply(s, &s->change);
    s->change = (struct viewer_change){0};
    update_title(s);
    refresh_served(s);
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
    s->stale.all = true;
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
        output_size(s, &ow, &oh);
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
    output_size(s, &w, &h);
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
        s->stale.all = true;
        break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        if (s->in_memory)
            fit_renderer(s);
        s->stale.all = true;
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
        mutex_lock(&s->picture);
        do
            handle(s, &e);
        while (SDL_PollEvent(&e));
        if (s->stale.all || s->stale.first != s->stale.end)
            draw(s);
        mutex_unlock(&s->picture);
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
    SDL_RendererInfo info;
    s->in_memory = !SDL_GetRendererInfo(s->renderer, &info) && info.flags & SDL_RENDERER_SOFTWARE;
    if (s->in_memory && !fit_renderer(s))
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
    mutex_init(&s->picture);
    pthread_cond_init(&s->served_changed, NULL);
    set_hints();
    if (SDL_InitSubSystem(SDL_INIT_VIDEO)) {
        const char *x = getenv("DISPLAY");
        error_set(err, "%s; DISPLAY is %s", SDL_GetError(), x && *x ? x : "not set");
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
    drop_renderer(s);
    if (s->window)
        SDL_DestroyWindow(s->window);
    if (SDL_WasInit(SDL_INIT_VIDEO))
        SDL_QuitSubSystem(SDL_INIT_VIDEO);
    pthread_cond_destroy(&s->served_changed);
    mutex_fini(&s->lock);
    mutex_fini(&s->picture);
    free(s);
}
