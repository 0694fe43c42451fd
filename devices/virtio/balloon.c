// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-balloon, virtio 1.2 5.5. What is released is not lost to the guest: it is RAM as before,
// zeroed when it is touched again, so that deflating needs no work here and a driver that lies
// harms itself only.
//
// Of the queues beyond the two for inflating and deflating the driver makes those whose features it
// has negotiated, and drivers disagree on their numbers (Linux leaves no gaps). Reporting is the
// only one that can be had, so whichever comes is that.
#include "devices/virtio/balloon.h"
#include "devices/dma.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
#define QUEUE_SIZE    64
#define PAGE          UINT64_C(4096)
#define SHARE         1024 // pages of a list that are released at a time

enum { INFLATE, DEFLATE, QUEUES = 5 };
enum { F_DEFLATE_ON_OOM = 2, F_PAGE_POISON = 4, F_REPORTING = 5 };

struct config {
    uint32_t num_pages, actual, free_page_hint_cmd_id, poison_val;
};

struct balloon_state {
    struct config config;
    uint32_t done; // pages of the next list on the inflate queue that have been released
    uint32_t reserved;
};

struct virtio_balloon {
    struct virtio v;
    struct balloon_state s;
    struct virtio_balloon_config config;
    struct virtq_chain chain;
};

static struct virtio_balloon *of(struct virtio *v)
{
    return container_of(v, struct virtio_balloon, v);
}

static void release(struct virtio_balloon *b, gpa_t gpa, uint64_t len)
{
    if (!len)
        return;
    if (!dma_ptr(b->v.bus, gpa, len, true)) {
        log_printf(b->v.log, LOG_GUEST_ERROR, "virtio-balloon: 0x%llx is not RAM\n",
                   (unsigned long long)gpa);
        return;
    }
    b->config.release(b->config.opaque, gpa, len);
    dma_written(b->v.bus, gpa, len);
}

// The next share of a list of page numbers, neighbours together. True: that was the end of it.
static bool release_list(struct virtio_balloon *b, const struct virtq_chain *c)
{
    uint32_t pfn[SHARE];
    size_t bytes = virtq_read(c, (size_t)b->s.done * sizeof *pfn, pfn, sizeof pfn);
    size_t count = bytes / sizeof *pfn;
    gpa_t start = 0;
    uint64_t len = 0;
    for (size_t i = 0; i < count; i++) {
        gpa_t gpa = pfn[i] * PAGE;
        if (len && gpa == start + len) {
            len += PAGE;
        } else if (len && gpa + PAGE == start) {
            start = gpa;
            len += PAGE;
        } else {
            release(b, start, len);
            start = gpa;
            len = PAGE;
        }
    }
    release(b, start, len);
    b->s.done += (uint32_t)count;
    return count < SHARE;
}

static void inflate(struct virtio_balloon *b)
{
    bool any = false;
    while (virtio_pop(&b->v, INFLATE, &b->chain)) {
        if (!release_list(b, &b->chain)) {
            virtio_unpop(&b->v, INFLATE, 1);
            continue;
        }
        b->s.done = 0;
        virtio_push(&b->v, INFLATE, &b->chain, 0);
        any = true;
    }
    if (any)
        virtio_signal(&b->v, INFLATE);
}

// Free pages, as writable buffers. A guest that fills free pages with a pattern would miss it.
static void report(struct virtio_balloon *b)
{
    const struct virtq_chain *c = &b->chain;
    if (!virtio_has(&b->v, F_REPORTING) ||
        (virtio_has(&b->v, F_PAGE_POISON) && b->s.config.poison_val))
        return;
    for (int i = c->out_num; i < c->out_num + c->in_num; i++) {
        gpa_t start = ALIGN_UP(c->gpa[i], PAGE), end = c->gpa[i] + c->iov[i].iov_len;
        end -= end % PAGE;
        if (end > start)
            release(b, start, end - start);
    }
}

static void balloon_notify(struct virtio *v, unsigned queue)
{
    struct virtio_balloon *b = of(v);
    bool any = false;
    if (queue == INFLATE) {
        inflate(b);
        return;
    }
    while (virtio_pop(v, queue, &b->chain)) {
        if (queue != DEFLATE)
            report(b);
        virtio_push(v, queue, &b->chain, 0);
        any = true;
    }
    if (any)
        virtio_signal(v, queue);
}

static uint64_t balloon_config_read(struct virtio *v, unsigned offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)&of(v)->s.config + offset, size);
    return value;
}

static void balloon_config_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value)
{
    struct config *c = &of(v)->s.config;
    unsigned field = offset & ~3u;
    if (offset + size <= field + 4 &&
        (field == offsetof(struct config, actual) || field == offsetof(struct config, poison_val)))
        memcpy((uint8_t *)c + offset, &value, size);
}

static void balloon_reset(struct virtio *v)
{
    uint32_t target = of(v)->s.config.num_pages; // the host's wish stays
    of(v)->s = (struct balloon_state){.config.num_pages = target};
}

static void balloon_save(struct virtio *v, struct state_writer *w)
{
    state_put(w, "virtio-balloon.pages", STATE_VERSION, &of(v)->s, sizeof of(v)->s);
}

static bool balloon_load(struct virtio *v, struct state_reader *r, struct error *err)
{
    return state_get(r, "virtio-balloon.pages", STATE_VERSION, &of(v)->s, sizeof of(v)->s, err);
}

static void balloon_destroy(struct virtio *v)
{
    free(of(v));
}

struct virtio *virtio_balloon_create(const struct virtio_balloon_config *config)
{
    static const struct virtio_ops ops = {
        .id = 5,
        .queues = QUEUES,
        .queue_max = QUEUE_SIZE,
        .config_size = sizeof(struct config),
        .config_read = balloon_config_read,
        .config_write = balloon_config_write,
        .notify = balloon_notify,
        .reset = balloon_reset,
        .save = balloon_save,
        .load = balloon_load,
        .destroy = balloon_destroy,
    };
    struct virtio_balloon *b = calloc(1, sizeof *b);
    assert(b);
    virtio_init(&b->v, &ops, "virtio-balloon");
    b->config = *config;
    if (config->deflate_on_oom)
        b->v.features |= BIT(F_DEFLATE_ON_OOM);
    if (config->free_page_reporting)
        b->v.features |= BIT(F_REPORTING) | BIT(F_PAGE_POISON);
    return &b->v;
}

void virtio_balloon_set_target(struct virtio *v, uint32_t pages)
{
    of(v)->s.config.num_pages = pages;
    virtio_config_changed(v);
}

uint32_t virtio_balloon_actual(const struct virtio *v)
{
    return ((const struct virtio_balloon *)(const void *)v)->s.config.actual;
}
