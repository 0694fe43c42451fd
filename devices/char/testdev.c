// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/char/testdev.h"

#include <assert.h>
#include <stdlib.h>

struct testdev {
    struct chardev base;
    void (*quit)(void *opaque, int status);
    void *opaque;
    unsigned number; // read so far
};

static void testdev_write(struct chardev *c, const uint8_t *data, size_t len)
{
    struct testdev *t = (struct testdev *)c;
    for (size_t i = 0; i < len; i++) {
        if (data[i] >= '0' && data[i] <= '9') {
            t->number = t->number * 10 + (data[i] - '0');
            continue;
        }
        if (data[i] == 'q')
            t->quit(t->opaque, (int)((t->number << 1 | 1) & 0xff));
        t->number = 0;
    }
}

static void testdev_destroy(struct chardev *c)
{
    free(c);
}

struct chardev *testdev_create(void (*quit)(void *opaque, int status), void *opaque)
{
    static const struct chardev_ops ops = {.write = testdev_write, .destroy = testdev_destroy};
    struct testdev *t = calloc(1, sizeof *t);
    assert(t);
    t->base.ops = &ops;
    t->quit = quit;
    t->opaque = opaque;
    return &t->base;
}
