// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/gtimer.h"

#define CPUS 2

static struct bench b;
static struct gtimer *g;

static int wire_of(unsigned cpu, unsigned id)
{
    return (int)(cpu * GTIMER_TIMERS + id);
}

static void setup(void)
{
    struct irq_line lines[CPUS * GTIMER_TIMERS];
    bench_init(&b);
    for (int i = 0; i < CPUS * GTIMER_TIMERS; i++)
        lines[i] = bench_wire(&b, i);
    g = gtimer_create(&b.clock, CPUS, lines);
}

static void teardown(void)
{
    gtimer_destroy(g);
    bench_fini(&b);
}

TestSuite(gtimer, .init = setup, .fini = teardown);

#define CTL(cpu, id)  gtimer_read(g, cpu, id, GTIMER_CTL)
#define TVAL(cpu, id) gtimer_read(g, cpu, id, GTIMER_TVAL)
#define CVAL(cpu, id) gtimer_read(g, cpu, id, GTIMER_CVAL)

Test(gtimer, counts_at_62_5_mhz_exactly)
{
    EXPECT(gtimer_count(g), 0);
    clock_step(&b.clock, 15);
    EXPECT(gtimer_count(g), 0);
    clock_step(&b.clock, 1);
    EXPECT(gtimer_count(g), 1);
    clock_set(&b.clock, INT64_C(86400) * 365 * 100 * 1000000000);
    EXPECT(gtimer_count(g), UINT64_C(86400) * 365 * 100 * GTIMER_FREQUENCY);
}

Test(gtimer, fires_at_the_exact_tick)
{
    for (unsigned id = 0; id < GTIMER_TIMERS; id++) {
        struct wire *w = &b.wire[wire_of(1, id)];
        gtimer_write(g, 1, id, GTIMER_TVAL, 1000);
        EXPECT(CVAL(1, id), gtimer_count(g) + 1000);
        EXPECT(CTL(1, id), 0);
        gtimer_write(g, 1, id, GTIMER_CTL, 1);
        clock_step(&b.clock, 1000 * 16 - 1);
        EXPECT(w->level, 0);
        EXPECT(CTL(1, id), 1);
        clock_step(&b.clock, 1);
        EXPECT(w->level, 1);
        EXPECT(CTL(1, id), 5);
        EXPECT(TVAL(1, id), 0);
        clock_step(&b.clock, 16 * 3);
        EXPECT(TVAL(1, id), (uint32_t)-3);
        EXPECT(b.wire[wire_of(0, id)].rises, 0);
        gtimer_write(g, 1, id, GTIMER_CTL, 0);
        EXPECT(w->level, 0);
        EXPECT(CTL(1, id), 0);
    }
}

Test(gtimer, mask_hides_the_line_not_the_status)
{
    struct wire *w = &b.wire[wire_of(0, GTIMER_VIRT)];
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CVAL, 10);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CTL, 3);
    clock_step(&b.clock, 16 * 20);
    EXPECT(w->rises, 0);
    EXPECT(CTL(0, GTIMER_VIRT), 7);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CTL, 1);
    EXPECT(w->level, 1);
    // Reprogramming to the future lowers the line at once, as Linux expects.
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CVAL, 100);
    EXPECT(w->level, 0);
    EXPECT(CTL(0, GTIMER_VIRT), 1);
    clock_step(&b.clock, 16 * 80);
    EXPECT(w->level, 1);
}

Test(gtimer, tval_is_signed_32_bits)
{
    clock_step(&b.clock, 16 * 1000);
    gtimer_write(g, 0, GTIMER_PHYS, GTIMER_TVAL, 0xffffffff);
    EXPECT(CVAL(0, GTIMER_PHYS), 999);
    gtimer_write(g, 0, GTIMER_PHYS, GTIMER_TVAL, 0x7fffffff);
    EXPECT(CVAL(0, GTIMER_PHYS), 1000 + UINT64_C(0x7fffffff));
    EXPECT(TVAL(0, GTIMER_PHYS), 0x7fffffff);
    gtimer_write(g, 0, GTIMER_PHYS, GTIMER_TVAL, UINT64_C(0xabcd00000010));
    EXPECT(CVAL(0, GTIMER_PHYS), 1016);
}

