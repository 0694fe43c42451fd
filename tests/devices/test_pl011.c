// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/char/buffer.h"
#include "devices/pl011.h"

#include <string.h>

enum {
    DR = 0,
    RSR = 4,
    FR = 0x18,
    ILPR = 0x20,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48
};
enum { RX = 0x10, TX = 0x20, RT = 0x40, BE = 0x200, OE = 0x400 };
enum { RXFE = 0x10, TXFF = 0x20, RXFF = 0x40, TXFE = 0x80 };

static struct bench b;
static struct chardev *c;
static struct device *u;

static void setup(void)
{
    struct error err;
    bench_init(&b);
    c = buffer_create();
    u = pl011_create("pl011", &b.clock, bench_wire(&b, 0), c, NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, u, &err));
}

static void teardown(void)
{
    device_destroy(u);
    chardev_destroy(c);
    bench_fini(&b);
}

// As Linux does: 115200 baud at 24 MHz, 8 bits with FIFOs, everything enabled.
static void start(uint32_t imsc)
{
    wr(&b, IBRD, 13);
    wr(&b, FBRD, 1);
    wr(&b, LCR_H, 0x70);
    wr(&b, CR, 0x301);
    wr(&b, IMSC, imsc);
}

TestSuite(pl011, .init = setup, .fini = teardown);

Test(pl011, reset_values)
{
    static const struct {
        unsigned offset;
        uint32_t value;
    } regs[] = {
        {RSR, 0},      {FR, TXFE | RXFE}, {ILPR, 0},     {IBRD, 0},     {FBRD, 0},     {LCR_H, 0},
        {CR, 0x300},   {IFLS, 0x12},      {IMSC, 0},     {RIS, 0},      {MIS, 0},      {ICR, 0},
        {DMACR, 0},    {DR, 0},           {0xfe0, 0x11}, {0xfe4, 0x10}, {0xfe8, 0x34}, {0xfec, 0},
        {0xff0, 0x0d}, {0xff4, 0xf0},     {0xff8, 0x05}, {0xffc, 0xb1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
        cr_assert(rd(&b, regs[i].offset) == regs[i].value, "offset 0x%x is 0x%x, not 0x%x",
                  regs[i].offset, rd(&b, regs[i].offset), regs[i].value);
}

Test(pl011, register_widths)
{
    static const struct {
        unsigned offset;
        uint32_t mask;
    } regs[] = {
        {ILPR, 0xff}, {IBRD, 0xffff}, {FBRD, 0x3f}, {LCR_H, 0xff},
        {IFLS, 0x3f}, {IMSC, 0x7ff},  {DMACR, 7},   {CR, 0xff87},
    };
    for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
        wr(&b, regs[i].offset, 0xffffffff);
        cr_assert(rd(&b, regs[i].offset) == regs[i].mask, "offset 0x%x keeps 0x%x, not 0x%x",
                  regs[i].offset, rd(&b, regs[i].offset), regs[i].mask);
        wr(&b, regs[i].offset, 0);
        EXPECT(rd(&b, regs[i].offset), 0);
    }
    wr(&b, FR, 0xffffffff); // read-only
    wr(&b, RIS, 0xffffffff);
    EXPECT(rd(&b, FR) & (TXFE | TXFF | RXFF), TXFE);
}

Test(pl011, transmits_and_interrupts)
{
    start(0);
    for (const char *s = "hello"; *s; s++)
        bench_write(&b, DEV_BASE + DR, 1, (uint8_t)*s);
    cr_assert_str_eq(buffer_output(c, NULL), "hello");
    EXPECT(rd(&b, RIS) & TX, TX);
    EXPECT(b.wire[0].level, 0);
    wr(&b, IMSC, TX); // Linux: fills the FIFO, then unmasks and waits for this
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, MIS), TX);
    wr(&b, ICR, TX);
    EXPECT(b.wire[0].level, 0);
    wr(&b, DR, '!');
    EXPECT(b.wire[0].level, 1);
    wr(&b, IMSC, 0);
    EXPECT(b.wire[0].level, 0);
}

Test(pl011, works_without_being_set_up)
{
    wr(&b, DR, 'x');
    cr_assert_str_eq(buffer_output(c, NULL), "x");
    buffer_input(c, "y", 1);
    EXPECT(rd(&b, FR) & RXFE, 0);
    EXPECT(rd(&b, DR), 'y');
}

