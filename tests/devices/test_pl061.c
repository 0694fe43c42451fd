// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/pl061.h"

enum {
    DIR = 0x400,
    IS = 0x404,
    IBE = 0x408,
    IEV = 0x40c,
    IE = 0x410,
    RIS = 0x414,
    MIS = 0x418,
    IC = 0x41c
};

static struct bench b;
static struct device *d;

static void setup(void)
{
    struct error err;
    struct irq_line out[8];
    bench_init(&b);
    for (int i = 0; i < 8; i++)
        out[i] = bench_wire(&b, 10 + i);
    d = pl061_create("pl061", bench_wire(&b, 0), out, NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, d, &err));
}

static void teardown(void)
{
    device_destroy(d);
    bench_fini(&b);
}

static void input(unsigned n, bool level)
{
    struct irq_line l = pl061_line(d, n);
    irq_set(&l, level);
}

TestSuite(pl061, .init = setup, .fini = teardown);

Test(pl061, data_is_masked_by_the_address)
{
    wr(&b, DIR, 0x0f);
    wr(&b, 0xff << 2, 0xff);
    EXPECT(rd(&b, 0xff << 2), 0x0f);
    wr(&b, 0x03 << 2, 0x00);
    EXPECT(rd(&b, 0xff << 2), 0x0c);
    EXPECT(rd(&b, 0x04 << 2), 0x04);
    EXPECT(b.wire[10].level, 0);
    EXPECT(b.wire[12].level, 1);
    input(7, true);
    EXPECT(rd(&b, 0xff << 2), 0x8c);
    EXPECT(b.wire[17].level, 0);
    static const uint8_t ids[8] = {0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned i = 0; i < 8; i++)
        EXPECT(rd(&b, 0xfe0 + 4 * i), ids[i]);
}

Test(pl061, edges)
{
    wr(&b, IE, 0x18);
    wr(&b, IEV, 0x08); // line 3 rising, line 4 falling
    input(3, true);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, MIS), 0x08);
    input(3, false);
    EXPECT(b.wire[0].level, 1); // latched
    wr(&b, IC, 0x08);
    EXPECT(b.wire[0].level, 0);
    input(4, true);
    EXPECT(b.wire[0].level, 0);
    input(4, false);
    EXPECT(rd(&b, RIS), 0x10);
    wr(&b, IC, 0xff);
    wr(&b, IBE, 0x20);
    wr(&b, IE, 0x20);
    input(5, true);
    EXPECT(b.wire[0].level, 1);
    wr(&b, IC, 0x20);
    input(5, false);
    EXPECT(b.wire[0].level, 1);
}

Test(pl061, levels)
{
    wr(&b, IS, 0x01);
    wr(&b, IEV, 0x01);
    wr(&b, IE, 0x01);
    input(0, true);
    EXPECT(b.wire[0].level, 1);
    wr(&b, IC, 0x01); // cannot clear a level
    EXPECT(b.wire[0].level, 1);
    wr(&b, IE, 0);
    EXPECT(b.wire[0].level, 0);
    wr(&b, IE, 1);
    input(0, false);
    EXPECT(b.wire[0].level, 0);
}

Test(pl061, save_and_load)
{
    wr(&b, IE, 0x08);
    wr(&b, IEV, 0x08);
    input(3, true);
    struct device *e = pl061_create("pl061", bench_wire(&b, 1), NULL, NULL);
    bench_copy_state(d, e);
    EXPECT(b.wire[1].level, 1);
    bench_refuses_corruption(d);
    device_destroy(e);
}
