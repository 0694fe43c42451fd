// SPDX-License-Identifier: GPL-3.0-or-later
// Register values marked "QEMU" were read off qemu-system-aarch64 7.2 -M virt,gic-version=3 with
// its qtest protocol. It has an ITS and no 1-of-N, so GICD_TYPER and GICR_CTLR differ in those
// bits.
#include "bench.h"
#include "devices/gic.h"

#define CPUS     20
#define DIST     UINT64_C(0x08000000)
#define REDIST   UINT64_C(0x080a0000)
#define SGI(cpu) (REDIST + (uint64_t)(cpu)*GIC_REDIST_SIZE + 0x10000)
#define RD(cpu)  (REDIST + (uint64_t)(cpu)*GIC_REDIST_SIZE)
#define NONE     1023

static struct bench b;
static struct gic *g;
static struct {
    bool irq, fiq;
    unsigned calls;
} cpu[CPUS];

static void cpu_irq(void *opaque, unsigned n, bool irq, bool fiq)
{
    cr_assert(cpu[n].irq != irq || cpu[n].fiq != fiq, "called without a change");
    cpu[n].irq = irq;
    cpu[n].fiq = fiq;
    cpu[n].calls++;
}

static void setup(void)
{
    struct error err;
    bench_init(&b);
    struct gic_config config = {.cpus = CPUS, .cpu_irq = cpu_irq};
    g = gic_create(&config);
    cr_assert(bus_map(&b.bus, DIST, gic_dist(g), &err));
    cr_assert(bus_map(&b.bus, REDIST, gic_redist(g), &err));
}

static void teardown(void)
{
    gic_destroy(g);
    bench_fini(&b);
}

static uint32_t r32(gpa_t at)
{
    return (uint32_t)bench_read(&b, at, 4);
}

static void w32(gpa_t at, uint32_t value)
{
    bench_write(&b, at, 4, value);
}

static uint64_t icc(unsigned n, enum gic_icc_reg reg)
{
    return gic_icc_read(g, n, reg);
}

static void icc_w(unsigned n, enum gic_icc_reg reg, uint64_t value)
{
    gic_icc_write(g, n, reg, value);
}

// As Linux leaves it: both groups on everywhere, all of group 1 at priority 0xa0, lowest mask.
static void start(void)
{
    w32(DIST, 3);
    for (unsigned i = 1; i < GIC_INTIDS / 32; i++)
        w32(DIST + 0x80 + 4 * i, 0xffffffff);
    for (unsigned i = 32; i < GIC_INTIDS; i += 4)
        w32(DIST + 0x400 + i, 0xa0a0a0a0);
    for (unsigned n = 0; n < CPUS; n++) {
        w32(RD(n) + 0x14, 0);
        w32(SGI(n) + 0x80, 0xffffffff);
        for (unsigned i = 0; i < 32; i += 4)
            w32(SGI(n) + 0x400 + i, 0xa0a0a0a0);
        w32(SGI(n) + 0x100, 0xffff); // SGIs
        icc_w(n, GIC_ICC_PMR, 0xf0);
        icc_w(n, GIC_ICC_IGRPEN0, 1);
        icc_w(n, GIC_ICC_IGRPEN1, 1);
    }
}

static void spi(unsigned intid, bool level)
{
    struct irq_line l = gic_spi_line(g, intid - 32);
    irq_set(&l, level);
}

static void ppi(unsigned n, unsigned intid, bool level)
{
    struct irq_line l = gic_ppi_line(g, n, intid - 16);
    irq_set(&l, level);
}

static void enable(unsigned intid)
{
    w32(DIST + 0x100 + intid / 32 * 4, 1u << intid % 32);
}

static void disable(unsigned intid)
{
    w32(DIST + 0x180 + intid / 32 * 4, 1u << intid % 32);
}

static void priority(unsigned intid, uint8_t value)
{
    bench_write(&b, DIST + 0x400 + intid, 1, value);
}

static void edge(unsigned intid)
{
    gpa_t at = DIST + 0xc00 + intid / 16 * 4;
    w32(at, r32(at) | 2u << intid % 16 * 2);
}

static void group0(unsigned intid)
{
    gpa_t at = DIST + 0x80 + intid / 32 * 4;
    w32(at, r32(at) & ~(1u << intid % 32));
}

