// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/virtio_slots.h"

#include "base/bits.h"
#include "devices/block/block.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/rng.h"
#include "machine/device_types.h"

static struct block *open_drive(const struct config_drive *d, struct error *err)
{
    bool overlay = d->snapshot && !d->readonly;
    struct block_options options = {
        .format = (enum block_format)d->format,
        .readonly = d->readonly || overlay,
        .backing = d->backing,
    };
    struct block *b = image_open(d->file, &options, err);
    return b && overlay ? overlay_open(b, err) : b;
}

static struct virtio *create_VIRTIO_BLK(const struct config_device *d, struct entropy *entropy,
                                        struct error *err)
{
    struct virtio_blk_config config = {
        .block = open_drive(d->backend, err),
        .serial = d->serial,
        .write_cache = d->backend->cache == CONFIG_CACHE_WRITEBACK,
    };
    return config.block ? virtio_blk_create(&config) : NULL;
}

static struct virtio *create_VIRTIO_RNG(const struct config_device *d, struct entropy *entropy,
                                        struct error *err)
{
    return virtio_rng_create(entropy_fill, entropy);
}

static struct virtio *(*const create[])(const struct config_device *d, struct entropy *entropy,
                                        struct error *err) = {
#define DEVICE_TYPE(id, name, props, help) create_##id,
#include "machine/device_types.def"
#undef DEVICE_TYPE
};

bool virtio_slot_create(const struct machine_config *c, unsigned n, struct entropy *entropy,
                        struct virtio **v, struct error *err)
{
    unsigned index = VIRTIO_SLOTS - 1 - n;
    *v = NULL;
    if (index >= c->device_count)
        return true;
    *v = create[c->devices[index].type](&c->devices[index], entropy, err);
    return *v;
}
