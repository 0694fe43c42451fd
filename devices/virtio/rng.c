// SPDX-License-Identifier: GPL-3.0-or-later
// A request is answered with at most SHARE bytes, whatever room it has: a driver that wants more
// asks again, and one kick never keeps the machine long.
#include "devices/virtio/rng.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define SHARE 4096

struct virtio_rng {
    struct virtio v;
    void (*fill)(void *opaque, void *to, size_t len);
    void *opaque;
    struct virtq_chain chain;
};

static void host_fill(void *opaque, void *to, size_t len)
{
    for (uint8_t *p = to; len;) {
        ssize_t n = getrandom(p, len, 0);
        assert(n > 0 || errno == EINTR);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

static void rng_notify(struct virtio *v, unsigned queue)
{
    struct virtio_rng *r = container_of(v, struct virtio_rng, v);
    uint8_t bytes[SHARE];
    bool any = false;
    while (virtio_pop(v, queue, &r->chain)) {
        size_t len = r->chain.in_len < SHARE ? r->chain.in_len : SHARE;
        r->fill(r->opaque, bytes, len);
        virtq_write(&v->queue[queue], &r->chain, 0, bytes, len);
        virtio_push(v, queue, &r->chain, (uint32_t)len);
        any = true;
    }
    if (any)
        virtio_signal(v, queue);
}

static void rng_destroy(struct virtio *v)
{
    free(container_of(v, struct virtio_rng, v));
}

struct virtio *virtio_rng_create(void (*fill)(void *opaque, void *to, size_t len), void *opaque)
{
    static const struct virtio_ops ops = {
        .id = 4,
        .queues = 1,
        .queue_max = 8,
        .notify = rng_notify,
        .destroy = rng_destroy,
    };
    struct virtio_rng *r = calloc(1, sizeof *r);
    assert(r);
    virtio_init(&r->v, &ops, "virtio-rng");
    r->fill = fill ? fill : host_fill;
    r->opaque = opaque;
    return &r->v;
}
