// SPDX-License-Identifier: GPL-3.0-or-later
// GICv2m: MSI_TYPER says which SPIs there are, a write of one's INTID to MSI_SETSPI raises it. The
// SPIs are edges; the frame has no state.
#include "devices/gicv2m.h"
#include "devices/fdt_node.h"

#include <assert.h>
#include <stdlib.h>

#define WINDOW 0x1000

enum { // offsets
    MSI_TYPER = 0x008,
    MSI_SETSPI = 0x040,
    MSI_IIDR = 0xfcc,
};

#define IIDR_PRODUCT (0x51u << 20) // QEMU's

struct gicv2m {
    struct device dev;
    unsigned first, count;
    struct irq_line (*spi)(void *opaque, unsigned n);
    void *opaque;
    const struct log *log;
};

static uint64_t gicv2m_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct gicv2m *f = opaque;
    if (offset == MSI_TYPER)
        return (uint64_t)(f->first + 32) << 16 | f->count;
    return offset == MSI_IIDR ? IIDR_PRODUCT : 0;
}

static void gicv2m_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    const struct gicv2m *f = opaque;
    uint64_t n = (value & 0x3ff) - 32 - f->first;
    if (offset != MSI_SETSPI)
        return;
    if (n < f->count) {
        struct irq_line line = f->spi(f->opaque, f->first + (unsigned)n);
        irq_pulse(&line);
    } else {
        log_printf(f->log, LOG_GUEST_ERROR, "%s: no SPI of INTID %u\n", f->dev.name,
                   (unsigned)value & 0x3ff);
    }
}

static int gicv2m_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    static const char compatible[] = "arm,gic-v2m-frame";
    int e = fdt_node_begin(fdt, "v2m", place, WINDOW, compatible, sizeof compatible, 0);
    e = e ? e : fdt_property(fdt, "msi-controller", NULL, 0);
    return e ? e : fdt_end_node(fdt);
}

static void gicv2m_destroy(void *opaque)
{
    free(opaque);
}

struct device *gicv2m_create(const char *name, unsigned first, unsigned count,
                             struct irq_line (*spi)(void *opaque, unsigned n), void *opaque,
                             const struct log *log)
{
    static const struct device_ops ops = {
        .read = gicv2m_read,
        .write = gicv2m_write,
        .access_min = 2,
        .access_max = 4,
        .fdt_node = gicv2m_fdt_node,
        .destroy = gicv2m_destroy,
    };
    struct gicv2m *f = calloc(1, sizeof *f);
    assert(f);
    device_init(&f->dev, &ops, f, WINDOW, name);
    f->first = first;
    f->count = count;
    f->spi = spi;
    f->opaque = opaque;
    f->log = log;
    return &f->dev;
}
