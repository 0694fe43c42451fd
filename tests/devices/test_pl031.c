// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/pl031.h"

enum { DR = 0, MR = 4, LR = 8, CR = 0xc, IMSC = 0x10, RIS = 0x14, MIS = 0x18, ICR = 0x1c };
#define SECOND INT64_C(1000000000)

static struct bench b;
static struct device *d;

static void setup(void)
{
    struct error err;
    bench_init(&b);
    d = pl031_create("pl031", &b.clock, bench_wire(&b, 0), 1700000000);
    cr_assert(bus_map(&b.bus, DEV_BASE, d, &err));
}

static void teardown(void)
{
    device_destroy(d);
    bench_fini(&b);
}

TestSuite(pl031, .init = setup, .fini = teardown);

Test(pl031, counts_seconds)
{
    EXPECT(rd(&b, DR), 1700000000);
    clock_step(&b.clock, 10 * SECOND + 5);
    EXPECT(rd(&b, DR), 1700000010);
    wr(&b, LR, 100);
    EXPECT(rd(&b, LR), 100);
    EXPECT(rd(&b, DR), 100);
    clock_step(&b.clock, SECOND);
    EXPECT(rd(&b, DR), 101);
    wr(&b, DR, 5); // read-only
    EXPECT(rd(&b, DR), 101);
    EXPECT(rd(&b, CR), 1);
    static const uint8_t ids[8] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned i = 0; i < 8; i++)
        EXPECT(rd(&b, 0xfe0 + 4 * i), ids[i]);
}

Test(pl031, alarm)
{
    clock_step(&b.clock, SECOND / 2);
    wr(&b, IMSC, 1);
    wr(&b, MR, rd(&b, DR) + 3);
    clock_step(&b.clock, 2 * SECOND);
    EXPECT(b.wire[0].level, 0);
    clock_step(&b.clock, SECOND);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, RIS), 1);
    wr(&b, IMSC, 0);
    EXPECT(b.wire[0].level, 0);
    EXPECT(rd(&b, RIS), 1);
    EXPECT(rd(&b, MIS), 0);
    wr(&b, ICR, 1);
    EXPECT(rd(&b, RIS), 0);
    clock_step(&b.clock, 100 * SECOND);
    EXPECT(rd(&b, RIS), 0);
}

Test(pl031, save_and_load)
{
    wr(&b, IMSC, 1);
    wr(&b, MR, rd(&b, DR) + 3);
    struct device *e = pl031_create("pl031", &b.clock, bench_wire(&b, 1), 0);
    bench_copy_state(d, e);
    EXPECT(e->ops->read(e->opaque, DR, 4), 1700000000);
    clock_step(&b.clock, 3 * SECOND);
    EXPECT(b.wire[1].level, 1);
    bench_refuses_corruption(d);
    cr_assert(!bench_load_damaged(d, e, 0, 12, 2), "interrupt mask of 3");
    device_destroy(e);
}