static bool pending(unsigned intid)
{
    return r32(DIST + 0x200 + intid / 32 * 4) >> intid % 32 & 1;
}

static bool active(unsigned intid)
{
    return r32(DIST + 0x300 + intid / 32 * 4) >> intid % 32 & 1;
}

TestSuite(gic, .init = setup, .fini = teardown);

Test(gic, distributor_reset_values)
{
    EXPECT(r32(DIST), 0x50);                               // QEMU
    EXPECT(r32(DIST + 4), (0x037a0007 & ~0x02020007) | 8); // QEMU: 0x037a0007
    EXPECT(r32(DIST + 8), 0x43b);                          // QEMU
    EXPECT(r32(DIST + 0xc), 0);
    EXPECT(r32(DIST + 0xffe0), 0x92); // QEMU
    EXPECT(r32(DIST + 0xffe4), 0xb4);
    EXPECT(r32(DIST + 0xffe8), 0x3b); // QEMU
    EXPECT(r32(DIST + 0xffd0), 0x44);
    EXPECT(r32(DIST + 0xfff0), 0x0d);
    EXPECT(r32(DIST + 0xfffc), 0xb1);
    for (unsigned i = 0; i < GIC_INTIDS / 32; i++) {
        EXPECT(r32(DIST + 0x80 + 4 * i), 0);
        EXPECT(r32(DIST + 0x100 + 4 * i), 0);
        EXPECT(r32(DIST + 0x200 + 4 * i), 0);
        EXPECT(r32(DIST + 0x300 + 4 * i), 0);
    }
    EXPECT(bench_read(&b, DIST + 0x6100, 8), 0); // QEMU
}

Test(gic, distributor_widths)
{
    w32(DIST, 0xffffffff);
    EXPECT(r32(DIST), 0x53); // QEMU
    // The private interrupts' words and the interrupts that are not there stay zero (QEMU).
    static const unsigned zero[] = {0x80,  0x100,       0x200, 0x300, 0x400,  0x41c,  0x800,
                                    0x820, 0xc00,       0xc04, 0xd00, 0xd04,  0xe00,  0xf00,
                                    0xa4,  0x400 + 288, 0xc48, 0x124, 0x6000, 0x60f8, 0x6a00};
    for (size_t i = 0; i < ARRAY_SIZE(zero); i++) {
        w32(DIST + zero[i], 0xffffffff);
        cr_assert(r32(DIST + zero[i]) == 0, "0x%x keeps 0x%x", zero[i], r32(DIST + zero[i]));
    }
    for (unsigned i = 1; i < 9; i++) {
        w32(DIST + 0x80 + 4 * i, 0xffffffff);
        EXPECT(r32(DIST + 0x80 + 4 * i), 0xffffffff);
        w32(DIST + 0x100 + 4 * i, 0xffffffff);
        EXPECT(r32(DIST + 0x180 + 4 * i), 0xffffffff);
    }
    for (unsigned i = 32; i < GIC_INTIDS; i += 4) {
        w32(DIST + 0x400 + i, 0xffffffff);
        EXPECT(r32(DIST + 0x400 + i), 0xf8f8f8f8); // 5 bits
    }
    bench_write(&b, DIST + 0x421, 1, 0x18);
    EXPECT(r32(DIST + 0x420), 0xf8f818f8);
    EXPECT(bench_read(&b, DIST + 0x421, 1), 0x18);
    for (unsigned i = 2; i < 18; i++) {
        w32(DIST + 0xc00 + 4 * i, 0xffffffff);
        EXPECT(r32(DIST + 0xc00 + 4 * i), 0xaaaaaaaa);
    }
    for (unsigned i = 32; i < GIC_INTIDS; i++) {
        bench_write(&b, DIST + 0x6000 + 8 * i, 8, UINT64_MAX);
        EXPECT(bench_read(&b, DIST + 0x6000 + 8 * i, 8), UINT64_C(0xff80ffffff));
    }
    w32(DIST + 0x6100, 0x12);
    w32(DIST + 0x6104, 0x34);
    EXPECT(bench_read(&b, DIST + 0x6100, 8), UINT64_C(0x3400000012));
    EXPECT(r32(DIST + 0x6104), 0x34);
    // Other sizes do nothing.
    bench_write(&b, DIST + 0x84, 1, 0);
    EXPECT(r32(DIST + 0x84), 0xffffffff);
    EXPECT(bench_read(&b, DIST + 0x84, 2), 0);
    EXPECT(bench_read(&b, DIST + 0x88, 8), 0);
}

