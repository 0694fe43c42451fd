// SPDX-License-Identifier: GPL-3.0-or-later
// A request is copied as a whole before it is looked at, and answered before the next is taken.
#include "devices/virtio/9p.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SIZE  128
#define F_MOUNT_TAG 0
#define MIN_REQUEST 7

struct config {
    uint16_t tag_len;
    char tag[VIRTIO_9P_TAG];
};

struct virtio_9p {
    struct virtio v;
    struct virtio_ops ops; // the size of the configuration space is this device's own
    struct config config;
    struct p9_server *server;
    struct virtq_chain chain;
    uint8_t in[P9_MAX_MESSAGE], out[P9_MAX_MESSAGE];
};

static struct virtio_9p *of(struct virtio *v)
{
    return container_of(v, struct virtio_9p, v);
}

static void notify(struct virtio *v, unsigned queue)
{
    struct virtio_9p *d = of(v);
    const struct virtq_chain *c = &d->chain;
    bool any = false;
    while (virtio_pop(v, queue, &d->chain)) {
        if (c->out_len < MIN_REQUEST || c->in_len < P9_MIN_ANSWER) {
            virtio_broken(v, "request without header, or without room for an answer");
            return;
        }
        size_t room = c->in_len < sizeof d->out ? c->in_len : sizeof d->out;
        size_t len = virtq_read(c, 0, d->in, sizeof d->in);
        len = p9_serve(d->server, d->in, len, d->out, room);
        virtq_write(&v->queue[queue], c, 0, d->out, len);
        virtio_push(v, queue, c, (uint32_t)len);
        any = true;
    }
    if (any)
        virtio_signal(v, queue);
}

static uint64_t config_read(struct virtio *v, unsigned offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)&of(v)->config + offset, size);
    return value;
}

static void reset(struct virtio *v)
{
    p9_server_reset(of(v)->server);
}

static void save(struct virtio *v, struct state_writer *w)
{
    p9_server_save(of(v)->server, w);
}

static bool load(struct virtio *v, struct state_reader *r, struct error *err)
{
    return p9_server_load(of(v)->server, r, err);
}

static void destroy(struct virtio *v)
{
    p9_server_destroy(of(v)->server);
    free(of(v));
}

struct virtio *virtio_9p_create(struct p9_server *server, const char *tag)
{
    struct virtio_9p *d = calloc(1, sizeof *d);
    size_t len = strlen(tag);
    assert(d && len <= VIRTIO_9P_TAG);
    d->server = server;
    d->config.tag_len = (uint16_t)len;
    memcpy(d->config.tag, tag, len);
    d->ops = (struct virtio_ops){
        .id = 9,
        .queues = 1,
        .queue_max = QUEUE_SIZE,
        .features = BIT(F_MOUNT_TAG),
        .config_size = (unsigned)(sizeof d->config.tag_len + len),
        .config_read = config_read,
        .notify = notify,
        .reset = reset,
        .save = save,
        .load = load,
        .destroy = destroy,
    };
    virtio_init(&d->v, &d->ops, "virtio-9p");
    return &d->v;
}
