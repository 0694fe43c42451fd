// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/display.h"

#include "base/bits.h"

#include <stdlib.h>
#include <string.h>

// Memory with references -------------------------------------------------------------------------

void display_memory_ref(struct display_memory *mem)
{
    if (mem)
        __atomic_add_fetch(&mem->refs, 1, __ATOMIC_RELAXED);
}

void display_memory_unref(struct display_memory *mem)
{
    if (mem && !__atomic_sub_fetch(&mem->refs, 1, __ATOMIC_ACQ_REL))
        mem->release(mem);
}

static void release_cursor(struct display_memory *mem)
{
    free(container_of(mem, struct display_cursor, memory));
}

struct display_cursor *display_cursor_create(uint32_t width, uint32_t height)
{
    assert(width && height && width <= DISPLAY_MAX_CURSOR && height <= DISPLAY_MAX_CURSOR);
    struct display_cursor *c = calloc(1, sizeof *c);
    assert(c);
    c->memory = (struct display_memory){1, release_cursor};
    c->width = width;
    c->height = height;
    return c;
}

static struct display_memory *memory_of(struct display_cursor *cursor)
{
    return cursor ? &cursor->memory : NULL;
}

// The device's side ------------------------------------------------------------------------------

void display_init(struct display *d, const char *name, const struct display_ops *ops, void *opaque)
{
    *d = (struct display){.name = name, .ops = ops, .opaque = opaque};
    mutex_init(&d->lock);
    scan_init(&d->scan);
}

void display_fini(struct display *d)
{
    for (size_t i = 0; i < DISPLAY_MAX_VIEWS; i++)
        assert(!d->views[i]);
    display_memory_unref(d->surface.memory);
    display_memory_unref(memory_of(d->pointer.cursor));
    scan_fini(&d->scan);
    mutex_fini(&d->lock);
}

// Sets bits first .. first+count-1.
static void set_lines(uint64_t *damage, uint32_t first, uint32_t count)
{
    while (count) {
        uint32_t n = 64 - first % 64;
        n = n < count ? n : count;
        damage[first / 64] |= mask64(n) << first % 64;
        first += n;
        count -= n;
    }
}

// Tells one view, under the lock.
static void tell(struct display_view *v, int changed)
{
    v->changed |= changed;
    if (!v->woken) {
        v->woken = true;
        if (v->wake)
            v->wake(v->opaque);
    }
}

static void damage_all_views(struct display *d, uint32_t first, uint32_t count, int changed)
{
    for (size_t i = 0; i < DISPLAY_MAX_VIEWS; i++)
        if (d->views[i]) {
            set_lines(d->views[i]->damage, first, count);
            tell(d->views[i], changed);
        }
}

static bool same_mode(const struct display_surface *a, const struct display_surface *b)
{
    return !a->data == !b->data && a->width == b->width && a->height == b->height &&
           a->format == b->format;
}

void display_set_surface(struct display *d, const struct display_surface *s)
{
    static const struct display_surface off = {0};
    s = s && s->data ? s : &off;
    assert(!s->data || (s->width && s->height && s->width <= DISPLAY_MAX_WIDTH &&
                        s->height <= DISPLAY_MAX_HEIGHT && s->format < DISPLAY_FORMATS));
    display_memory_ref(s->memory);
    mutex_lock(&d->lock);
    struct display_surface old = d->surface;
    if (old.data || s->data) {
        bool mode = !same_mode(&old, s);
        if (mode || old.data != s->data || old.stride != s->stride || old.direct != s->direct)
            d->generation++;
        d->surface = *s;
        damage_all_views(d, 0, s->height,
                         DISPLAY_CHANGED_DAMAGE | (mode ? DISPLAY_CHANGED_MODE : 0));
    }
    mutex_unlock(&d->lock);
    display_memory_unref(old.memory);
}

void display_damage(struct display *d, uint32_t first, uint32_t count)
{
    mutex_lock(&d->lock);
    uint32_t height = d->surface.height;
    if (d->surface.data && first < height && count)
        damage_all_views(d, first, count < height - first ? count : height - first,
                         DISPLAY_CHANGED_DAMAGE);
    mutex_unlock(&d->lock);
}

static void tell_all(struct display *d, int changed)
{
    for (size_t i = 0; i < DISPLAY_MAX_VIEWS; i++)
        if (d->views[i])
            tell(d->views[i], changed);
}

void display_set_cursor(struct display *d, struct display_cursor *cursor, int32_t x, int32_t y)
{
    display_memory_ref(memory_of(cursor));
    mutex_lock(&d->lock);
    struct display_cursor *old = d->pointer.cursor;
    int changed = (old != cursor ? DISPLAY_CHANGED_CURSOR : 0) |
                  (x != d->pointer.x || y != d->pointer.y ? DISPLAY_CHANGED_POINTER : 0);
    d->pointer = (struct display_pointer){cursor, x, y};
    if (changed)
        tell_all(d, changed);
    mutex_unlock(&d->lock);
    display_memory_unref(memory_of(old));
}

