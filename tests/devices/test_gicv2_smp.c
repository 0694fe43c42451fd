// SPDX-License-Identifier: GPL-3.0-or-later
// GICv2 with several CPUs: what is banked, lists of targets, SGIs and who sent them.
#include "bench.h"
#include "devices/gic.h"

#define GICD UINT64_C(0x08000000)
#define GICC UINT64_C(0x08010000)
#define CPUS 3
#define NONE 1023

enum {
    CTLR = 0,
    PMR = 4,
    IAR = 0xc,
    EOIR = 0x10,
    RPR = 0x14,
    HPPIR = 0x18,
    AIAR = 0x20,
    AHPPIR = 0x28
};
enum { IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200, ISACTIVER = 0x300 };
enum {
    IPRIORITYR = 0x400,
    ITARGETSR = 0x800,
    ICFGR = 0xc00,
    SGIR = 0xf00,
    CPENDSGIR = 0xf10,
    SPENDSGIR = 0xf20
};

static struct bench b;
static struct gic *g;
static unsigned now; // whose accesses they are
static bool irq[CPUS], fiq[CPUS];

static void cpu_irq(void *opaque, unsigned n, bool i, bool f)
{
    irq[n] = i;
    fiq[n] = f;
}

static unsigned accessor(void *opaque)
{
    return now;
}

static struct gic *make(unsigned cpus)
{
    return gic_create(
        &(struct gic_config){.version = 2, .cpus = cpus, .cpu_irq = cpu_irq, .accessor = accessor});
}

static uint32_t dist(unsigned cpu, unsigned offset)
{
    now = cpu;
    return (uint32_t)bench_read(&b, GICD + offset, 4);
}

static void set_dist(unsigned cpu, unsigned offset, uint32_t value)
{
    now = cpu;
    bench_write(&b, GICD + offset, 4, value);
}

static void set_dist_byte(unsigned cpu, unsigned offset, uint8_t value)
{
    now = cpu;
    bench_write(&b, GICD + offset, 1, value);
}

static uint32_t cpu_reg(unsigned cpu, unsigned offset)
{
    now = cpu;
    return (uint32_t)bench_read(&b, GICC + offset, 4);
}

static void set_cpu(unsigned cpu, unsigned offset, uint32_t value)
{
    now = cpu;
    bench_write(&b, GICC + offset, 4, value);
}

static unsigned irqs(void)
{
    unsigned set = 0;
    for (unsigned n = 0; n < CPUS; n++)
        set |= (unsigned)irq[n] << n;
    return set;
}

// As Linux does it: all of group 0, priority 0xa0, mask 0xf0.
static void setup(void)
{
    struct error err;
    bench_init(&b);
    g = make(CPUS);
    cr_assert(bus_map(&b.bus, GICD, gic_dist(g), &err));
    cr_assert(bus_map(&b.bus, GICC, gic_cpu_interface(g), &err));
    set_dist(0, CTLR, 3);
    for (unsigned n = 0; n < CPUS; n++) {
        set_cpu(n, PMR, 0xf0);
        set_cpu(n, CTLR, 1);
        irq[n] = fiq[n] = false;
    }
}

static void teardown(void)
{
    gic_destroy(g);
    bench_fini(&b);
}

TestSuite(gicv2_smp, .init = setup, .fini = teardown);

static void wire(unsigned n, bool level)
{
    struct irq_line line = gic_spi_line(g, n);
    irq_set(&line, level);
}