Test(pl011, disabled_receiver_takes_nothing)
{
    wr(&b, CR, 0x101); // no RXE
    buffer_input(c, "y", 1);
    EXPECT(rd(&b, FR) & RXFE, RXFE);
    wr(&b, CR, 0x200); // no UARTEN
    EXPECT(rd(&b, FR) & RXFE, RXFE);
    EXPECT(buffer_pending(c), 1);
    wr(&b, CR, 0x301);
    EXPECT(rd(&b, DR), 'y');
}

Test(pl011, output_that_is_not_taken_shows_as_full)
{
    start(TX);
    buffer_set_writable(c, false);
    EXPECT(rd(&b, FR) & (TXFE | TXFF), TXFF);
    wr(&b, ICR, TX);
    wr(&b, DR, 'z'); // a guest that does not look loses nothing
    EXPECT(b.wire[0].level, 0);
    buffer_set_writable(c, true);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, FR) & (TXFE | TXFF), TXFE);
    cr_assert_str_eq(buffer_output(c, NULL), "z");
}

Test(pl011, receive_trigger_levels)
{
    static const unsigned level[5] = {4, 8, 16, 24, 28};
    char bytes[64];
    memset(bytes, 'r', sizeof bytes);
    start(RX);
    for (unsigned i = 0; i < 5; i++) {
        wr(&b, IFLS, i << 3);
        buffer_input(c, bytes, level[i] - 1);
        cr_assert(!b.wire[0].level, "trigger %u: interrupt at %u characters", i, level[i] - 1);
        buffer_input(c, bytes, 1);
        cr_assert(b.wire[0].level, "trigger %u: no interrupt at %u characters", i, level[i]);
        EXPECT(rd(&b, RIS) & RX, RX);
        rd(&b, DR);
        cr_assert(!b.wire[0].level, "trigger %u: interrupt stays below", i);
        while (!(rd(&b, FR) & RXFE))
            EXPECT(rd(&b, DR), 'r');
    }
}

Test(pl011, fifo_holds_32_and_asks_for_more)
{
    char bytes[40];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)('0' + i);
    start(0);
    buffer_input(c, bytes, sizeof bytes);
    EXPECT(buffer_pending(c), 8);
    EXPECT(rd(&b, FR) & RXFF, RXFF);
    EXPECT(rd(&b, RIS) & OE, 0);
    for (unsigned i = 0; i < sizeof bytes; i++)
        EXPECT(rd(&b, DR), '0' + i);
    EXPECT(rd(&b, FR) & (RXFE | RXFF), RXFE);
    EXPECT(buffer_pending(c), 0);
}

Test(pl011, without_fifo_one_character)
{
    start(RX);
    wr(&b, LCR_H, 0x60);
    buffer_input(c, "ab", 2);
    EXPECT(buffer_pending(c), 1);
    EXPECT(rd(&b, FR) & (RXFE | RXFF), RXFF);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, DR), 'a');
    EXPECT(b.wire[0].level, 1); // the next is there
    EXPECT(rd(&b, DR), 'b');
    EXPECT(b.wire[0].level, 0);
    EXPECT(rd(&b, DR), 0);
}

Test(pl011, receive_timeout)
{
    start(RT);
    buffer_input(c, "ab", 2);
    int64_t bits32 = INT64_C(32) * 16 * (13 * 64 + 1) * 1000000 / (64 * 24000);
    clock_step(&b.clock, bits32 - 2000);
    EXPECT(b.wire[0].level, 0);
    buffer_input(c, "c", 1); // starts over
    clock_step(&b.clock, bits32 - 2000);
    EXPECT(b.wire[0].level, 0);
    clock_step(&b.clock, 4000);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, MIS), RT);
    EXPECT(rd(&b, DR), 'a');
    EXPECT(b.wire[0].level, 1);
    rd(&b, DR);
    rd(&b, DR);
    EXPECT(b.wire[0].level, 0); // empty: it falls by itself
    clock_step(&b.clock, 1000000000);
    EXPECT(b.wire[0].rises, 1);
    buffer_input(c, "d", 1);
    clock_step(&b.clock, 1000000000);
    EXPECT(b.wire[0].level, 1);
    wr(&b, ICR, RT);
    EXPECT(b.wire[0].level, 0);
}