Test(gtimer, offset_moves_the_virtual_count_only)
{
    clock_step(&b.clock, 16 * 1000);
    gtimer_set_offset(g, 0, 400);
    EXPECT(gtimer_offset(g, 0), 400);
    EXPECT(gtimer_vcount(g, 0), 600);
    EXPECT(gtimer_vcount(g, 1), 1000);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CVAL, 700);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CTL, 1);
    gtimer_write(g, 0, GTIMER_PHYS, GTIMER_CVAL, 1200);
    gtimer_write(g, 0, GTIMER_PHYS, GTIMER_CTL, 1);
    clock_step(&b.clock, 16 * 100);
    EXPECT(b.wire[wire_of(0, GTIMER_VIRT)].level, 1);
    EXPECT(b.wire[wire_of(0, GTIMER_PHYS)].level, 0);
    gtimer_set_offset(g, 0, 1050); // the virtual count goes back: no longer met
    EXPECT(b.wire[wire_of(0, GTIMER_VIRT)].level, 0);
    clock_step(&b.clock, 16 * 100);
    EXPECT(b.wire[wire_of(0, GTIMER_PHYS)].level, 1);
}

Test(gtimer, wraps_like_64_bit_unsigned)
{
    struct wire *w = &b.wire[wire_of(0, GTIMER_VIRT)];
    gtimer_set_offset(g, 0, 100); // virtual count begins at -100
    EXPECT(gtimer_vcount(g, 0), (uint64_t)-100);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CVAL, 50);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CTL, 1);
    EXPECT(w->level, 1);
    clock_step(&b.clock, 16 * 100); // count is 0 now: below 50 again
    EXPECT(w->level, 0);
    clock_step(&b.clock, 16 * 50);
    EXPECT(w->level, 1);
}

Test(gtimer, never_overflows_the_clock)
{
    static const uint64_t far[] = {UINT64_MAX,     UINT64_MAX / 16, UINT64_MAX / 16 + 1,
                                   INT64_MAX / 16, INT64_MAX,       UINT64_C(1) << 63};
    for (size_t i = 0; i < ARRAY_SIZE(far); i++) {
        gtimer_write(g, 0, GTIMER_PHYS, GTIMER_CVAL, far[i]);
        gtimer_write(g, 0, GTIMER_PHYS, GTIMER_CTL, 1);
        clock_step(&b.clock, 1000000000);
        EXPECT(b.wire[wire_of(0, GTIMER_PHYS)].rises, 0);
    }
    gtimer_set_offset(g, 0, UINT64_MAX);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CVAL, UINT64_MAX);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CTL, 1);
    clock_step(&b.clock, 1000000000);
    EXPECT(b.wire[wire_of(0, GTIMER_VIRT)].rises, 0);
}

Test(gtimer, reset_of_one_cpu_leaves_the_other)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        gtimer_write(g, cpu, GTIMER_VIRT, GTIMER_CTL, 1);
    EXPECT(b.wire[wire_of(1, GTIMER_VIRT)].level, 1);
    gtimer_cpu_reset(g, 1);
    EXPECT(b.wire[wire_of(1, GTIMER_VIRT)].level, 0);
    EXPECT(b.wire[wire_of(0, GTIMER_VIRT)].level, 1);
    gtimer_reset(g);
    EXPECT(b.wire[wire_of(0, GTIMER_VIRT)].level, 0);
}

static bool load(struct gtimer *to, const struct state_writer *w)
{
    struct state_reader r;
    struct error err;
    state_reader_init(&r, w->data, w->len);
    return gtimer_load(to, &r, &err);
}

Test(gtimer, save_and_load)
{
    gtimer_set_offset(g, 0, 7);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CVAL, 100);
    gtimer_write(g, 0, GTIMER_VIRT, GTIMER_CTL, 1);
    gtimer_write(g, 1, GTIMER_PHYS, GTIMER_CTL, 3);
    struct state_writer w;
    state_writer_init(&w);
    gtimer_save(g, &w);
    gtimer_reset(g);
    cr_assert(load(g, &w));
    EXPECT(gtimer_offset(g, 0), 7);
    EXPECT(CVAL(0, GTIMER_VIRT), 100);
    EXPECT(CTL(1, GTIMER_PHYS), 7);
    clock_step(&b.clock, 16 * 107);
    EXPECT(b.wire[wire_of(0, GTIMER_VIRT)].level, 1);
    w.len -= 1;
    cr_assert(!load(g, &w), "cut short");
    w.len += 1;
    w.data[w.len - 9] ^= 1;
    cr_assert(!load(g, &w), "flipped");
    EXPECT(gtimer_offset(g, 0), 7);
    state_writer_fini(&w);
}
