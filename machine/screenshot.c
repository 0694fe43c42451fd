// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/screenshot.h"

#include "devices/char/say.h"
#include "devices/display/png.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shot {
    struct screenshots *owner;
    const char *path;
    struct clock_timer timer;
    bool taken;
    struct error err;           // it could not be taken
    struct display_image image; // pixels are NULL then
};

struct screenshots {
    struct machine *m;
    struct mutex lock; // of what follows
    pthread_cond_t more;
    bool ended, failed;
    struct shot *queue[CONFIG_MAX_SCREENSHOTS]; // taken, in order
    size_t taken;
    pthread_t thread;
    size_t count;
    struct shot shots[CONFIG_MAX_SCREENSHOTS];
};

static void take(void *opaque)
{
    struct shot *shot = opaque;
    struct screenshots *s = shot->owner;
    struct display *d = display_pick(s->m->displays, s->m->display_count);
    shot->taken = true;
    if (!d)
        error_set(&shot->err, "the machine has no display");
    else if (!display_snapshot(d, true, &shot->image, &shot->err))
        shot->image.pixels = NULL;
    mutex_lock(&s->lock);
    s->queue[s->taken++] = shot;
    pthread_cond_signal(&s->more);
    mutex_unlock(&s->lock);
}

static bool write_shot(struct shot *shot)
{
    bool ok = shot->image.pixels && picture_save(shot->path, png_write, &shot->image, &shot->err);
    if (!shot->image.pixels)
        error_prefix(&shot->err, "%s", shot->path);
    else
        display_image_fini(&shot->image);
    if (!ok)
        say("-screenshot: %s", shot->err.text);
    return ok;
}

static void *write_all(void *opaque)
{
    struct screenshots *s = opaque;
    size_t written = 0;
    mutex_lock(&s->lock);
    while (!s->ended || written < s->taken) {
        if (written == s->taken) {
            pthread_cond_wait(&s->more, &s->lock.m);
            continue;
        }
        struct shot *shot = s->queue[written++];
        mutex_unlock(&s->lock);
        bool ok = write_shot(shot);
        mutex_lock(&s->lock);
        s->failed |= !ok;
    }
    mutex_unlock(&s->lock);
    return NULL;
}

bool screenshots_possible(const struct machine_config *c, struct error *err)
{
    for (size_t i = 0; i < c->screenshot_count; i++) {
        const char *path = c->screenshots[i].path, *slash = strrchr(path, '/');
        char directory[PATH_MAX];
        snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash + 1 - path) : 1, slash ? path : ".");
        bool there = !access(path, F_OK);
        if (access(there ? path : directory, W_OK))
            return error_set(err, "-screenshot: %s: %s", path, strerror(errno));
    }
    return true;
}

struct screenshots *screenshots_create(struct machine *m)
{
    if (!m->config->screenshot_count)
        return NULL;
    struct screenshots *s = calloc(1, sizeof *s);
    assert(s);
    s->m = m;
    s->count = m->config->screenshot_count;
    mutex_init(&s->lock);
    pthread_cond_init(&s->more, NULL);
    int r = pthread_create(&s->thread, NULL, write_all, s);
    assert(r == 0);
    (void)r;
    for (size_t i = 0; i < s->count; i++) {
        struct shot *shot = &s->shots[i];
        shot->owner = s;
        shot->path = m->config->screenshots[i].path;
        timer_init(&shot->timer, &m->clock, take, shot);
        timer_arm(&shot->timer, m->config->screenshots[i].ns);
    }
    return s;
}

bool screenshots_destroy(struct screenshots *s)
{
    if (!s)
        return true;
    for (size_t i = 0; i < s->count; i++) {
        timer_disarm(&s->shots[i].timer);
        if (!s->shots[i].taken)
            take(&s->shots[i]);
    }
    mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->more);
    mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    bool ok = !s->failed;
    pthread_cond_destroy(&s->more);
    mutex_fini(&s->lock);
    free(s);
    return ok;
}
