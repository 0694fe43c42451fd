// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/char/buffer.h"
#include "devices/char/fifo.h"

struct buffer {
    struct chardev base;
    struct fifo out, in;
    bool closed;
};

static struct buffer *of(struct chardev *c)
{
    return (struct buffer *)c;
}

static void buffer_write(struct chardev *c, const uint8_t *data, size_t len)
{
    fifo_put(&of(c)->out, data, len);
}

static bool buffer_writable(struct chardev *c)
{
    return !of(c)->closed;
}

static void hand_over(struct chardev *c)
{
    struct fifo *in = &of(c)->in;
    while (in->len) {
        size_t n = chardev_room(c);
        if (n > in->len)
            n = in->len;
        if (!n)
            return;
        // The front end may ask again from inside receive(): drop first, from a copy.
        uint8_t chunk[64];
        n = n < sizeof chunk ? n : sizeof chunk;
        memcpy(chunk, fifo_head(in), n);
        fifo_drop(in, n);
        chardev_receive(c, chunk, n);
    }
}

static void buffer_destroy(struct chardev *c)
{
    fifo_fini(&of(c)->in);
    fifo_fini(&of(c)->out);
    free(c);
}

struct chardev *buffer_create(void)
{
    static const struct chardev_ops ops = {
        .write = buffer_write,
        .writable = buffer_writable,
        .can_accept = hand_over,
        .destroy = buffer_destroy,
    };
    struct buffer *b = calloc(1, sizeof *b);
    assert(b);
    b->base.ops = &ops;
    return &b->base;
}

const char *buffer_output(struct chardev *c, size_t *len)
{
    struct fifo *out = &of(c)->out;
    fifo_put(out, NULL, 0);
    out->data[out->head + out->len] = 0;
    if (len)
        *len = out->len;
    return (const char *)fifo_head(out);
}

void buffer_clear(struct chardev *c)
{
    fifo_drop(&of(c)->out, of(c)->out.len);
}

void buffer_input(struct chardev *c, const void *data, size_t len)
{
    fifo_put(&of(c)->in, data, len);
    hand_over(c);
}

size_t buffer_pending(struct chardev *c)
{
    return of(c)->in.len;
}

void buffer_set_writable(struct chardev *c, bool writable)
{
    bool was = !of(c)->closed;
    of(c)->closed = !writable;
    if (writable && !was)
        chardev_now_writable(c);
}
