// SPDX-License-Identifier: GPL-3.0-or-later
// GICv2's registers on the core that GICv3's tests go through, and the message frame.
#include "bench.h"
#include "devices/gic.h"
#include "devices/gicv2m.h"

#define GICD   UINT64_C(0x08000000)
#define GICC   UINT64_C(0x08010000)
#define V2M    UINT64_C(0x08020000)
#define NONE   1023
#define GROUP1 1022

enum { CTLR = 0, PMR = 4, BPR = 8, IAR = 0xc, EOIR = 0x10, RPR = 0x14, HPPIR = 0x18 };
enum { ABPR = 0x1c, AIAR = 0x20, AEOIR = 0x24, AHPPIR = 0x28, DIR = 0x1000 };

static struct bench b;
static struct gic *g;
static struct device *v2m;
static bool irq, fiq;

static void cpu_irq(void *opaque, unsigned n, bool i, bool f)
{
    irq = i;
    fiq = f;
}

static struct irq_line spi(void *opaque, unsigned n)
{
    return gic_spi_line(opaque, n);
}

static struct gic *make(void)
{
    return gic_create(&(struct gic_config){.version = 2, .cpus = 1, .cpu_irq = cpu_irq});
}

static void setup(void)
{
    struct error err;
    bench_init(&b);
    g = make();
    v2m = gicv2m_create("v2m", 48, 64, spi, g, NULL);
    cr_assert(bus_map(&b.bus, GICD, gic_dist(g), &err));
    cr_assert(bus_map(&b.bus, GICC, gic_cpu_interface(g), &err));
    cr_assert(bus_map(&b.bus, V2M, v2m, &err));
    irq = fiq = false;
}

static void teardown(void)
{
    device_destroy(v2m);
    gic_destroy(g);
    bench_fini(&b);
}

TestSuite(gicv2, .init = setup, .fini = teardown);

static uint32_t dist(unsigned offset)
{
    return (uint32_t)bench_read(&b, GICD + offset, 4);
}

static void set_dist(unsigned offset, uint32_t value)
{
    bench_write(&b, GICD + offset, 4, value);
}

static uint32_t cpu(unsigned offset)
{
    return (uint32_t)bench_read(&b, GICC + offset, 4);
}

static void set_cpu(unsigned offset, uint32_t value)
{
    bench_write(&b, GICC + offset, 4, value);
}

// As Linux does it: all of group 0, priority 0xa0, mask 0xf0.
static void on(void)
{
    set_dist(CTLR, 3);
    set_cpu(PMR, 0xf0);
    set_cpu(CTLR, 1);
}

static void enable(unsigned intid, uint8_t prio)
{
    bench_write(&b, GICD + 0x400 + intid, 1, prio);
    set_dist(0x100 + intid / 32 * 4, 1u << intid % 32);
}

static void wire(unsigned n, bool level)
{
    struct irq_line line = gic_spi_line(g, n);
    irq_set(&line, level);
}

Test(gicv2, identification)
{
    EXPECT(dist(4), 8); // 288 interrupts, one CPU
    EXPECT(dist(0xfe8), 0x2b);
    EXPECT(dist(0xff0), 0x0d);
    EXPECT(cpu(0xfc), 0x2043b);
    EXPECT(cpu(PMR), 0);
    EXPECT(cpu(RPR), 0xff);
    EXPECT(cpu(IAR), NONE);
    EXPECT(cpu(HPPIR), NONE);
    EXPECT(dist(0x100), 0xffff); // SGIs are enabled
    EXPECT(dist(0xc00), 0xaaaaaaaa);
    EXPECT(dist(0x800), 0); // one CPU: no targets
    set_dist(0x820, ~0u);
    EXPECT(dist(0x820), 0);
}

Test(gicv2, an_spi_from_wire_to_end)
{
    on();
    enable(33, 0xa0);
    wire(1, true);
    EXPECT(irq, 1);
    EXPECT(fiq, 0);
    EXPECT(cpu(HPPIR), 33);
    EXPECT(cpu(IAR), 33);
    EXPECT(irq, 0);
    EXPECT(cpu(RPR), 0xa0);
    EXPECT(dist(0x304), 2); // active
    EXPECT(cpu(IAR), NONE);
    set_cpu(EOIR, 33);
    EXPECT(irq, 1); // the level is still there
    EXPECT(cpu(IAR), 33);
    wire(1, false);
    set_cpu(EOIR, 33);
    EXPECT(irq, 0);
    EXPECT(cpu(RPR), 0xff);
    set_cpu(PMR, 0xa0); // masks its own priority
    wire(1, true);
    EXPECT(irq, 0);
    set_cpu(PMR, 0xa8);
    EXPECT(irq, 1);
    set_cpu(CTLR, 0);
    EXPECT(irq, 0);
}

