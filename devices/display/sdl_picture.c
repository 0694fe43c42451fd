// SPDX-License-Identifier: GPL-3.0-or-later
// What the window shows: the guest's picture and pointer, scaled, and the window's size.
//
// Where SDL would draw in memory (no GPU) it is given the window's own pixels to draw in: these
// stay, so that only lines that have changed are drawn again and sent.
#include "devices/display/sdl_window.h"

#include <string.h>

enum {
    OFF_WIDTH = 640, // the window while nothing is shown
    OFF_HEIGHT = 480,
};

// Where it is ------------------------------------------------------------------------------------

void sdl_picture_output_size(struct sdl *s, int *w, int *h)
{
    if (s->in_memory)
        SDL_GetWindowSize(s->window, w, h); // drawn without a scale
    else
        SDL_GetRendererOutputSize(s->renderer, w, h);
}

SDL_Rect sdl_picture_rect(struct sdl *s)
{
    int w = 0, h = 0, width = (int)s->viewer.width, height = (int)s->viewer.height;
    sdl_picture_output_size(s, &w, &h);
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

// Textures and the renderer -----------------------------------------------------------------------

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

void sdl_picture_restore(struct sdl *s)
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
        sdl_picture_restore(s);
    return s->renderer;
}

void sdl_picture_resized(struct sdl *s)
{
    if (s->in_memory)
        fit_renderer(s);
    s->stale.all = true;
}

// Drawing ----------------------------------------------------------------------------------------

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

static void draw_stale(struct sdl *s)
{
    if (s->in_memory && SDL_GetWindowSurface(s->window) != s->surface && !fit_renderer(s))
        return;
    SDL_Rect r = sdl_picture_rect(s), drawn = {0};
    bool exact = s->texture && r.w % (int)s->viewer.width == 0 && r.h % (int)s->viewer.height == 0;
    sdl_picture_output_size(s, &drawn.w, &drawn.h);
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

void sdl_picture_draw(struct sdl *s)
{
    if (s->stale.all || s->stale.first != s->stale.end)
        draw_stale(s);
}

// The window's size -------------------------------------------------------------------------------

void sdl_picture_fit_window(struct sdl *s)
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

void sdl_picture_toggle_full_screen(struct sdl *s)
{
    bool on = SDL_GetWindowFlags(s->window) & SDL_WINDOW_FULLSCREEN_DESKTOP;
    SDL_SetWindowFullscreen(s->window, on ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
    s->stale.all = true;
}

// Changes, opening and closing --------------------------------------------------------------------

void sdl_picture_apply(struct sdl *s, const struct viewer_change *c)
{
    const struct display_pointer *p = &s->viewer.pointer;
    if (c->mode) {
        make_texture(s);
        sdl_picture_fit_window(s);
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

bool sdl_picture_init(struct sdl *s, struct error *err)
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
    return true;
}

void sdl_picture_fini(struct sdl *s)
{
    drop_renderer(s);
    if (s->window)
        SDL_DestroyWindow(s->window);
}