Test(gic, redistributor_values_and_widths)
{
    for (unsigned n = 0; n < CPUS; n++) {
        uint64_t aff = n % 16 | n / 16 << 8;
        EXPECT(gic_affinity(n), aff);
        EXPECT(bench_read(&b, RD(n) + 8, 8),
               aff << 32 | 0x01000000 | n << 8 | (n == CPUS - 1) << 4); // QEMU without PLPIS
        EXPECT(r32(RD(n) + 12), aff);
    }
    EXPECT(r32(RD(1)), 0);
    EXPECT(r32(RD(1) + 4), 0x43b);           // QEMU
    EXPECT(r32(RD(1) + 0x14), 6);            // QEMU
    EXPECT(r32(RD(1) + 0xffe8), 0x3b);       // QEMU
    EXPECT(r32(RD(1) + 0xffe0), 0x93);       // QEMU
    EXPECT(r32(SGI(1) + 0xc00), 0xaaaaaaaa); // QEMU
    EXPECT(r32(SGI(1) + 0xc04), 0);
    EXPECT(r32(SGI(1) + 0x80), 0);
    EXPECT(r32(SGI(1) + 0x100), 0);
    w32(RD(1) + 0x14, 0);
    EXPECT(r32(RD(1) + 0x14), 0);
    w32(RD(1) + 0x14, 0xffffffff);
    EXPECT(r32(RD(1) + 0x14), 6);
    w32(SGI(1) + 0xc00, 0);
    EXPECT(r32(SGI(1) + 0xc00), 0xaaaaaaaa); // QEMU: SGIs are edges
    w32(SGI(1) + 0xc04, 0xffffffff);
    EXPECT(r32(SGI(1) + 0xc04), 0xaaaaaaaa);
    w32(SGI(1) + 0x400, 0xffffffff);
    EXPECT(r32(SGI(1) + 0x400), 0xf8f8f8f8);
    static const unsigned zero[] = {0x84, 0x104, 0x204, 0x304, 0x420, 0xd00, 0xe00, 0xc08};
    for (size_t i = 0; i < ARRAY_SIZE(zero); i++) {
        w32(SGI(1) + zero[i], 0xffffffff);
        EXPECT(r32(SGI(1) + zero[i]), 0);
    }
    EXPECT(bench_read(&b, RD(1) + 0x70, 8), 0); // no LPIs
    bench_write(&b, RD(1) + 0x78, 8, UINT64_MAX);
    EXPECT(bench_read(&b, RD(1) + 0x78, 8), 0);
    EXPECT(r32(SGI(0) + 0x400), 0); // nobody else's
}

Test(gic, cpu_interface_values_and_widths)
{
    static const struct {
        enum gic_icc_reg reg;
        uint64_t reset, ones;
    } regs[] = {
        {GIC_ICC_PMR, 0, 0xf8},         {GIC_ICC_BPR0, 2, 7},
        {GIC_ICC_BPR1, 3, 7},           {GIC_ICC_AP0R0, 0, 0xffffffff},
        {GIC_ICC_AP1R0, 0, 0xffffffff}, {GIC_ICC_SRE, 7, 7},
        {GIC_ICC_IGRPEN0, 0, 1},        {GIC_ICC_IGRPEN1, 0, 1},
        {GIC_ICC_CTLR, 0x8c00, 0x8c03}, {GIC_ICC_HPPIR0, NONE, NONE},
        {GIC_ICC_HPPIR1, NONE, NONE},
    };
    EXPECT(icc(3, GIC_ICC_RPR), 0xff);
    EXPECT(icc(3, GIC_ICC_IAR0), NONE);
    EXPECT(icc(3, GIC_ICC_IAR1), NONE);
    for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
        EXPECT(icc(3, regs[i].reg), regs[i].reset);
        icc_w(3, regs[i].reg, UINT64_MAX);
        EXPECT(icc(3, regs[i].reg), regs[i].ones);
    }
    icc_w(3, GIC_ICC_CTLR, 0);
    icc_w(3, GIC_ICC_BPR0, 0);
    icc_w(3, GIC_ICC_BPR1, 0);
    EXPECT(icc(3, GIC_ICC_BPR0), 2); // the least there is
    EXPECT(icc(3, GIC_ICC_BPR1), 3);
    icc_w(3, GIC_ICC_CTLR, 1); // common binary point
    icc_w(3, GIC_ICC_BPR0, 4);
    EXPECT(icc(3, GIC_ICC_BPR1), 5);
    icc_w(3, GIC_ICC_BPR1, 7);
    icc_w(3, GIC_ICC_BPR0, 7);
    EXPECT(icc(3, GIC_ICC_BPR1), 7);
    icc_w(3, GIC_ICC_CTLR, 0);
    EXPECT(icc(3, GIC_ICC_BPR1), 3);
    gic_cpu_reset(g, 3);
    EXPECT(icc(3, GIC_ICC_PMR), 0);
    EXPECT(icc(3, GIC_ICC_AP1R0), 0);
    EXPECT(icc(3, GIC_ICC_IGRPEN1), 0);
}

