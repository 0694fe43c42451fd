// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/virtio_slots.h"

#include "base/bits.h"
#include "devices/block/block.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/gpu.h"
#include "devices/virtio/input.h"
#include "devices/virtio/rng.h"
#include "machine/device_types.h"
#include "machine/displays.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// A qcow2 file taken for raw would show the guest (and let it overwrite) the wrong bytes. Who says
// format=raw means it.
static bool check_format(const struct config_drive *d, struct error *err)
{
    char magic[4] = "";
    if (d->format != CONFIG_FORMAT_UNSAID)
        return true;
    int fd = open(d->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return true; // the opening proper has the better message
    ssize_t n = read(fd, magic, sizeof magic);
    close(fd);
    if (n == sizeof magic && !memcmp(magic, "QFI\xfb", 4))
        return error_set(err, "%s: a qcow2 image; this version of armlet reads raw images only",
                         d->file);
    return true;
}

static struct block *open_drive(const struct config_drive *d, struct error *err)
{
    if (!check_format(d, err))
        return NULL;
    bool overlay = d->snapshot && !d->readonly;
    struct block *b = raw_open(d->file, d->readonly || overlay, err);
    return b && overlay ? overlay_open(b, err) : b;
}

static struct virtio *create_VIRTIO_BLK(struct machine *m, const struct config_device *d,
                                        struct error *err)
{
    struct virtio_blk_config config = {
        .block = open_drive(d->backend, err),
        .serial = d->serial,
        .write_cache = d->backend->cache == CONFIG_CACHE_WRITEBACK,
    };
    return config.block ? virtio_blk_create(&config) : NULL;
}

static struct virtio *create_VIRTIO_RNG(struct machine *m, const struct config_device *d,
                                        struct error *err)
{
    return virtio_rng_create(entropy_fill, &m->entropy);
}

static struct virtio *create_VIRTIO_GPU(struct machine *m, const struct config_device *d,
                                        struct error *err)
{
    struct virtio *v = virtio_gpu_create(&(struct virtio_gpu_config_host){
        .width = (uint32_t)d->xres,
        .height = (uint32_t)d->yres,
        .max_hostmem = d->max_hostmem,
        .clock = &m->clock,
    });
    displays_add(m, virtio_gpu_display(v), DISPLAY_RANK_GPU);
    return v;
}

static struct virtio *create_input(struct machine *m, enum input_kind kind, struct error *err)
{
    struct virtio *v = virtio_input_create(kind, &m->input, &m->clock);
    if (!v)
        error_set(err, "-device: more than %d keyboards and pointers", INPUT_MAX_SINKS);
    return v;
}

static struct virtio *create_VIRTIO_KEYBOARD(struct machine *m, const struct config_device *d,
                                             struct error *err)
{
    return create_input(m, INPUT_KEYBOARD, err);
}

static struct virtio *create_VIRTIO_TABLET(struct machine *m, const struct config_device *d,
                                           struct error *err)
{
    return create_input(m, INPUT_TABLET, err);
}

static struct virtio *create_VIRTIO_MOUSE(struct machine *m, const struct config_device *d,
                                          struct error *err)
{
    return create_input(m, INPUT_MOUSE, err);
}

static struct virtio *(*const create[DEVICE_TYPE_COUNT])(struct machine *m,
                                                         const struct config_device *d,
                                                         struct error *err) = {
#define DEVICE_TYPE(id, name, props, help) [DEVICE_##id] = create_##id,
#define BOARD_DEVICE_TYPE(id, name, props, help)
#include "machine/device_types.def"
#undef DEVICE_TYPE
};

// The index-th -device of those that sit in slots, or NULL.
static const struct config_device *find(const struct machine_config *c, unsigned index)
{
    for (size_t i = 0; i < c->device_count; i++)
        if (create[c->devices[i].type] && !index--)
            return &c->devices[i];
    return NULL;
}

bool virtio_slot_create(struct machine *m, unsigned n, struct virtio **v, struct error *err)
{
    const struct config_device *d = find(m->config, VIRTIO_SLOTS - 1 - n);
    *v = d ? create[d->type](m, d, err) : NULL;
    return !d || *v;
}
