// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/virtio_slots.h"

#include "base/bits.h"
#include "devices/block/block.h"
#include "devices/virtio/9p.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/serial.h"
#include "machine/device_types.h"
#include "machine/host_limits.h"
#include "machine/machine.h"
#include "machine/virt.h"

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

static struct virtio *(*const create[])(struct machine *m, const struct config_device *d,
                                        struct error *err) = {
#define DEVICE_TYPE(id, name, props, help) create_##id,
#include "machine/device_types.def"
#undef DEVICE_TYPE
};

bool virtio_slot_create(struct machine *m, unsigned n, struct virtio **v, struct error *err)
{
    unsigned index = VIRTIO_SLOTS - 1 - n;
    *v = NULL;
    if (index >= m->config->device_count)
        return true;
    const struct config_device *d = &m->config->devices[index];
    *v = create[d->type](m, d, err);
    return *v;
}
