// SPDX-License-Identifier: GPL-3.0-or-later
// The device around the commands: queues, configuration space, the wishes of front ends, state.
//
// One notification copies SHARE bytes of pixels at most, then the rest waits for the clock: nobody
// keeps the machine lock for long.
#include "devices/virtio/gpu.h"

#include "devices/display/edid.h"
#include "devices/virtio/gpu_device.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION   1
#define SHARE           (UINT64_C(64) << 20)
#define DEFAULT_HOSTMEM (UINT64_C(256) << 20)
#define CURSOR_PIXELS   (DISPLAY_MAX_CURSOR * DISPLAY_MAX_CURSOR)

static struct virtio_gpu *of(struct virtio *v)
{
    return container_of(v, struct virtio_gpu, v);
}

struct display *virtio_gpu_display(struct virtio *v)
{
    return &of(v)->display;
}

static void gpu_notify(struct virtio *v, unsigned queue)
{
    struct virtio_gpu *g = of(v);
    struct gpu_request *q = &g->request;
    bool any = false;
    g->copied = 0;
    while (virtio_pop(v, queue, &q->chain)) {
        uint32_t written = 0;
        if (queue == GPU_QUEUE_CONTROL) {
            gpu_run_control(g);
            written = (uint32_t)virtq_write(&v->queue[queue], &q->chain, 0, &q->resp, q->resp_size);
        } else {
            gpu_run_cursor(g);
        }
        virtio_push(v, queue, &q->chain, written);
        any = true;
        if (g->copied >= SHARE)
            v->budget = 0;
    }
    if (any)
        virtio_signal(v, queue);
}

static uint64_t gpu_config_read(struct virtio *v, unsigned offset, unsigned size)
{
    const struct virtio_gpu_config c = {.events_read = of(v)->s.events_read, .num_scanouts = 1};
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

static void gpu_config_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value)
{
    if (offset == offsetof(struct virtio_gpu_config, events_clear) && size == 4)
        of(v)->s.events_read &= ~(uint32_t)value;
}

// What the display offers has changed; the driver asks for it when it sees the event.
static void resize(void *opaque)
{
    struct virtio_gpu *g = opaque;
    uint32_t width, height;
    if (!display_wanted_size(&g->display, &width, &height))
        return;
    width = width < EDID_MAX ? width : EDID_MAX;
    height = height < EDID_MAX ? height : EDID_MAX;
    if (width == g->s.width && height == g->s.height)
        return;
    g->s.width = width;
    g->s.height = height;
    g->s.events_read |= VIRTIO_GPU_EVENT_DISPLAY;
    virtio_config_changed(&g->v);
}

static void resized(void *opaque)
{
    struct virtio_gpu *g = opaque;
    timer_arm(&g->resize, clock_now(g->resize.clock));
}

// A wish of the host's outlives the guest's reset.
static void gpu_reset(struct virtio *v)
{
    struct virtio_gpu *g = of(v);
    g->s = (struct gpu_state){.width = g->s.width, .height = g->s.height};
    gpu_show_scanout(g);
    gpu_show_cursor(g);
    gpu_resources_clear(&g->resources);
}

// State: gpu_state, then for every resource a section of what it is, its backing and its pixels; a
// resource of number 0 ends them.

struct saved_resource {
    uint32_t id, width, height, format, entries, reserved;
};

static void save_resource(const struct gpu_resource *r, struct state_writer *w)
{
    struct saved_resource s = {r->id, r->width, r->height, r->virtio_format, r->entries, 0};
    state_put(w, "gpu.resource", STATE_VERSION, &s, sizeof s);
    struct virtio_gpu_mem_entry *e = calloc(r->entries + 1, sizeof *e);
    assert(e);
    for (uint32_t i = 0; i < r->entries; i++)
        e[i] =
            (struct virtio_gpu_mem_entry){.addr = r->backing[i].gpa, .length = r->backing[i].len};
    state_put(w, "gpu.backing", STATE_VERSION, e, r->entries * sizeof *e);
    free(e);
    state_put(w, "gpu.pixels", STATE_VERSION, r->pixels->data, r->pixels->size);
}

static void gpu_save(struct virtio *v, struct state_writer *w)
{
    struct virtio_gpu *g = of(v);
    struct saved_resource end = {0};
    state_put(w, "gpu", STATE_VERSION, &g->s, sizeof g->s);
    for (size_t i = 0; i < GPU_BUCKETS; i++)
        for (struct gpu_resource *r = g->resources.bucket[i]; r; r = r->next)
            save_resource(r, w);
    state_put(w, "gpu.resource", STATE_VERSION, &end, sizeof end);
}

