// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/viewer.h"

#include "base/bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BLANK_MS = 100 };

static void wake(void *opaque)
{
    const struct viewer *v = opaque;
    uint64_t one = 1;
    ssize_t n = write(v->wake_fd, &one, sizeof one); // full means it is awake anyway
    (void)n;
}

bool viewer_init(struct viewer *v, const struct front_config *config, struct error *err)
{
    *v = (struct viewer){.config = config, .count = config->display_count};
    assert(v->count <= VIEWER_MAX_DISPLAYS);
    v->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (v->wake_fd < 0)
        return error_set(err, "eventfd: %s", strerror(errno));
    v->shown = v->count; // none yet
    for (size_t i = 0; i < v->count; i++)
        if (!display_attach(config->displays[i], &v->views[i], wake, v)) {
            error_set(err, "%s is shown too often", config->displays[i]->name);
            viewer_fini(v);
            return false;
        }
    wake(v);
    return true;
}

static void set_pointer(struct viewer *v, const struct display_pointer *p)
{
    struct display_cursor *old = v->pointer.cursor;
    if (p->cursor)
        display_memory_ref(&p->cursor->memory);
    v->pointer = *p;
    if (old)
        display_memory_unref(&old->memory);
}

void viewer_fini(struct viewer *v)
{
    for (size_t i = 0; i < v->count; i++)
        display_detach(&v->views[i]);
    if (v->config)
        set_pointer(v, &(struct display_pointer){0});
    free(v->pixels);
    v->pixels = NULL;
    if (v->wake_fd >= 0)
        close(v->wake_fd);
    v->wake_fd = -1;
}

static void set_mode(struct viewer *v, const struct display_surface *s)
{
    v->width = s->data ? s->width : 0;
    v->height = s->data ? s->height : 0;
    free(v->pixels);
    v->pixels = NULL;
    if (v->width) {
        v->pixels = calloc((size_t)v->width * v->height, sizeof *v->pixels);
        assert(v->pixels);
    }
}

static void copy_lines(struct viewer *v, const struct display_frame *frame)
{
    size_t stride = (size_t)v->width * sizeof *v->pixels;
    for (uint32_t first = 0, n; (n = display_frame_next(frame, &first)); first += n)
        display_convert(&frame->surface, first, n, v->pixels + (size_t)first * v->width, stride);
}

static void apply(struct viewer *v, const struct display_frame *frame, struct viewer_change *c)
{
    const struct display_surface *s = &frame->surface;
    uint32_t width = s->data ? s->width : 0, height = s->data ? s->height : 0;
    if (width != v->width || height != v->height) {
        set_mode(v, s);
        c->mode = true;
    }
    if (v->width && frame->changed & (DISPLAY_CHANGED_DAMAGE | DISPLAY_CHANGED_MODE)) {
        copy_lines(v, frame);
        memcpy(c->damage, frame->damage, sizeof c->damage);
        c->pixels = true;
    }
    if (frame->changed & (DISPLAY_CHANGED_CURSOR | DISPLAY_CHANGED_POINTER)) {
        set_pointer(v, &frame->pointer);
        c->pointer = true;
    }
}

// Another display comes to the front: its view is made anew, so that it gives all of the picture.
static void show(struct viewer *v, size_t index, struct viewer_change *c)
{
    v->shown = index;
    struct display *d = v->config->displays[index];
    display_detach(&v->views[index]);
    bool ok = display_attach(d, &v->views[index], wake, v);
    assert(ok); // the seat has just become free
    (void)ok;
    set_pointer(v, &(struct display_pointer){0});
    c->mode = c->pointer = true;
}

bool viewer_update(struct viewer *v, struct viewer_change *change)
{
    uint64_t drained;
    struct display_frame frame;
    *change = (struct viewer_change){0};
    (void)!read(v->wake_fd, &drained, sizeof drained);
    struct display *pick = display_pick(v->config->displays, v->count);
    for (size_t i = 0; i < v->count; i++) {
        if (v->config->displays[i] == pick && v->shown != i)
            show(v, i, change);
        if (!display_take(&v->views[i], &frame))
            continue;
        if (v->config->displays[i] == pick)
            apply(v, &frame, change);
        display_frame_release(&frame);
    }
    return change->mode || change->pixels || change->pointer;
}

int viewer_poll_ms(struct viewer *v)
{
    int ms = v->shown < v->count ? display_poll_ms(&v->views[v->shown]) : -1;
    // One that is on and blank comes to the front when it is drawn into, of which nobody tells.
    for (size_t i = 0; i < v->count; i++)
        if (i != v->shown && display_is_on(v->config->displays[i]) &&
            display_is_blank(v->config->displays[i]) && (ms < 0 || ms > BLANK_MS))
            ms = BLANK_MS;
    return ms;
}

struct display *viewer_display(const struct viewer *v)
{
    return v->shown < v->count ? v->config->displays[v->shown] : NULL;
}

bool viewer_shows_console(const struct viewer *v)
{
    return v->config->console && viewer_display(v) == v->config->console;
}

uint32_t viewer_next_run(const uint64_t *damage, uint32_t height, uint32_t *first)
{
    uint32_t at = *first, n = 0;
    while (at < height && !(damage[at / 64] >> at % 64 & 1))
        at++;
    while (at + n < height && damage[(at + n) / 64] >> (at + n) % 64 & 1)
        n++;
    *first = at;
    return n;
}