Test(gicv2_smp, each_sees_its_own)
{
    EXPECT(dist(0, 4), 2 << 5 | 8);
    for (unsigned n = 0; n < CPUS; n++) {
        // Its number, as Linux asks for it, in words and in bytes, and not to be written.
        set_dist(n, ITARGETSR + 4, 0xffffffff);
        for (unsigned w = 0; w < 8; w++)
            EXPECT(dist(n, ITARGETSR + 4 * w), 0x01010101u << n);
        now = n;
        EXPECT(bench_read(&b, GICD + ITARGETSR + 31, 1), 1u << n);
        set_dist_byte(n, IPRIORITYR + 27, (uint8_t)(0x10 << n));
        set_dist(n, ISENABLER, 1u << (16 + n));
        set_dist(n, IGROUPR, 1u << n);
        set_dist(n, ICFGR + 4, 2u << 2 * n);
        set_cpu(n, PMR, 0x80 + 0x10 * n);
    }
    for (unsigned n = 0; n < CPUS; n++) {
        now = n;
        EXPECT(bench_read(&b, GICD + IPRIORITYR + 27, 1), 0x10 << n);
        EXPECT(dist(n, ISENABLER), 0xffffu | 1u << (16 + n));
        EXPECT(dist(n, IGROUPR), 1u << n);
        EXPECT(dist(n, ICFGR + 4), 2u << 2 * n);
        EXPECT(cpu_reg(n, PMR), 0x80 + 0x10 * n);
    }
}

Test(gicv2_smp, a_wire_of_one_cpu)
{
    struct irq_line line = gic_ppi_line(g, 1, 11);
    set_dist(1, ISENABLER, 1u << 27);
    irq_set(&line, true);
    EXPECT(irqs(), 2);
    EXPECT(dist(0, ISPENDR), 0);
    EXPECT(dist(1, ISPENDR), 1u << 27);
    EXPECT(cpu_reg(0, IAR), NONE);
    EXPECT(cpu_reg(1, IAR), 27);
    EXPECT(cpu_reg(0, RPR), 0xff);
    EXPECT(cpu_reg(1, RPR), 0);
    EXPECT(dist(0, ISACTIVER), 0);
    set_cpu(0, EOIR, 27); // not its own
    EXPECT(cpu_reg(1, RPR), 0);
    irq_set(&line, false);
    set_cpu(1, EOIR, 27);
    EXPECT(cpu_reg(1, RPR), 0xff);
}

Test(gicv2_smp, targets)
{
    set_dist(0, ISENABLER + 4, 6);
    EXPECT(dist(0, ITARGETSR + 32), 0);
    wire(1, true);
    EXPECT(irqs(), 0); // nobody's
    set_dist(0, ITARGETSR + 32, 0xff00);
    EXPECT(dist(2, ITARGETSR + 32), 0x0700); // those that there are
    EXPECT(irqs(), 7);
    set_dist_byte(1, ITARGETSR + 33, 2);
    EXPECT(irqs(), 2);
    set_dist_byte(1, ITARGETSR + 33, 6);
    EXPECT(irqs(), 6);
    EXPECT(cpu_reg(0, IAR), NONE);
    EXPECT(cpu_reg(2, IAR), 33); // who is first has it
    EXPECT(irqs(), 0);
    EXPECT(cpu_reg(1, IAR), NONE);
    set_dist_byte(0, ITARGETSR + 33, 1); // it has gone elsewhere meanwhile
    set_cpu(2, EOIR, 33);
    EXPECT(irqs(), 1);
    wire(1, false);
    EXPECT(irqs(), 0);
    set_dist(0, ITARGETSR + 32 + 256, ~0u); // behind the last interrupt
    EXPECT(dist(0, ITARGETSR + 32 + 256), 0);
}