void display_move_pointer(struct display *d, int32_t x, int32_t y)
{
    mutex_lock(&d->lock);
    if (x != d->pointer.x || y != d->pointer.y) {
        d->pointer.x = x;
        d->pointer.y = y;
        tell_all(d, DISPLAY_CHANGED_POINTER);
    }
    mutex_unlock(&d->lock);
}

bool display_wanted_size(struct display *d, uint32_t *width, uint32_t *height)
{
    uint64_t wanted = __atomic_load_n(&d->wanted, __ATOMIC_SEQ_CST);
    *width = (uint32_t)(wanted >> 32);
    *height = (uint32_t)wanted;
    return wanted;
}

// The front end's side ---------------------------------------------------------------------------

bool display_attach(struct display *d, struct display_view *v, void (*wake)(void *opaque),
                    void *opaque)
{
    *v = (struct display_view){.wake = wake, .opaque = opaque};
    mutex_lock(&d->lock);
    for (size_t i = 0; i < DISPLAY_MAX_VIEWS && !v->display; i++)
        if (!d->views[i]) {
            d->views[i] = v;
            v->display = d;
        }
    if (v->display) {
        set_lines(v->damage, 0, d->surface.height);
        tell(v, DISPLAY_CHANGED_MODE | DISPLAY_CHANGED_DAMAGE | DISPLAY_CHANGED_CURSOR |
                    DISPLAY_CHANGED_POINTER);
    }
    mutex_unlock(&d->lock);
    return v->display;
}

void display_detach(struct display_view *v)
{
    struct display *d = v->display;
    if (!d)
        return;
    mutex_lock(&d->lock);
    for (size_t i = 0; i < DISPLAY_MAX_VIEWS; i++)
        if (d->views[i] == v)
            d->views[i] = NULL;
    mutex_unlock(&d->lock);
    v->display = NULL;
}

static void copy_out(struct display *d, struct display_frame *f)
{
    f->surface = d->surface;
    f->generation = d->generation;
    f->pointer = d->pointer;
    display_memory_ref(f->surface.memory);
    display_memory_ref(memory_of(f->pointer.cursor));
}

// Looks at a direct surface and shares what was found among all views. The surface's pixels are in
// guest RAM, so that it may be replaced meanwhile: what was found is then about the old one and
// dropped (the new one is damaged all over).
static void look(struct display *d)
{
    uint64_t damage[DISPLAY_DAMAGE_WORDS] = {0};
    mutex_lock(&d->lock);
    struct display_surface s = d->surface;
    uint64_t generation = d->generation;
    mutex_unlock(&d->lock);
    if (!s.data || !s.direct)
        return;
    mutex_lock(&d->scan.lock);
    bool any = scan_look(&d->scan, &s, generation, damage);
    mutex_unlock(&d->scan.lock);
    if (!any)
        return;
    mutex_lock(&d->lock);
    for (size_t i = 0; i < DISPLAY_MAX_VIEWS && generation == d->generation; i++)
        if (d->views[i]) {
            for (size_t w = 0; w < (s.height + 63) / 64; w++)
                d->views[i]->damage[w] |= damage[w];
            tell(d->views[i], DISPLAY_CHANGED_DAMAGE);
        }
    mutex_unlock(&d->lock);
}

bool display_take(struct display_view *v, struct display_frame *frame)
{
    struct display *d = v->display;
    look(d);
    mutex_lock(&d->lock);
    frame->changed = v->changed;
    v->changed = 0;
    v->woken = false;
    if (frame->changed) {
        copy_out(d, frame);
        memcpy(frame->damage, v->damage, sizeof v->damage);
        memset(v->damage, 0, sizeof v->damage);
    }
    mutex_unlock(&d->lock);
    return frame->changed;
}

void display_frame_release(struct display_frame *frame)
{
    display_memory_unref(frame->surface.memory);
    display_memory_unref(memory_of(frame->pointer.cursor));
    frame->surface.memory = NULL;
    frame->pointer.cursor = NULL;
}

int display_poll_ms(struct display_view *v)
{
    struct display *d = v->display;
    mutex_lock(&d->lock);
    bool direct = d->surface.direct;
    mutex_unlock(&d->lock);
    if (!direct)
        return -1;
    mutex_lock(&d->scan.lock);
    int ms = scan_poll_ms(&d->scan);
    mutex_unlock(&d->scan.lock);
    return ms;
}

uint32_t display_frame_next(const struct display_frame *frame, uint32_t *first)
{
    uint32_t height = frame->surface.height, line = *first;
    while (line < height && !display_frame_line(frame, line)) {
        uint64_t rest = frame->damage[line / 64] >> line % 64;
        line = rest ? line + ctz64(rest) : ALIGN_UP(line + 1, 64u);
    }
    uint32_t end = line;
    while (end < height && display_frame_line(frame, end))
        end++;
    *first = line;
    return end > line ? end - line : 0;
}