Test(gicv2, split_end_of_interrupt)
{
    on();
    set_cpu(CTLR, 1 | 1 << 9);
    EXPECT(cpu(CTLR), 0x201);
    enable(34, 0x80);
    wire(2, true);
    EXPECT(cpu(IAR), 34);
    set_cpu(EOIR, 34); // drops the priority only
    EXPECT(cpu(RPR), 0xff);
    EXPECT(irq, 0);
    EXPECT(dist(0x304), 4);
    set_cpu(DIR, 34);
    EXPECT(irq, 1);
}

Test(gicv2, groups)
{
    on();
    enable(33, 0x80);
    set_dist(0x84, 2); // into group 1
    wire(1, true);
    EXPECT(irq, 0); // not enabled in the interface
    set_cpu(CTLR, 3);
    EXPECT(irq, 1);
    EXPECT(cpu(HPPIR), GROUP1);
    EXPECT(cpu(IAR), GROUP1);
    EXPECT(cpu(AHPPIR), 33);
    EXPECT(cpu(AIAR), 33);
    set_cpu(AEOIR, 33);
    set_cpu(CTLR, 7); // AckCtl
    EXPECT(cpu(IAR), 33);
    set_cpu(EOIR, 33);
    EXPECT(dist(0x304), 0);
    set_dist(0x84, 0);
    set_cpu(CTLR, 1 | 8); // group 0 as FIQ
    EXPECT(irq, 0);
    EXPECT(fiq, 1);
    set_cpu(ABPR, 7);
    EXPECT(cpu(ABPR), 7);
    set_cpu(BPR, 0);
    EXPECT(cpu(BPR), 2);
}

Test(gicv2, sgis)
{
    on();
    set_dist(0xf00, 1 << 16 | 5); // to the CPUs of a list
    EXPECT(irq, 1);
    EXPECT(dist(0xf14), 0x100);
    EXPECT(cpu(IAR), 5);
    set_cpu(EOIR, 5);
    set_dist(0xf00, 1 << 24 | 5); // to all others: nobody
    EXPECT(irq, 0);
    set_dist(0xf00, 2u << 24 | 6); // to itself
    EXPECT(irq, 1);
    bench_write(&b, GICD + 0xf16, 1, 0xff); // and taken back
    EXPECT(irq, 0);
    set_dist(0xf24, 0x01000000);
    EXPECT(irq, 1);
    EXPECT(cpu(IAR), 7);
    set_cpu(EOIR, 7);
    set_dist(0x200, 0xffff); // SGIs are not made pending here,
    EXPECT(irq, 0);
    set_dist(0x180, 0xffff); // nor disabled,
    EXPECT(dist(0x180), 0xffff);
    set_dist(0xc00, 0); // nor levels
    EXPECT(dist(0xc00), 0xaaaaaaaa);
}

Test(gicv2, preemption)
{
    on();
    enable(40, 0x80);
    enable(41, 0x40);
    wire(8, true);
    EXPECT(cpu(IAR), 40);
    wire(9, true);
    EXPECT(irq, 1);
    EXPECT(cpu(IAR), 41);
    EXPECT(cpu(RPR), 0x40);
    wire(9, false);
    set_cpu(EOIR, 41);
    EXPECT(cpu(RPR), 0x80);
    wire(8, false);
    set_cpu(EOIR, 40);
    EXPECT(cpu(RPR), 0xff);
}

Test(gicv2, messages)
{
    on();
    EXPECT(bench_read(&b, V2M + 8, 4), 80u << 16 | 64);
    enable(80, 0xa0);
    set_dist(0xc14, 2); // an edge
    bench_write(&b, V2M + 0x40, 4, 80);
    EXPECT(cpu(IAR), 80);
    set_cpu(EOIR, 80);
    EXPECT(irq, 0);
    static const uint32_t wrong[] = {0, 31, 79, 144, 1023, 0xffffffff};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        bench_write(&b, V2M + 0x40, 4, wrong[i]);
    for (unsigned w = 0; w < 9; w++)
        EXPECT(dist(0x200 + 4 * w), 0);
}

Test(gicv2, save_and_load)
{
    on();
    set_cpu(CTLR, 0x20f);
    enable(33, 0xa0);
    wire(1, true);
    EXPECT(cpu(IAR), 33);
    struct gic *other = make();
    bench_copy_state(gic_dist(g), gic_dist(other));
    bench_refuses_corruption(gic_dist(g));
    // A GICv3 has no such bits.
    struct gic *v3 = gic_create(&(struct gic_config){.cpus = 1});
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(v3), 0, 0, 0), "taken by a GICv3");
    gic_destroy(other);
    gic_destroy(v3);
    device_reset(gic_dist(g));
    EXPECT(cpu(CTLR), 0);
    EXPECT(dist(0x100), 0xffff);
}
