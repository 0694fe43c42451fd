// SPDX-License-Identifier: GPL-3.0-or-later
// GICv2 with some CPUs, and its message frame.
#include "bed.h"
#include "devices/gic.h"
#include "devices/gicv2m.h"

#include <assert.h>

#define GICC (BED_DEVICE + 0x10000)
#define V2M  (BED_DEVICE + 0x20000)

static unsigned cpus, now;

static unsigned accessor(void *opaque)
{
    return now;
}

static struct irq_line spi(void *opaque, unsigned n)
{
    return gic_spi_line(opaque, n);
}

// Another CPU goes on; a wire, a message, an interrupt from beginning to end.
static void other(struct bed *b, struct fuzz_input *in)
{
    struct irq_line line;
    uint64_t id;
    now = fuzz_below(in, cpus);
    switch (fuzz_below(in, 5)) {
    case 0:
        line = gic_spi_line(b->opaque, fuzz_below(in, GIC_SPIS));
        irq_set(&line, fuzz_take(in, 1) & 1);
        break;
    case 1:
        line = gic_ppi_line(b->opaque, now, fuzz_below(in, 16));
        irq_set(&line, fuzz_take(in, 1) & 1);
        break;
    case 2:
        bus_write(&b->bus, V2M + (fuzz_take(in, 2) & 0xffc), 4, fuzz_take(in, 1));
        break;
    case 3:
        bus_write(&b->bus, GICC + (fuzz_take(in, 2) & 0x1ffc), 4, fuzz_take(in, 4));
        break;
    default:
        bus_read(&b->bus, GICC + (fuzz_below(in, 2) ? 0xc : 0x20), 4, &id);
        assert((id & 0x3ff) < GIC_INTIDS || id == 1022 || id == 1023);
        assert(id >> 10 < cpus);
        bus_write(&b->bus, GICC + 0x10, 4, id);
    }
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    bed_init(&b);
    now = 0;
    cpus = 1 + fuzz_below(&in, GICV2_MAX_CPUS);
    struct gic *g = gic_create(&(struct gic_config){.version = 2, .cpus = cpus, .accessor = accessor});
    struct device *v2m = gicv2m_create("v2m", 48, 64, spi, g, NULL);
    b.extra = other;
    b.opaque = g;
    bed_map(&b, BED_DEVICE, gic_dist(g));
    bed_map(&b, GICC, gic_cpu_interface(g));
    bed_map(&b, V2M, v2m);
    for (now = 0; now < cpus; now++) {
        bus_write(&b.bus, GICC + 4, 4, 0xff);
        bus_write(&b.bus, GICC, 4, 7);
    }
    now = 0;
    bus_write(&b.bus, BED_DEVICE, 4, 3);
    bed_play(&b, gic_dist(g), &in);
    device_destroy(v2m);
    gic_destroy(g);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "gicv2", .max = 4096, .one = one};
