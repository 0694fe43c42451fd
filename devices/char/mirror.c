// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/char/mirror.h"
#include "devices/char/fifo.h"

#define IN_QUEUE 16384 // bytes typed ahead of the guest

struct mirror {
    struct chardev base; // the UART's side
    struct chardev *inner;
    void (*show)(void *opaque, const uint8_t *data, size_t len);
    void *opaque;
    struct fifo in;
};

static struct mirror *of(struct chardev *c)
{
    return (struct mirror *)c;
}

static void hand_over(struct mirror *m)
{
    size_t n;
    while (m->in.len && (n = chardev_room(&m->base))) {
        // The front end may ask again from inside receive(): drop first, from a copy.
        uint8_t chunk[64];
        n = n < m->in.len ? n : m->in.len;
        n = n < sizeof chunk ? n : sizeof chunk;
        memcpy(chunk, fifo_head(&m->in), n);
        fifo_drop(&m->in, n);
        chardev_receive(&m->base, chunk, n);
    }
}

// The UART's side --------------------------------------------------------------------------------

static void mirror_write(struct chardev *c, const uint8_t *data, size_t len)
{
    of(c)->show(of(c)->opaque, data, len);
    chardev_write(of(c)->inner, data, len);
}

static bool mirror_writable(struct chardev *c)
{
    return chardev_writable(of(c)->inner);
}

static void mirror_can_accept(struct chardev *c)
{
    hand_over(of(c));
    chardev_can_accept(of(c)->inner);
}

static int mirror_pollfds(struct chardev *c, struct pollfd fds[CHARDEV_MAX_POLLFDS])
{
    return chardev_pollfds(of(c)->inner, fds);
}

static void mirror_ready(struct chardev *c)
{
    chardev_ready(of(c)->inner);
}

static void mirror_flush(struct chardev *c)
{
    chardev_flush(of(c)->inner);
}

static void mirror_destroy(struct chardev *c)
{
    chardev_destroy(of(c)->inner);
    fifo_fini(&of(c)->in);
    free(c);
}

// The back end's side ----------------------------------------------------------------------------

static size_t inner_room(void *opaque)
{
    return chardev_room(opaque);
}

static void inner_receive(void *opaque, const uint8_t *data, size_t len)
{
    chardev_receive(opaque, data, len);
}

static void inner_receive_break(void *opaque)
{
    chardev_receive_break(opaque);
}

static void inner_writable(void *opaque)
{
    chardev_now_writable(opaque);
}

struct chardev *mirror_create(struct chardev *inner,
                              void (*show)(void *opaque, const uint8_t *data, size_t len),
                              void *opaque)
{
    static const struct chardev_ops ops = {
        .write = mirror_write,
        .writable = mirror_writable,
        .can_accept = mirror_can_accept,
        .pollfds = mirror_pollfds,
        .ready = mirror_ready,
        .flush = mirror_flush,
        .destroy = mirror_destroy,
    };
    static const struct chardev_front front = {
        .room = inner_room,
        .receive = inner_receive,
        .receive_break = inner_receive_break,
        .writable = inner_writable,
    };
    struct mirror *m = calloc(1, sizeof *m);
    assert(m);
    m->base.ops = &ops;
    m->inner = inner;
    m->show = show;
    m->opaque = opaque;
    chardev_attach(inner, &front, &m->base);
    return &m->base;
}

void mirror_input(struct chardev *c, const void *data, size_t len)
{
    struct mirror *m = of(c);
    if (len > IN_QUEUE - m->in.len)
        len = IN_QUEUE - m->in.len;
    fifo_put(&m->in, data, len);
    hand_over(m);
}