Test(gic, level_interrupt_from_end_to_end)
{
    start();
    spi(40, true);
    EXPECT(cpu[0].irq, 0); // not enabled
    EXPECT(pending(40), 1);
    enable(40);
    EXPECT(cpu[0].irq, 1);
    EXPECT(cpu[0].fiq, 0);
    EXPECT(icc(0, GIC_ICC_HPPIR1), 40);
    EXPECT(icc(0, GIC_ICC_HPPIR0), NONE);
    EXPECT(icc(0, GIC_ICC_IAR0), NONE); // group 1
    EXPECT(icc(0, GIC_ICC_IAR1), 40);
    EXPECT(cpu[0].irq, 0);
    EXPECT(active(40), 1);
    EXPECT(pending(40), 1); // the wire is still up
    EXPECT(icc(0, GIC_ICC_RPR), 0xa0);
    EXPECT(icc(0, GIC_ICC_AP1R0), 1u << (0xa0 >> 3));
    EXPECT(icc(0, GIC_ICC_IAR1), NONE);
    icc_w(0, GIC_ICC_EOIR1, 40);
    EXPECT(active(40), 0);
    EXPECT(icc(0, GIC_ICC_RPR), 0xff);
    EXPECT(cpu[0].irq, 1); // still up: again
    EXPECT(icc(0, GIC_ICC_IAR1), 40);
    spi(40, false);
    EXPECT(pending(40), 0);
    icc_w(0, GIC_ICC_EOIR1, 40);
    EXPECT(cpu[0].irq, 0);
    spi(40, true);
    EXPECT(cpu[0].irq, 1);
    spi(40, false); // gone before it was taken
    EXPECT(cpu[0].irq, 0);
    EXPECT(icc(0, GIC_ICC_IAR1), NONE);
}

Test(gic, edge_interrupt_latches)
{
    start();
    edge(50);
    enable(50);
    spi(50, true);
    spi(50, false);
    EXPECT(cpu[0].irq, 1);
    EXPECT(icc(0, GIC_ICC_IAR1), 50);
    EXPECT(pending(50), 0);
    spi(50, true); // again while active: active and pending
    EXPECT(pending(50), 1);
    EXPECT(cpu[0].irq, 0);
    icc_w(0, GIC_ICC_EOIR1, 50);
    EXPECT(cpu[0].irq, 1);
    EXPECT(icc(0, GIC_ICC_IAR1), 50);
    icc_w(0, GIC_ICC_EOIR1, 50);
    EXPECT(cpu[0].irq, 0); // the wire is up but there was one edge
    EXPECT(pending(50), 0);
}

Test(gic, pending_by_register)
{
    start();
    enable(60);
    w32(DIST + 0x204, 1u << 28); // ISPENDR
    EXPECT(pending(60), 1);
    EXPECT(cpu[0].irq, 1);
    w32(DIST + 0x284, 1u << 28); // ICPENDR
    EXPECT(cpu[0].irq, 0);
    spi(60, true);
    w32(DIST + 0x284, 1u << 28); // a level stays as long as the wire
    EXPECT(pending(60), 1);
    spi(60, false);
    EXPECT(pending(60), 0);
    w32(DIST + 0x304, 1u << 28); // ISACTIVER: held back
    spi(60, true);
    EXPECT(cpu[0].irq, 0);
    w32(DIST + 0x384, 1u << 28);
    EXPECT(cpu[0].irq, 1);
}

