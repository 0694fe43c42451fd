// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/virtio_slots.h"

#include "base/bits.h"
#include "devices/block/block.h"
#include "devices/virtio/9p.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/net.h"
#include "devices/virtio/gpu.h"
#include "devices/virtio/input.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/serial.h"
#include "machine/device_types.h"
#include "machine/host_limits.h"
#include "machine/machine.h"
#include "machine/displays.h"
#include "machine/virt.h"

#include <string.h>

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

static struct virtio *create_VIRTIO_NET(struct machine *m, const struct config_device *d,
                                        struct error *err)
{
    struct virtio_net_config config = {.net = m->nets[d->net - m->config->netdevs]};
    memcpy(config.mac, d->mac_address, sizeof config.mac);
    return virtio_net_create(&config);
}

static struct virtio *create_VIRTIO_9P(struct machine *m, const struct config_device *d,
                                       struct error *err)
{
    host_limits_raise_descriptors();
    struct p9_server *server = p9_server_create(d->share->path, d->share->readonly, err);
    return server ? virtio_9p_create(server, d->mount_tag) : NULL;
}

static void release(void *opaque, gpa_t gpa, uint64_t len)
{
    struct machine *m = opaque;
    if (gpa >= VIRT_RAM_BASE && gpa - VIRT_RAM_BASE < m->ram.size) // else flash, which stays
        ram_discard(&m->ram, gpa - VIRT_RAM_BASE, len);
}

static struct virtio *create_VIRTIO_BALLOON(struct machine *m, const struct config_device *d,
                                            struct error *err)
{
    struct virtio_balloon_config config = {.release = release,
                                           .opaque = m,
                                           .deflate_on_oom = d->deflate_on_oom,
                                           .free_page_reporting = d->free_page_reporting};
    return m->balloon = virtio_balloon_create(&config);
}

static struct virtio *create_VIRTIO_SERIAL(struct machine *m, const struct config_device *d,
                                           struct error *err)
{
    const struct machine_config *c = m->config;
    struct virtio_serial_port ports[VIRTIO_SERIAL_PORTS] = {{0}};
    for (size_t i = 0; i < c->port_count; i++) {
        const struct config_device *p = &c->ports[i];
        if (p->on == d)
            ports[p->nr] = (struct virtio_serial_port){
                .present = true,
                .console = p->type == DEVICE_VIRTCONSOLE,
                .name = p->name,
                .chardev = p->chardev ? m->chardevs[p->chardev_index] : NULL,
            };
    }
    return virtio_serial_create(ports);
}

// Ports are the serial device's.
#define create_VIRTCONSOLE    NULL
#define create_VIRTSERIALPORT NULL

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