Test(gicv2_smp, sgis_go_to_a_list_or_all_others_or_oneself)
{
    static const struct {
        uint32_t value;
        unsigned self, to;
    } rows[] = {
        {1u << 16 | 3, 1, 1},
        {5u << 16 | 3, 0, 5},
        {0xffu << 16 | 3, 2, 7},
        {1u << 24 | 0xff0003, 1, 5},
        {2u << 24 | 0xff0003, 1, 2},
        {3u << 24 | 0xff0003, 1, 0},
        {3, 0, 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        set_dist(rows[i].self, SGIR, rows[i].value);
        cr_assert(irqs() == rows[i].to, "row %u: CPUs 0x%x, not 0x%x", i, irqs(), rows[i].to);
        for (unsigned n = 0; n < CPUS; n++) {
            uint32_t want = rows[i].to >> n & 1 ? rows[i].self << 10 | 3 : NONE;
            EXPECT(cpu_reg(n, HPPIR), want);
            EXPECT(cpu_reg(n, IAR), want);
            if (want != NONE)
                set_cpu(n, EOIR, want);
        }
        EXPECT(irqs(), 0);
    }
}

// The same number from two CPUs comes twice, also while the first is being dealt with.
Test(gicv2_smp, an_sgi_for_each_sender)
{
    set_dist(1, SGIR, 1u << 16 | 5);
    set_dist(2, SGIR, 1u << 16 | 5);
    set_dist(2, SGIR, 1u << 16 | 5); // once: it is pending
    EXPECT(dist(0, SPENDSGIR + 4), 6u << 8);
    EXPECT(dist(1, SPENDSGIR + 4), 0);
    EXPECT(cpu_reg(0, IAR), 1u << 10 | 5);
    EXPECT(dist(0, SPENDSGIR + 4), 4u << 8);
    EXPECT(dist(0, ISPENDR), 1u << 5);
    EXPECT(irqs(), 0); // the running one is in its way
    EXPECT(cpu_reg(0, IAR), NONE);
    set_cpu(0, EOIR, 1u << 10 | 5);
    EXPECT(irqs(), 1);
    EXPECT(cpu_reg(0, IAR), 2u << 10 | 5);
    set_dist(1, SGIR, 1u << 16 | 5); // again, meanwhile
    set_cpu(0, EOIR, 2u << 10 | 5);
    EXPECT(cpu_reg(0, IAR), 1u << 10 | 5);
    set_cpu(0, EOIR, 1u << 10 | 5);
    EXPECT(irqs(), 0);
    set_dist(0, IGROUPR, 1u << 6); // in group 1, by the aliases
    set_cpu(0, CTLR, 3);
    set_dist(2, SGIR, 1u << 16 | 6);
    EXPECT(cpu_reg(0, AHPPIR), 2u << 10 | 6);
    EXPECT(cpu_reg(0, AIAR), 2u << 10 | 6);
    EXPECT(dist(0, ISPENDR), 0);
}

Test(gicv2_smp, senders_are_set_and_taken_back)
{
    set_dist_byte(1, SPENDSGIR + 9, 0xff); // those that there are
    now = 1;
    EXPECT(bench_read(&b, GICD + SPENDSGIR + 9, 1), 7);
    EXPECT(irqs(), 2);
    set_dist_byte(1, CPENDSGIR + 9, 3);
    EXPECT(dist(1, CPENDSGIR + 8), 4u << 8);
    set_dist(1, 0x280, ~0u); // not by ICPENDR,
    EXPECT(irqs(), 2);
    set_dist(1, ICENABLER, ~0u); // nor are SGIs disabled
    EXPECT(irqs(), 2);
    set_dist(1, CPENDSGIR + 8, ~0u);
    EXPECT(irqs(), 0);
    EXPECT(dist(1, ISPENDR), 0);
}

Test(gicv2_smp, save_and_load)
{
    set_dist(1, SGIR, 1u << 16 | 5);
    set_dist(2, SGIR, 3u << 16 | 5);
    set_dist(0, ITARGETSR + 32, 0x07040201);
    EXPECT(cpu_reg(0, IAR), 1u << 10 | 5);
    struct gic *other = make(CPUS), *two = make(2);
    bench_copy_state(gic_dist(g), gic_dist(other));
    bench_refuses_corruption(gic_dist(g));
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(two), 0, 0, 0), "three CPUs' taken by two");
    // Of the first CPU's section: a sender that is not there; one that is there, and nothing is
    // pending.
    size_t from = 6 * 4 + 4 + 32 + 2 * 4 + 6 * 4;
    cr_assert(bench_load_damaged(gic_dist(g), gic_dist(other), 1, from + 5, 0));
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(other), 1, from + 5, 8),
              "a fourth CPU's SGI");
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(other), 1, from + 5, 4),
              "pending from nobody");
    cr_assert(!bench_load_damaged(gic_dist(g), gic_dist(other), 1, from + 6, 1),
              "from somebody, not pending");
    gic_destroy(other);
    gic_destroy(two);
    device_reset(gic_dist(g));
    EXPECT(dist(0, SPENDSGIR + 4), 0);
    EXPECT(dist(0, ITARGETSR + 32), 0);
}
