// SPDX-License-Identifier: GPL-3.0-or-later
// A saved state: what is loaded into a board's worth of devices, and what they do then. Checksums are put
// right, as somebody would who means harm.
#include "bed.h"
#include "devices/char/buffer.h"
#include "devices/fw_cfg.h"
#include "devices/gic.h"
#include "devices/gtimer.h"
#include "devices/pl011.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/gpu.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/serial.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { DEVICES = 10, HEAD = 48, CRC = 36, LENGTH = 40 }; // of a section: devices/state.c

struct board {
    struct bed b;
    struct gic *gic, *gicv2;
    struct chardev *c;
    struct irq_line out[8];
    struct device *dev[DEVICES];
};

static unsigned accessor(void *opaque)
{
    return 0;
}

static void release(void *opaque, gpa_t gpa, uint64_t len) {}

static void fill(void *opaque, void *to, size_t len) {}

static struct device *slot(struct board *o, struct virtio *v)
{
    return virtio_mmio_create("virtio-mmio", &o->b.bus, &o->b.clock, bed_wire(&o->b), false, v, NULL);
}

static void begin(struct board *o)
{
    *o = (struct board){.c = buffer_create()};
    bed_init(&o->b);
    o->gic = gic_create(&(struct gic_config){.cpus = 2});
    o->gicv2 = gic_create(&(struct gic_config){.version = 2, .cpus = 2, .accessor = accessor});
    struct virtio_balloon_config balloon = {release, NULL, true, true};
    struct virtio_serial_port ports[VIRTIO_SERIAL_PORTS] = {[0] = {true, true, NULL, o->c}};
    struct virtio_net_config net = {.mac = {0x52, 0x54, 0, 1, 2, 3}};
    struct device *dev[DEVICES] = {
        gic_dist(o->gic),
        gic_dist(o->gicv2),
        pl011_create("pl011", &o->b.clock, bed_wire(&o->b), NULL, NULL),
        pl031_create("pl031", &o->b.clock, bed_wire(&o->b), 0),
        pl061_create("pl061", bed_wire(&o->b), o->out, NULL),
        slot(o, virtio_rng_create(fill, NULL)),
        slot(o, virtio_balloon_create(&balloon)),
        slot(o, virtio_serial_create(ports)),
        slot(o, virtio_net_create(&net)),
        slot(o, virtio_gpu_create(&(struct virtio_gpu_config_host){.max_hostmem = 4 << 20, .clock = &o->b.clock})),
    };
    memcpy(o->dev, dev, sizeof dev);
    for (unsigned n = 0; n < DEVICES; n++)
        bed_map(&o->b, BED_DEVICE + n * 0x100000, dev[n]);
}

static void end(struct board *o)
{
    for (unsigned n = 2; n < DEVICES; n++)
        device_destroy(o->dev[n]);
    gic_destroy(o->gic);
    gic_destroy(o->gicv2);
    chardev_destroy(o->c);
    bed_fini(&o->b);
}

static void init(void)
{
    struct board o;
    begin(&o);
    for (unsigned n = 0; n < DEVICES; n++) {
        struct state_writer w;
        state_writer_init(&w);
        state_put(&w, "which", n, NULL, 0);
        device_save(o.dev[n], &w);
        w.data[HEAD - 1] = 0;
        uint8_t *seed = malloc(w.len - HEAD + 1);
        seed[0] = (uint8_t)n;
        memcpy(seed + 1, w.data + HEAD, w.len - HEAD);
        fuzz_seed(seed, w.len - HEAD + 1);
        free(seed);
        state_writer_fini(&w);
    }
    end(&o);
}

static void right_checksums(uint8_t *data, size_t len)
{
    while (len >= HEAD) {
        uint64_t body;
        memcpy(&body, data + LENGTH, sizeof body);
        if (body > len - HEAD)
            return;
        uint32_t crc = (uint32_t)crc32_z(0, data + HEAD, body);
        memcpy(data + CRC, &crc, sizeof crc);
        data += HEAD + body;
        len -= HEAD + body;
    }
}

static void one(const uint8_t *data, size_t len)
{
    struct board o;
    struct state_reader r;
    struct error err = {0};
    if (!len)
        return;
    unsigned n = data[0] % DEVICES;
    uint8_t *copy = malloc(len);
    memcpy(copy, data + 1, len - 1);
    if (data[0] < 200)
        right_checksums(copy, len - 1);
    begin(&o);
    state_reader_init(&r, copy, len - 1);
    if (device_load(o.dev[n], &r, &err)) {
        uint64_t value;
        // It lives with what it was given.
        bed_copy_state(o.dev[n]);
        for (unsigned at = 0; at < 0x200; at += 4) {
            bus_read(&o.b.bus, BED_DEVICE + n * 0x100000 + at, 4, &value);
            if (at == 0x50)
                for (unsigned q = 0; q < 8; q++)
                    bus_write(&o.b.bus, BED_DEVICE + n * 0x100000 + at, 4, q);
        }
        clock_step(&o.b.clock, 1000000000);
        bed_copy_state(o.dev[n]);
    }
    end(&o);
    free(copy);
}

const struct fuzz_target fuzz_target = {.name = "saved_state", .max = 1 << 16, .init = init, .one = one};