Test(gic, disabled_while_pending)
{
    start();
    edge(41);
    enable(41);
    spi(41, true);
    EXPECT(cpu[0].irq, 1);
    disable(41);
    EXPECT(cpu[0].irq, 0);
    EXPECT(icc(0, GIC_ICC_IAR1), NONE);
    EXPECT(pending(41), 1);
    enable(41);
    EXPECT(cpu[0].irq, 1);
    w32(DIST, 1); // group 1 off at the distributor
    EXPECT(cpu[0].irq, 0);
    w32(DIST, 3);
    EXPECT(cpu[0].irq, 1);
    icc_w(0, GIC_ICC_IGRPEN1, 0); // and at the CPU
    EXPECT(cpu[0].irq, 0);
    EXPECT(icc(0, GIC_ICC_HPPIR1), NONE);
    icc_w(0, GIC_ICC_IGRPEN1, 1);
    EXPECT(icc(0, GIC_ICC_IAR1), 41);
}

Test(gic, priority_mask)
{
    start();
    enable(42);
    spi(42, true);
    static const struct {
        uint8_t pmr;
        bool irq;
    } masks[] = {
        {0xa0, false}, {0xa8, true}, {0x00, false}, {0xff, true}, {0x98, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
        icc_w(0, GIC_ICC_PMR, masks[i].pmr);
        cr_assert(cpu[0].irq == masks[i].irq, "PMR 0x%x, priority 0xa0: irq %d", masks[i].pmr,
                  cpu[0].irq);
        EXPECT(icc(0, GIC_ICC_HPPIR1), 42); // whatever the mask
    }
    EXPECT(icc(0, GIC_ICC_IAR1), NONE);
}

Test(gic, highest_priority_first_then_lowest_number)
{
    start();
    for (unsigned i = 100; i < 104; i++) {
        enable(i);
        spi(i, true);
    }
    priority(102, 0x80);
    EXPECT(icc(0, GIC_ICC_IAR1), 102);
    EXPECT(icc(0, GIC_ICC_IAR1), NONE); // 0xa0 does not preempt 0x80
    icc_w(0, GIC_ICC_EOIR1, 102);
    spi(102, false);
    EXPECT(icc(0, GIC_ICC_IAR1), 100);
    spi(100, false);
    icc_w(0, GIC_ICC_EOIR1, 100);
    EXPECT(icc(0, GIC_ICC_IAR1), 101);
    spi(101, false);
    icc_w(0, GIC_ICC_EOIR1, 101);
    EXPECT(icc(0, GIC_ICC_IAR1), 103);
}

Test(gic, preemption_nests)
{
    start();
    enable(70);
    enable(71);
    enable(72);
    priority(71, 0x60);
    priority(72, 0x98);
    spi(70, true);
    EXPECT(icc(0, GIC_ICC_IAR1), 70);
    spi(72, true); // group priority of 0x98 is higher than that of 0xa0
    EXPECT(cpu[0].irq, 1);
    spi(71, true);
    EXPECT(icc(0, GIC_ICC_IAR1), 71);
    EXPECT(icc(0, GIC_ICC_RPR), 0x60);
    EXPECT(icc(0, GIC_ICC_AP1R0), 1u << 12 | 1u << 20);
    EXPECT(cpu[0].irq, 0);
    spi(71, false);
    icc_w(0, GIC_ICC_EOIR1, 71);
    EXPECT(icc(0, GIC_ICC_RPR), 0xa0);
    EXPECT(icc(0, GIC_ICC_IAR1), 72);
    EXPECT(icc(0, GIC_ICC_RPR), 0x98);
    icc_w(0, GIC_ICC_EOIR1, 72);
    icc_w(0, GIC_ICC_EOIR1, 70);
    EXPECT(icc(0, GIC_ICC_RPR), 0xff);
}

Test(gic, binary_point)
{
    start();
    enable(70);
    enable(71);
    priority(71, 0x98);
    spi(70, true);
    // Group 1's point of 6: only bits 7:6 decide, 0x98 and 0xa0 are alike.
    icc_w(0, GIC_ICC_BPR1, 6);
    EXPECT(icc(0, GIC_ICC_IAR1), 70);
    EXPECT(icc(0, GIC_ICC_RPR), 0x80);
    spi(71, true);
    EXPECT(cpu[0].irq, 0);
    priority(71, 0x78);
    EXPECT(cpu[0].irq, 1);
    icc_w(0, GIC_ICC_BPR1, 7); // bit 7 only
    EXPECT(cpu[0].irq, 1);
    icc_w(0, GIC_ICC_CTLR, 1); // the common point: 7 means nothing preempts
    icc_w(0, GIC_ICC_BPR0, 7);
    EXPECT(cpu[0].irq, 0);
    icc_w(0, GIC_ICC_BPR0, 6);
    EXPECT(cpu[0].irq, 1);
}

Test(gic, eoi_mode_splits_drop_and_deactivation)
{
    start();
    enable(80);
    icc_w(0, GIC_ICC_DIR, 80); // mode 0: no effect
    spi(80, true);
    icc_w(0, GIC_ICC_CTLR, 2);
    EXPECT(icc(0, GIC_ICC_IAR1), 80);
    icc_w(0, GIC_ICC_EOIR1, 80);
    EXPECT(icc(0, GIC_ICC_RPR), 0xff);
    EXPECT(active(80), 1);
    EXPECT(cpu[0].irq, 0); // active: not given again
    icc_w(0, GIC_ICC_DIR, 80);
    EXPECT(active(80), 0);
    EXPECT(cpu[0].irq, 1);
    EXPECT(icc(0, GIC_ICC_IAR1), 80);
    icc_w(0, GIC_ICC_CTLR, 0);
    icc_w(0, GIC_ICC_DIR, 80);
    EXPECT(active(80), 1);
}

Test(gic, eoi_of_nonsense_does_nothing)
{
    start();
    static const uint64_t bad[] = {1020, 1023, 1022, GIC_INTIDS, 0xffffff, 8192, UINT64_MAX};
    enable(80);
    spi(80, true);
    icc(0, GIC_ICC_IAR1);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        icc_w(0, GIC_ICC_EOIR1, bad[i]);
        icc_w(0, GIC_ICC_EOIR0, bad[i]);
        icc_w(0, GIC_ICC_DIR, bad[i]);
        EXPECT(icc(0, GIC_ICC_RPR), 0xa0);
    }
    icc_w(0, GIC_ICC_EOIR0, 80); // the other group's register
    EXPECT(icc(0, GIC_ICC_RPR), 0xa0);
    EXPECT(active(80), 1);
    icc_w(0, GIC_ICC_EOIR1, 80);
    icc_w(0, GIC_ICC_EOIR1, 80); // nothing is running any more
    EXPECT(icc(0, GIC_ICC_RPR), 0xff);
}

