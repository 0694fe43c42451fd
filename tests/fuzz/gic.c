// SPDX-License-Identifier: GPL-3.0-or-later
// GICv3: distributor, redistributors, the CPU interfaces' registers, wires.
#include "bed.h"
#include "devices/gic.h"

#include <assert.h>
#include <string.h>

#define CPUS 3

// A wire, or a register of a CPU interface. What is acknowledged is an interrupt or none.
static void cpu(struct bed *b, struct fuzz_input *in)
{
    unsigned n = fuzz_below(in, CPUS), how = fuzz_below(in, 4);
    struct irq_line line;
    uint64_t id;
    switch (how) {
    case 0:
        line = gic_spi_line(b->opaque, fuzz_below(in, GIC_SPIS));
        irq_set(&line, fuzz_take(in, 1) & 1);
        break;
    case 1:
        line = gic_ppi_line(b->opaque, n, fuzz_below(in, 16));
        irq_set(&line, fuzz_take(in, 1) & 1);
        break;
    case 2:
        gic_icc_write(b->opaque, n, fuzz_below(in, GIC_ICC_COUNT), fuzz_take(in, 8));
        break;
    default:
        id = gic_icc_read(b->opaque, n, fuzz_below(in, 2) ? GIC_ICC_IAR0 : GIC_ICC_IAR1);
        assert(id < GIC_INTIDS || id == 1023);
        gic_icc_write(b->opaque, n, fuzz_below(in, 2) ? GIC_ICC_EOIR0 : GIC_ICC_EOIR1, id);
    }
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    struct gic_config config = {.cpus = CPUS};
    bed_init(&b);
    struct gic *g = gic_create(&config);
    b.extra = cpu;
    b.opaque = g;
    // Which window the accesses go to; the other is changed by nobody but its neighbour.
    bool redist = fuzz_take(&in, 1) & 1;
    bed_map(&b, BED_DEVICE, redist ? gic_redist(g) : gic_dist(g));
    bed_map(&b, BED_DEVICE + 0x1000000, redist ? gic_dist(g) : gic_redist(g));
    if (redist)
        bus_write(&b.bus, BED_DEVICE + 0x1000000, 4, 3);
    for (unsigned n = 0; n < CPUS; n++) {
        gic_icc_write(g, n, GIC_ICC_PMR, 0xff);
        gic_icc_write(g, n, GIC_ICC_IGRPEN0, 1);
        gic_icc_write(g, n, GIC_ICC_IGRPEN1, 1);
    }
    b.keeps_no_state = redist; // the distributor's is that of both
    if (redist)
        while (in.len) {
            uint64_t at = BED_DEVICE + fuzz_take(&in, 3) % (CPUS * GIC_REDIST_SIZE), value;
            unsigned size = 1u << fuzz_below(&in, 4);
            bus_write(&b.bus, at & ~(uint64_t)(size - 1), size, fuzz_take(&in, size));
            bus_read(&b.bus, at & ~(uint64_t)(size - 1), size, &value);
            cpu(&b, &in);
        }
    else
        bed_play(&b, gic_dist(g), &in);
    bed_copy_state(gic_dist(g));
    gic_destroy(g);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "gic", .max = 4096, .one = one};
