// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/char/char.h"

void chardev_attach(struct chardev *c, const struct chardev_front *front, void *opaque)
{
    if (!c)
        return;
    c->front = front;
    c->front_opaque = opaque;
    chardev_can_accept(c);
}

void chardev_write(struct chardev *c, const uint8_t *data, size_t len)
{
    if (!c)
        return;
    for (struct chardev_tap *t = c->taps; t; t = t->next)
        t->written(t->opaque, data, len);
    c->ops->write(c, data, len);
}

bool chardev_writable(struct chardev *c)
{
    return !c || !c->ops->writable || c->ops->writable(c);
}

void chardev_can_accept(struct chardev *c)
{
    if (c && c->ops->can_accept)
        c->ops->can_accept(c);
}

int chardev_pollfds(struct chardev *c, struct pollfd fds[CHARDEV_MAX_POLLFDS])
{
    return c && c->ops->pollfds ? c->ops->pollfds(c, fds) : 0;
}

void chardev_ready(struct chardev *c)
{
    if (c && c->ops->ready)
        c->ops->ready(c);
}

void chardev_flush(struct chardev *c)
{
    if (c && c->ops->flush)
        c->ops->flush(c);
}

void chardev_destroy(struct chardev *c)
{
    if (c)
        c->ops->destroy(c);
}

void chardev_add_tap(struct chardev *c, struct chardev_tap *tap)
{
    if (!c)
        return;
    tap->next = c->taps;
    c->taps = tap;
}

size_t chardev_room(const struct chardev *c)
{
    return c->front ? c->front->room(c->front_opaque) : 0;
}

void chardev_receive(struct chardev *c, const uint8_t *data, size_t len)
{
    if (c->front && len)
        c->front->receive(c->front_opaque, data, len);
}

void chardev_receive_break(struct chardev *c)
{
    if (c->front && c->front->receive_break)
        c->front->receive_break(c->front_opaque);
}

void chardev_now_writable(struct chardev *c)
{
    if (c->front && c->front->writable)
        c->front->writable(c->front_opaque);
}

void chardev_changed(struct chardev *c)
{
    if (c->changed)
        c->changed(c->changed_opaque);
}