void display_convert(const struct display_surface *s, uint32_t first, uint32_t count, void *to,
                     size_t to_stride)
{
    assert(first <= s->height && count <= s->height - first);
    const uint8_t *from = s->data + (size_t)first * s->stride;
    for (uint8_t *line = to; count--; line += to_stride, from += s->stride)
        display_convert_line(s->format, (uint32_t *)(void *)line, from, s->width);
}

static uint32_t clamp(uint32_t v, uint32_t max)
{
    return v < 1 ? 1 : v < max ? v : max;
}

bool display_request_size(struct display *d, uint32_t width, uint32_t height)
{
    if (!d->ops || !d->ops->resized)
        return false;
    uint64_t wanted =
        (uint64_t)clamp(width, DISPLAY_MAX_WIDTH) << 32 | clamp(height, DISPLAY_MAX_HEIGHT);
    if (__atomic_exchange_n(&d->wanted, wanted, __ATOMIC_SEQ_CST) != wanted)
        d->ops->resized(d->opaque);
    return true;
}

bool display_is_on(struct display *d)
{
    mutex_lock(&d->lock);
    bool on = d->surface.data;
    mutex_unlock(&d->lock);
    return on;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    uint64_t word;
    for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        if (word)
            return false;
    }
    while (n && !*p)
        p++, n--;
    return !n;
}

bool display_is_blank(struct display *d)
{
    mutex_lock(&d->lock);
    struct display_surface s = d->surface;
    uint64_t generation = d->generation;
    bool drawn = !s.data || !s.direct || d->drawn == generation;
    display_memory_ref(s.memory);
    mutex_unlock(&d->lock);
    size_t line = drawn ? 0 : (size_t)s.width * display_format_info(s.format)->bytes;
    for (uint32_t y = 0; !drawn && y < s.height; y++)
        drawn = !is_zero(s.data + (size_t)y * s.stride, line);
    display_memory_unref(s.memory);
    if (drawn && s.direct) {
        mutex_lock(&d->lock);
        d->drawn = generation;
        mutex_unlock(&d->lock);
    }
    return !drawn;
}

struct display *display_pick(struct display *const *displays, size_t n)
{
    struct display *blank = NULL;
    for (size_t i = n; i--;) {
        if (!display_is_on(displays[i]))
            continue;
        if (!display_is_blank(displays[i]))
            return displays[i];
        blank = blank ? blank : displays[i];
    }
    return blank ? blank : n ? displays[n - 1] : NULL;
}

// A picture of it --------------------------------------------------------------------------------

// One component of a premultiplied pixel over another.
static uint32_t over(uint32_t top, uint32_t bottom, unsigned shift, uint32_t alpha)
{
    uint32_t c = (top >> shift & 0xff) + ((bottom >> shift & 0xff) * (255 - alpha) + 127) / 255;
    return (c < 255 ? c : 255) << shift;
}

void display_draw_pointer(const struct display_pointer *p, uint32_t *pixels, uint32_t width,
                          uint32_t height, size_t stride)
{
    for (uint32_t cy = 0; p->cursor && cy < p->cursor->height; cy++)
        for (uint32_t cx = 0; cx < p->cursor->width; cx++) {
            int64_t x = (int64_t)p->x + cx, y = (int64_t)p->y + cy;
            if (x < 0 || y < 0 || x >= width || y >= height)
                continue;
            uint32_t top = p->cursor->pixels[cy * p->cursor->width + cx], alpha = top >> 24;
            uint32_t *to = (uint32_t *)(void *)((uint8_t *)pixels + (size_t)y * stride) + x;
            *to = 0xff000000 | over(top, *to, 16, alpha) | over(top, *to, 8, alpha) |
                  over(top, *to, 0, alpha);
        }
}

bool display_snapshot(struct display *d, bool with_pointer, struct display_image *image,
                      struct error *err)
{
    struct display_frame f;
    mutex_lock(&d->lock);
    copy_out(d, &f);
    mutex_unlock(&d->lock);
    *image = (struct display_image){.width = f.surface.width, .height = f.surface.height};
    if (f.surface.data) {
        size_t stride = (size_t)4 * image->width;
        image->pixels = malloc(stride * image->height);
        assert(image->pixels);
        display_convert(&f.surface, 0, image->height, image->pixels, stride);
        if (with_pointer)
            display_draw_pointer(&f.pointer, image->pixels, image->width, image->height, stride);
    }
    display_frame_release(&f);
    return image->pixels ? true : error_set(err, "%s: nothing is shown", d->name);
}

void display_image_fini(struct display_image *image)
{
    free(image->pixels);
    *image = (struct display_image){0};
}