static bool load_backing(struct virtio_gpu *g, struct gpu_resource *r, uint32_t entries,
                         struct state_reader *reader, struct error *err)
{
    if (entries > GPU_MAX_ENTRIES)
        return error_set(err, "saved state: section \"gpu.resource\" is damaged");
    struct virtio_gpu_mem_entry *e = calloc(entries + 1, sizeof *e);
    assert(e);
    bool ok = state_get(reader, "gpu.backing", STATE_VERSION, e, entries * sizeof *e, err);
    if (ok && entries &&
        gpu_resource_attach(&g->resources, r, g->v.bus, e, entries) != VIRTIO_GPU_RESP_OK_NODATA)
        ok = error_set(err, "saved state: section \"gpu.backing\" is damaged");
    free(e);
    return ok;
}

// Buckets are saved from their beginnings and filled from there: the order is kept by appending.
static void keep_order(struct gpu_resources *all, struct gpu_resource *r)
{
    struct gpu_resource **p = &all->bucket[r->id % GPU_BUCKETS];
    *p = r->next;
    while (*p)
        p = &(*p)->next;
    *p = r;
    r->next = NULL;
}

static bool load_resource(struct virtio_gpu *g, const struct saved_resource *s,
                          struct state_reader *reader, struct error *err)
{
    struct virtio_gpu_resource_create_2d c = {
        .resource_id = s->id, .format = s->format, .width = s->width, .height = s->height};
    if (s->reserved || gpu_resource_create(&g->resources, &c) != VIRTIO_GPU_RESP_OK_NODATA)
        return error_set(err, "saved state: section \"gpu.resource\" is damaged");
    struct gpu_resource *r = gpu_resource_find(&g->resources, s->id);
    keep_order(&g->resources, r);
    return load_backing(g, r, s->entries, reader, err) &&
           state_get(reader, "gpu.pixels", STATE_VERSION, r->pixels->data, r->pixels->size, err);
}

static bool valid(const struct virtio_gpu *g, const struct gpu_state *s)
{
    const struct gpu_resource *r = gpu_resource_find(&g->resources, s->scanout);
    static const struct virtio_gpu_rect none;
    bool scanout = s->scanout ? r && gpu_rect_inside(&s->rect, r->width, r->height)
                              : !memcmp(&s->rect, &none, sizeof none);
    bool cursor = s->cursor_width ? s->cursor_width <= DISPLAY_MAX_CURSOR && s->cursor_height &&
                                        s->cursor_height <= DISPLAY_MAX_CURSOR &&
                                        s->hot_x < s->cursor_width && s->hot_y < s->cursor_height
                                  : !s->cursor_height && !s->hot_x && !s->hot_y;
    return scanout && cursor && !s->reserved && s->width && s->height && s->width <= EDID_MAX &&
           s->height <= EDID_MAX && !(s->events_read & ~(uint32_t)VIRTIO_GPU_EVENT_DISPLAY);
}

static bool gpu_load(struct virtio *v, struct state_reader *r, struct error *err)
{
    struct virtio_gpu *g = of(v);
    struct saved_resource saved;
    struct gpu_state s;
    if (!state_get(r, "gpu", STATE_VERSION, &s, sizeof s, err))
        return false;
    gpu_reset(v);
    for (;;) {
        if (!state_get(r, "gpu.resource", STATE_VERSION, &saved, sizeof saved, err))
            return false;
        if (!saved.id)
            break;
        if (!load_resource(g, &saved, r, err))
            return false;
    }
    if (!valid(g, &s))
        return error_set(err, "saved state: section \"gpu\" is damaged");
    g->s = s;
    gpu_show_scanout(g);
    gpu_show_cursor(g);
    return true;
}

static void gpu_destroy(struct virtio *v)
{
    struct virtio_gpu *g = of(v);
    timer_disarm(&g->resize);
    display_fini(&g->display);
    gpu_resources_clear(&g->resources);
    free(g);
}

struct virtio *virtio_gpu_create(const struct virtio_gpu_config_host *config)
{
    static const struct virtio_ops ops = {
        .id = 16,
        .queues = GPU_QUEUES,
        .queue_max = 256,
        .features = BIT(VIRTIO_GPU_F_EDID),
        .modern_only = true,
        .config_size = sizeof(struct virtio_gpu_config),
        .config_read = gpu_config_read,
        .config_write = gpu_config_write,
        .notify = gpu_notify,
        .reset = gpu_reset,
        .save = gpu_save,
        .load = gpu_load,
        .destroy = gpu_destroy,
    };
    static const struct display_ops display_ops = {.resized = resized};
    struct virtio_gpu *g = calloc(1, sizeof *g);
    assert(g && config->width <= EDID_MAX && config->height <= EDID_MAX);
    virtio_init(&g->v, &ops, "virtio-gpu");
    display_init(&g->display, g->v.name, &display_ops, g);
    timer_init(&g->resize, config->clock, resize, g);
    g->resources.limit = config->max_hostmem ? config->max_hostmem : DEFAULT_HOSTMEM;
    g->s.width = config->width ? config->width : VIRTIO_GPU_DEFAULT_WIDTH;
    g->s.height = config->height ? config->height : VIRTIO_GPU_DEFAULT_HEIGHT;
    return &g->v;
}
