// SPDX-License-Identifier: GPL-3.0-or-later
// Order of things: what is found is remembered (page record cleared, line copied) before the front
// end reads the pixels. What the guest writes in between is found again by the next look.
#include "devices/display/scan.h"

#include "base/bits.h"
#include "devices/display/display.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_PAGE 4096u

enum {
    FAST_MS = 16,
    SLOW_MS = 100,  // comparing costs
    LOGGED_MS = 33, // asking the record hardly does
    PATIENCE = 60,  // looks that find nothing before the pace slows down
};

void scan_init(struct scan *s)
{
    *s = (struct scan){0};
    mutex_init(&s->lock);
}

void scan_fini(struct scan *s)
{
    if (s->log.forget)
        s->log.forget(s->log.opaque, s);
    free(s->shadow);
    free(s->pages);
    mutex_fini(&s->lock);
}

static size_t line_bytes(const struct display_surface *surface)
{
    return (size_t)surface->width * display_format_info(surface->format)->bytes;
}

static void mark(uint64_t *damage, uint32_t first, uint32_t last)
{
    for (uint32_t line = first; line <= last; line++)
        damage[line / 64] |= BIT(line % 64);
}

// Asks the record; false: there is none of this memory.
static bool look_log(struct scan *s, const struct display_surface *surface, uint64_t *damage,
                     bool *any)
{
    uint64_t skew = surface->gpa % SCAN_PAGE;
    uint64_t len = (uint64_t)surface->stride * (surface->height - 1) + line_bytes(surface);
    size_t pages = (size_t)((skew + len + SCAN_PAGE - 1) / SCAN_PAGE), words = (pages + 63) / 64;
    if (!s->log.collect)
        return false;
    if (words > s->page_words) {
        free(s->pages);
        s->pages = calloc(words, sizeof *s->pages);
        assert(s->pages);
        s->page_words = words;
    }
    memset(s->pages, 0, words * sizeof *s->pages);
    if (!s->log.collect(s->log.opaque, s, surface->gpa, len, s->pages))
        return false;
    for (size_t w = 0; w < words; w++)
        for (uint64_t bits = s->pages[w]; bits; bits &= bits - 1) {
            uint64_t page = 64 * (uint64_t)w + ctz64(bits);
            uint64_t from = page * SCAN_PAGE > skew ? page * SCAN_PAGE - skew : 0;
            uint64_t to = (page + 1) * SCAN_PAGE - skew - 1;
            if (from >= len)
                break;
            to = to < len ? to : len - 1;
            mark(damage, (uint32_t)(from / surface->stride), (uint32_t)(to / surface->stride));
            *any = true;
        }
    return true;
}

static bool look_compare(struct scan *s, const struct display_surface *surface, uint64_t *damage)
{
    size_t bytes = line_bytes(surface);
    bool any = false;
    for (uint32_t line = 0; line < surface->height; line++) {
        const uint8_t *now = surface->data + (size_t)line * surface->stride;
        uint8_t *then = s->shadow + line * bytes;
        if (!memcmp(now, then, bytes))
            continue;
        memcpy(then, now, bytes);
        mark(damage, line, line);
        any = true;
    }
    return any;
}

static void start_compare(struct scan *s, const struct display_surface *surface)
{
    size_t bytes = line_bytes(surface), size = bytes * surface->height;
    if (size > s->shadow_size) {
        free(s->shadow);
        s->shadow = malloc(size);
        assert(s->shadow);
        s->shadow_size = size;
    }
    for (uint32_t line = 0; line < surface->height; line++)
        memcpy(s->shadow + line * bytes, surface->data + (size_t)line * surface->stride, bytes);
}

bool scan_look(struct scan *s, const struct display_surface *surface, uint64_t generation,
               uint64_t *damage)
{
    bool first = s->generation != generation, any = false;
    s->generation = generation;
    bool logged = first || s->logged ? look_log(s, surface, damage, &any) : false;
    if (first || logged != s->logged) {
        s->logged = logged;
        s->idle = 0;
        if (!logged)
            start_compare(s, surface);
        mark(damage, 0, surface->height - 1);
        return true;
    }
    if (!logged)
        any = look_compare(s, surface, damage);
    s->idle = any ? 0 : s->idle + (s->idle < PATIENCE);
    return any;
}

int scan_poll_ms(const struct scan *s)
{
    if (s->idle < PATIENCE)
        return FAST_MS;
    return s->logged ? LOGGED_MS : SLOW_MS;
}