Test(gic, group_0_is_fiq)
{
    start();
    group0(90);
    enable(90);
    priority(90, 0x40);
    enable(91);
    spi(90, true);
    EXPECT(cpu[0].fiq, 1);
    EXPECT(cpu[0].irq, 0);
    EXPECT(icc(0, GIC_ICC_HPPIR0), 90);
    EXPECT(icc(0, GIC_ICC_IAR1), NONE);
    spi(91, true);
    EXPECT(cpu[0].irq, 0); // one at a time
    EXPECT(icc(0, GIC_ICC_IAR0), 90);
    EXPECT(icc(0, GIC_ICC_AP0R0), 1u << 8);
    EXPECT(icc(0, GIC_ICC_AP1R0), 0);
    icc_w(0, GIC_ICC_EOIR1, 90); // wrong register
    EXPECT(icc(0, GIC_ICC_RPR), 0x40);
    spi(90, false);
    icc_w(0, GIC_ICC_EOIR0, 90);
    EXPECT(icc(0, GIC_ICC_RPR), 0xff);
    EXPECT(cpu[0].irq, 1);
    EXPECT(cpu[0].fiq, 0);
    spi(90, true);
    w32(DIST, 2); // group 0 off
    EXPECT(cpu[0].fiq, 0);
    EXPECT(cpu[0].irq, 1);
}

