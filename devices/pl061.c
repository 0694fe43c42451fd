// SPDX-License-Identifier: GPL-3.0-or-later
// PL061 GPIO, Arm DDI 0190: 8 lines. GPIODATA is 256 words, address bits 9:2 saying which lines
// are meant. An interrupt is on an edge (RIS latches until GPIOIC) or a level (RIS follows).
#include "devices/pl061.h"
#include "base/bits.h"
#include "devices/fdt_node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
#define WINDOW        0x1000

enum { // offsets
    DATA_END = 0x400,
    DIR = 0x400,
    IS = 0x404,
    IBE = 0x408,
    IEV = 0x40c,
    IE = 0x410,
    RIS = 0x414,
    MIS = 0x418,
    IC = 0x41c,
    AFSEL = 0x420,
    ID0 = 0xfe0,
};

struct pl061_state {
    uint8_t out;   // what the guest wrote
    uint8_t in;    // levels of the wires
    uint8_t dir;   // 1: output
    uint8_t is;    // 1: level-sensitive
    uint8_t ibe;   // 1: both edges
    uint8_t iev;   // 1: rising or high
    uint8_t ie;    // 1: not masked
    uint8_t edges; // latched
    uint8_t afsel;
    uint8_t reserved[7];
};

struct pl061 {
    struct device dev;
    struct pl061_state s;
    struct irq_line irq, line[8];
    const struct log *log;
};

static uint8_t data(const struct pl061 *p)
{
    return (p->s.out & p->s.dir) | (p->s.in & ~p->s.dir);
}

static uint8_t ris(const struct pl061 *p)
{
    uint8_t active = (uint8_t) ~(data(p) ^ p->s.iev);
    return (active & p->s.is) | (p->s.edges & ~p->s.is);
}

// The lines had these values before a change.
static void changed(struct pl061 *p, uint8_t old)
{
    uint8_t now = data(p), differ = now ^ old;
    p->s.edges |= differ & ~p->s.is & (p->s.ibe | (uint8_t) ~(now ^ p->s.iev));
    for (unsigned i = 0; i < 8; i++)
        if (p->s.dir & 1u << i)
            irq_set(&p->line[i], now >> i & 1);
    irq_set(&p->irq, (ris(p) & p->s.ie) != 0);
}

static void set_input(void *opaque, int n, bool level)
{
    struct pl061 *p = opaque;
    uint8_t old = data(p), bit = (uint8_t)(1u << n);
    p->s.in = level ? p->s.in | bit : p->s.in & (uint8_t)~bit;
    changed(p, old);
}

static uint8_t *reg(struct pl061_state *s, uint64_t offset)
{
    switch (offset) {
    case DIR:
        return &s->dir;
    case IS:
        return &s->is;
    case IBE:
        return &s->ibe;
    case IEV:
        return &s->iev;
    case IE:
        return &s->ie;
    case AFSEL:
        return &s->afsel;
    default:
        return NULL;
    }
}

static uint64_t pl061_read(void *opaque, uint64_t offset, unsigned size)
{
    static const uint8_t ids[8] = {0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    struct pl061 *p = opaque;
    if (offset < DATA_END)
        return data(p) & (uint8_t)(offset >> 2);
    if (offset >= ID0)
        return offset & 3 ? 0 : ids[(offset - ID0) >> 2];
    if (offset == RIS)
        return ris(p);
    if (offset == MIS)
        return ris(p) & p->s.ie;
    const uint8_t *r = reg(&p->s, offset);
    return r ? *r : 0;
}

static void pl061_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl061 *p = opaque;
    uint8_t old = data(p), v = (uint8_t)value, *r;
    if (offset < DATA_END) {
        uint8_t mask = (uint8_t)(offset >> 2) & p->s.dir;
        p->s.out = (p->s.out & (uint8_t)~mask) | (v & mask);
    } else if (offset == IC) {
        p->s.edges &= (uint8_t)~v;
    } else if ((r = reg(&p->s, offset))) {
        *r = v;
    } else {
        log_printf(p->log, LOG_GUEST_ERROR, "%s: write to offset 0x%x\n", p->dev.name,
                   (unsigned)offset);
    }
    changed(p, old);
}

static void pl061_reset(void *opaque)
{
    struct pl061 *p = opaque;
    p->s = (struct pl061_state){.in = p->s.in};
    irq_set(&p->irq, false);
}

static void pl061_save(void *opaque, struct state_writer *w)
{
    struct pl061 *p = opaque;
    state_put(w, p->dev.name, STATE_VERSION, &p->s, sizeof p->s);
}

static bool pl061_load(void *opaque, struct state_reader *r, struct error *err)
{
    // Every value of every byte is a state that a guest could have made.
    struct pl061 *p = opaque;
    if (!state_get(r, p->dev.name, STATE_VERSION, &p->s, sizeof p->s, err))
        return false;
    changed(p, data(p));
    return true;
}

static int pl061_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    static const char compatible[] = "arm,pl061\0arm,primecell";
    int e =
        fdt_node_begin(fdt, "pl061", place, WINDOW, compatible, sizeof compatible, FDT_IRQ_LEVEL);
    e = e ? e : fdt_property_u32(fdt, "#gpio-cells", 2);
    e = e ? e : fdt_property(fdt, "gpio-controller", NULL, 0);
    e = e ? e : fdt_node_apb_clock(fdt, place);
    return e ? e : fdt_end_node(fdt);
}

static void pl061_destroy(void *opaque)
{
    free(opaque);
}

struct irq_line pl061_line(struct device *dev, unsigned n)
{
    assert(n < 8);
    return (struct irq_line){set_input, dev->opaque, (int)n};
}

bool pl061_listens(const struct device *dev, unsigned n)
{
    const struct pl061 *p = dev->opaque;
    assert(n < 8);
    return p->s.ie >> n & 1;
}

struct device *pl061_create(const char *name, struct irq_line irq, const struct irq_line out[8],
                            const struct log *log)
{
    static const struct device_ops ops = {
        .read = pl061_read,
        .write = pl061_write,
        .access_min = 1,
        .access_max = 4,
        .reset = pl061_reset,
        .save = pl061_save,
        .load = pl061_load,
        .fdt_node = pl061_fdt_node,
        .destroy = pl061_destroy,
    };
    struct pl061 *p = calloc(1, sizeof *p);
    assert(p);
    device_init(&p->dev, &ops, p, WINDOW, name);
    p->irq = irq;
    p->log = log;
    if (out)
        memcpy(p->line, out, sizeof p->line);
    return &p->dev;
}
