// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/device.h"

#include <stdio.h>

void device_init(struct device *dev, const struct device_ops *ops, void *opaque, uint64_t size,
                 const char *name)
{
    *dev = (struct device){.ops = ops, .opaque = opaque, .size = size};
    snprintf(dev->name, sizeof dev->name, "%s", name);
}

void device_reset(struct device *dev)
{
    if (dev->ops->reset)
        dev->ops->reset(dev->opaque);
}

void device_drain(struct device *dev)
{
    if (dev->ops->drain)
        dev->ops->drain(dev->opaque);
}

void device_save(struct device *dev, struct state_writer *w)
{
    if (dev->ops->save)
        dev->ops->save(dev->opaque, w);
}

bool device_load(struct device *dev, struct state_reader *r, struct error *err)
{
    return !dev->ops->load || dev->ops->load(dev->opaque, r, err);
}

void device_destroy(struct device *dev)
{
    if (dev && dev->ops->destroy)
        dev->ops->destroy(dev->opaque);
}