Test(gic, disabled_group_does_not_hide_the_other)
{
    start();
    group0(90);
    enable(90);
    enable(91);
    priority(90, 0);
    spi(90, true);
    spi(91, true);
    EXPECT(cpu[0].fiq, 1);
    icc_w(0, GIC_ICC_IGRPEN0, 0);
    EXPECT(cpu[0].fiq, 0);
    EXPECT(cpu[0].irq, 1);
    EXPECT(icc(0, GIC_ICC_IAR1), 91);
}

Test(gic, ppis_are_each_cpus_own)
{
    start();
    w32(SGI(3) + 0x100, 1u << 27);
    ppi(2, 27, true);
    EXPECT(cpu[2].irq, 0);
    EXPECT(cpu[3].irq, 0);
    EXPECT(r32(SGI(2) + 0x200), 1u << 27);
    EXPECT(r32(SGI(3) + 0x200), 0);
    ppi(3, 27, true);
    EXPECT(cpu[3].irq, 1);
    EXPECT(icc(3, GIC_ICC_IAR1), 27);
    EXPECT(r32(SGI(3) + 0x300), 1u << 27);
    ppi(3, 27, false);
    icc_w(3, GIC_ICC_EOIR1, 27);
    EXPECT(cpu[3].irq, 0);
    // A PPI of the timers: level, as Linux sets it.
    w32(SGI(3) + 0xc04, 0);
    ppi(3, 27, true);
    EXPECT(cpu[3].irq, 1);
}

Test(gic, sgi_to_a_list)
{
    start();
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(5) << 24 | 0x8006); // CPUs 1, 2, 15
    for (unsigned n = 0; n < CPUS; n++)
        cr_assert(cpu[n].irq == (n == 1 || n == 2 || n == 15), "cpu %u: %d", n, cpu[n].irq);
    EXPECT(icc(1, GIC_ICC_IAR1), 5);
    EXPECT(cpu[1].irq, 0);
    icc_w(1, GIC_ICC_EOIR1, 5);
    EXPECT(cpu[1].irq, 0);
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(9) << 24 | 1 << 16 | 0x2); // Aff1 1, Aff0 1: CPU 17
    EXPECT(icc(17, GIC_ICC_IAR1), 9);
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(9) << 24 | 1 << 16 | 0xfff0);      // nobody there
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(9) << 24 | UINT64_C(1) << 32 | 1); // Aff2
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(9) << 24 | UINT64_C(1) << 48 | 1); // Aff3
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(9) << 24 | 255 << 16 | 0xffff);
    EXPECT(cpu[0].irq, 0);
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(9) << 24 | 1); // itself
    EXPECT(icc(0, GIC_ICC_IAR1), 9);
}

Test(gic, sgi_to_all_but_self)
{
    start();
    icc_w(4, GIC_ICC_SGI1R, BIT(40) | UINT64_C(1) << 24);
    for (unsigned n = 0; n < CPUS; n++)
        cr_assert(cpu[n].irq == (n != 4), "cpu %u: %d", n, cpu[n].irq);
}

Test(gic, sgi_group_must_match)
{
    start();
    icc_w(0, GIC_ICC_SGI0R, UINT64_C(3) << 24 | 2); // SGI 3 of CPU 1 is group 1
    EXPECT(cpu[1].irq, 0);
    w32(SGI(1) + 0x80, 0xfffffff7);
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(3) << 24 | 2);
    EXPECT(cpu[1].fiq, 0);
    icc_w(0, GIC_ICC_SGI0R, UINT64_C(3) << 24 | 2);
    EXPECT(cpu[1].fiq, 1);
    EXPECT(icc(1, GIC_ICC_IAR0), 3);
    icc_w(1, GIC_ICC_EOIR0, 3);
    icc_w(0, GIC_ICC_ASGI1R, UINT64_C(3) << 24 | 2);
    EXPECT(cpu[1].fiq, 1);
}

