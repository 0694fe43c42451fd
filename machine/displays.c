// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/displays.h"

#include "devices/ramfb.h"
#include "devices/simplefb.h"
#include "machine/device_types.h"

#include <string.h>

enum {
    SIMPLEFB_BASE = 0x0b000000, // 16 MiB of the map in which QEMU's virt has nothing
    SIMPLEFB_WIDTH = 1024,
    SIMPLEFB_HEIGHT = 768,
};

static bool collect(void *opaque, const void *user, uint64_t gpa, uint64_t len, uint64_t *pages)
{
    return dirty_collect(opaque, user, gpa, len, pages);
}

static void forget(void *opaque, const void *user)
{
    dirty_forget(opaque, user);
}

void displays_add(struct machine *m, struct display *d, enum display_rank rank)
{
    size_t at = 0;
    assert(m->display_count < ARRAY_SIZE(m->displays));
    while (at < m->display_count && m->display_ranks[at] <= (uint8_t)rank)
        at++;
    memmove(&m->displays[at + 1], &m->displays[at],
            (m->display_count - at) * sizeof(struct display *));
    memmove(&m->display_ranks[at + 1], &m->display_ranks[at], m->display_count - at);
    m->displays[at] = d;
    d->scan.log = (struct scan_log){collect, forget, &m->jit};
    m->display_ranks[at] = (uint8_t)rank;
    m->display_count++;
}

static struct device *create_RAMFB(struct machine *m, const struct config_device *d,
                                   struct fdt_place *place, struct error *err)
{
    if (!fw_cfg_can_add(m->fw_cfg, "etc/ramfb")) {
        error_set(err, "-device ramfb: no room in fw_cfg for etc/ramfb");
        return NULL;
    }
    struct device *dev = ramfb_create("ramfb", &m->bus, m->fw_cfg, &m->log);
    displays_add(m, ramfb_display(dev), DISPLAY_RANK_RAMFB);
    return dev;
}

static struct device *create_SIMPLEFB(struct machine *m, const struct config_device *d,
                                      struct fdt_place *place, struct error *err)
{
    struct simplefb_config config = {.width = d->xres ? (uint32_t)d->xres : SIMPLEFB_WIDTH,
                                     .height = d->yres ? (uint32_t)d->yres : SIMPLEFB_HEIGHT,
                                     .format = (enum display_format)d->format,
                                     .gpa = SIMPLEFB_BASE};
    uint64_t size;
    struct device *dev = simplefb_create("simple-framebuffer", &config, err);
    if (!dev)
        return NULL;
    uint8_t *memory = simplefb_memory(dev, &size);
    if (!bus_map_ram(&m->bus, SIMPLEFB_BASE, size, memory, false, err)) {
        device_destroy(dev);
        return NULL;
    }
    jit_add_ram(&m->jit, SIMPLEFB_BASE, size, memory, false);
    displays_add(m, simplefb_display(dev), DISPLAY_RANK_SIMPLEFB);
    place->base = SIMPLEFB_BASE;
    return dev;
}

static struct device *(*const create[DEVICE_TYPE_COUNT])(struct machine *m,
                                                         const struct config_device *d,
                                                         struct fdt_place *place,
                                                         struct error *err) = {
#define DEVICE_TYPE(id, name, props, help)
#define BOARD_DEVICE_TYPE(id, name, props, help) [DEVICE_##id] = create_##id,
#include "machine/device_types.def"
#undef DEVICE_TYPE
};

bool displays_is_board_type(int type)
{
    return create[type];
}

struct device *displays_create(struct machine *m, const struct config_device *d,
                               struct fdt_place *place, struct error *err)
{
    return create[d->type](m, d, place, err);
}