Test(pl011, masks_and_clears_each_interrupt)
{
    start(0);
    wr(&b, CR, 0x381); // loopback makes everything happen
    wr(&b, CR, 0x3f81);
    wr(&b, LCR_H, 0x71); // break
    wr(&b, DR, 'x');
    clock_step(&b.clock, 1000000000);
    uint32_t ris = rd(&b, RIS);
    EXPECT(ris & (0xf | TX | RT | BE), 0xf | TX | RT | BE);
    for (unsigned i = 0; i < 11; i++) {
        wr(&b, IMSC, 1u << i);
        EXPECT(rd(&b, MIS), ris & 1u << i);
        EXPECT(b.wire[0].level, (ris & 1u << i) != 0);
        wr(&b, ICR, 1u << i);
        EXPECT(rd(&b, RIS) & 1u << i, 0);
        EXPECT(b.wire[0].level, 0);
    }
}

Test(pl011, loopback)
{
    start(0);
    wr(&b, CR, 0x381);
    wr(&b, DR, 'l');
    cr_assert_str_eq(buffer_output(c, NULL), "");
    EXPECT(rd(&b, DR), 'l');
    EXPECT(rd(&b, FR) & 0x107, 0);
    wr(&b, CR, 0x381 | 0x800); // RTS -> CTS
    EXPECT(rd(&b, FR) & 0x107, 1);
    wr(&b, CR, 0x381 | 0x400); // DTR -> DSR
    EXPECT(rd(&b, FR) & 0x107, 2);
    wr(&b, CR, 0x381 | 0x1000); // Out1 -> DCD
    EXPECT(rd(&b, FR) & 0x107, 4);
    wr(&b, CR, 0x381 | 0x2000); // Out2 -> RI
    EXPECT(rd(&b, FR) & 0x107, 0x100);
    buffer_input(c, "x", 1); // the wire is cut
    EXPECT(rd(&b, FR) & RXFE, RXFE);
}

Test(pl011, overrun)
{
    start(OE);
    wr(&b, CR, 0x381);
    for (unsigned i = 0; i < 33; i++)
        wr(&b, DR, 'a');
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, RSR), 8);
    wr(&b, RSR, 0);
    EXPECT(rd(&b, RSR), 0);
    EXPECT(rd(&b, DR), 'a');
    wr(&b, DR, 'b'); // carries the mark
    for (unsigned i = 0; i < 31; i++)
        EXPECT(rd(&b, DR), 'a');
    EXPECT(rd(&b, DR), 0x800 | 'b');
    EXPECT(rd(&b, RSR), 8);
}

Test(pl011, break_from_the_host)
{
    start(BE);
    chardev_receive_break(c);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, DR), 0x400);
    EXPECT(rd(&b, RSR), 4);
    EXPECT(rd(&b, RIS) & BE, BE);
    wr(&b, ICR, BE);
    EXPECT(b.wire[0].level, 0);
}

Test(pl011, switching_the_fifo_empties_it)
{
    start(RX | RT);
    buffer_input(c, "0123456789abcdefgh", 18);
    EXPECT(b.wire[0].level, 1);
    wr(&b, LCR_H, 0x60);
    EXPECT(b.wire[0].level, 0);
    EXPECT(rd(&b, FR) & RXFE, RXFE);
    clock_step(&b.clock, 1000000000);
    EXPECT(b.wire[0].level, 0);
}

Test(pl011, save_and_load)
{
    start(RX | RT);
    wr(&b, IFLS, 0);
    buffer_input(c, "abcde", 5);
    struct device *v = pl011_create("pl011", &b.clock, bench_wire(&b, 1), NULL, NULL);
    bench_copy_state(u, v);
    EXPECT(b.wire[1].level, 1);
    EXPECT(v->ops->read(v->opaque, DR, 4), 'a');
    EXPECT(v->ops->read(v->opaque, DR, 4), 'b');
    EXPECT(b.wire[1].level, 0);
    clock_step(&b.clock, 1000000); // the time-out came along
    EXPECT(b.wire[1].level, 1);
    bench_refuses_corruption(u);
    // head, count, ifls, cr
    static const size_t at[] = {40, 44, 24, 22};
    for (size_t i = 0; i < ARRAY_SIZE(at); i++)
        cr_assert(!bench_load_damaged(u, v, 0, at[i], 0xc0), "byte %zu", at[i]);
    cr_assert(!bench_load_damaged(u, v, 0, 47, 0x80), "count negative");
    EXPECT(v->ops->read(v->opaque, DR, 4), 'c');
    device_destroy(v);
}