Test(gic, routing)
{
    start();
    enable(200);
    spi(200, true);
    EXPECT(cpu[0].irq, 1);
    bench_write(&b, DIST + 0x6000 + 8 * 200, 8, 0x102); // Aff1 1, Aff0 2: CPU 18
    EXPECT(cpu[0].irq, 0);
    EXPECT(cpu[18].irq, 1);
    static const uint64_t nobody[] = {0x10, 0x104, 0xffff, 0x10000, UINT64_C(1) << 32};
    for (size_t i = 0; i < ARRAY_SIZE(nobody); i++) {
        bench_write(&b, DIST + 0x6000 + 8 * 200, 8, nobody[i]);
        for (unsigned n = 0; n < CPUS; n++)
            cr_assert(!cpu[n].irq, "route 0x%llx reaches cpu %u", (unsigned long long)nobody[i], n);
    }
    bench_write(&b, DIST + 0x6000 + 8 * 200, 8, 1);
    EXPECT(icc(1, GIC_ICC_IAR1), 200);
    bench_write(&b, DIST + 0x6000 + 8 * 200, 8, 2); // active: ended where it was taken
    spi(200, false);
    icc_w(1, GIC_ICC_EOIR1, 200);
    EXPECT(active(200), 0);
    spi(200, true);
    EXPECT(cpu[2].irq, 1);
}

Test(gic, one_of_n)
{
    start();
    enable(201);
    bench_write(&b, DIST + 0x6000 + 8 * 201, 8, BIT(31));
    icc_w(0, GIC_ICC_IGRPEN1, 0);
    w32(RD(1) + 0x14, 2); // asleep
    spi(201, true);
    unsigned takers = 0;
    for (unsigned n = 0; n < CPUS; n++)
        takers += cpu[n].irq;
    EXPECT(takers, 1);
    EXPECT(cpu[2].irq, 1);
    w32(RD(1) + 0x14, 0); // awake: it may move
    EXPECT(cpu[1].irq, 1);
    EXPECT(cpu[2].irq, 0);
    EXPECT(icc(2, GIC_ICC_IAR1), NONE);
    EXPECT(icc(1, GIC_ICC_IAR1), 201);
    icc_w(1, GIC_ICC_EOIR1, 201);
    EXPECT(cpu[1].irq, 1);
}

Test(gic, every_spi_arrives)
{
    start();
    for (unsigned i = 32; i < GIC_INTIDS; i++) {
        enable(i);
        spi(i, true);
        EXPECT(icc(0, GIC_ICC_IAR1), i);
        spi(i, false);
        icc_w(0, GIC_ICC_EOIR1, i);
        cr_assert(!cpu[0].irq, "INTID %u does not end", i);
    }
}

Test(gic, reset_keeps_the_wires_only)
{
    start();
    enable(40);
    spi(40, true);
    EXPECT(cpu[0].irq, 1);
    device_reset(gic_dist(g));
    EXPECT(cpu[0].irq, 0);
    EXPECT(r32(DIST + 0x104), 0);
    EXPECT(r32(RD(0) + 0x14), 6);
    EXPECT(pending(40), 1);
}

Test(gic, save_and_load)
{
    start();
    enable(40);
    enable(41);
    priority(41, 0x20);
    spi(40, true);
    EXPECT(icc(0, GIC_ICC_IAR1), 40);
    spi(41, true);
    icc_w(0, GIC_ICC_SGI1R, UINT64_C(5) << 24 | 8);
    struct gic_config config = {.cpus = CPUS};
    struct gic *h = gic_create(&config);
    bench_copy_state(gic_dist(g), gic_dist(h));
    EXPECT(gic_icc_read(h, 0, GIC_ICC_RPR), 0xa0);
    EXPECT(gic_icc_read(h, 0, GIC_ICC_IAR1), 41);
    EXPECT(gic_icc_read(h, 3, GIC_ICC_IAR1), 5);
    // Section 0 is the distributor: ctlr, routers (from 8), banks, priorities at its end.
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(h), 0, 0, 0x80), "enables");
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(h), 0, 8 + 8 * 40 + 3, 1), "router");
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(h), 0, 8 + 8 * GIC_INTIDS, 1), "bank 0");
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(h), 1, 28, 1), "priority");
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(h), 1, 16, 1), "SGI that is a level");
    config.cpus = 2;
    struct gic *two = gic_create(&config);
    struct state_writer w;
    struct state_reader r;
    struct error err;
    state_writer_init(&w);
    device_save(gic_dist(two), &w);
    state_reader_init(&r, w.data, w.len);
    cr_assert(!device_load(gic_dist(h), &r, &err), "fewer CPUs");
    state_writer_fini(&w);
    bench_refuses_corruption(gic_dist(two));
    gic_destroy(two);
    gic_destroy(h);
}
