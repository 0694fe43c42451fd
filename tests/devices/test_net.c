// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-net over a fake back end that is stepped by hand.
#include "devices/net/net.h"
#include "devices/virtio/net.h"
#include "multi_driver.h"
#include "virtio_driver.h"
#include "tests/support/random.h"

#include <string.h>

enum { RX, TX, CTRL };

#define F_CSUM       BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_OFFLOADS   BIT(2)
#define F_TSO        (BIT(7) | BIT(8) | BIT(11) | BIT(12))
#define F_MRG        BIT(15)
#define F_CTRL       (BIT(17) | BIT(18) | BIT(20) | BIT(23))
#define ALL          (F_CSUM | F_GUEST_CSUM | F_OFFLOADS | F_TSO | F_MRG | F_CTRL)
#define OUT          MULTI_DATA
#define IN           (MULTI_DATA + 0x40000)

struct fake {
    struct net n;
    unsigned count;      // frames that came
    struct net_frame *f; // the last of them
};

static struct bench b;
static struct multi m;
static struct device *dev;
static struct fake fake;
static const uint8_t own[6] = {0x52, 0x54, 0, 1, 2, 3};

static void fake_input(struct net *n, struct net_frame *f)
{
    free(fake.f);
    fake.f = f;
    fake.count++;
}

static void fake_serve(struct net *n, const struct net_polls *polls) {}

static void fake_destroy(struct net *n)
{
    free(fake.f);
    net_fini(n);
}

static const struct net_ops tso_ops = {
    .tso = true, .serve = fake_serve, .input = fake_input, .destroy = fake_destroy};
static const struct net_ops plain_ops = {
    .serve = fake_serve, .input = fake_input, .destroy = fake_destroy};

static struct device *plug(const struct net_ops *ops)
{
    struct virtio_net_config config = {.net = ops ? &fake.n : NULL};
    memcpy(config.mac, own, 6);
    if (ops) {
        fake = (struct fake){0};
        net_init(&fake.n, ops);
    }
    return virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), false,
                              virtio_net_create(&config), NULL);
}

static void begin_with(const struct net_ops *ops, uint64_t features)
{
    struct error err;
    bench_init(&b);
    dev = plug(ops);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    multi_start(&m, &b, features, 3, 64);
}

static void begin(uint64_t features)
{
    begin_with(&tso_ops, features);
}

static void end(void)
{
    net_destroy(&fake.n);
    device_destroy(dev);
    bench_fini(&b);
}

static uint8_t *ram(gpa_t at)
{
    return b.ram + (at - RAM_BASE);
}

// A frame to `to` from the outside, filled with bytes that tell their place.
static void deliver(const uint8_t *to, size_t len)
{
    static uint8_t frame[NET_MAX_FRAME];
    struct net_offload off = {.csum_good = true};
    for (size_t i = 0; i < len; i++)
        frame[i] = (uint8_t)(i * 7 + i / 256);
    memcpy(frame, to, 6);
    net_deliver(&fake.n, frame, len, &off);
    net_step(&fake.n, 0);
}

static void expect_bytes(gpa_t at, size_t from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t want = (uint8_t)((from + i) * 7 + (from + i) / 256);
        cr_assert(from + i < 6 || ram(at)[i] == want, "byte %zu is 0x%x, not 0x%x", from + i,
                  ram(at)[i], want);
    }
}

Test(net, what_it_offers)
{
    begin(0);
    EXPECT(rd(&b, 8), 1);
    for (unsigned i = 0; i < 6; i++)
        EXPECT(bench_read(&b, DEV_BASE + 0x100 + i, 1), own[i]);
    EXPECT(bench_read(&b, DEV_BASE + 0x106, 2), 1); // link up
    bench_write(&b, DEV_BASE + 0x100, 1, 0x10);     // read-only for a modern driver
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 1), own[0]);
    wr(&b, 0x14, 0);
    EXPECT(rd(&b, 0x10) & F_TSO, F_TSO);
    end();
    begin_with(&plain_ops, 0);
    wr(&b, 0x14, 0);
    EXPECT(rd(&b, 0x10) & F_TSO, 0);
    end();
}

static void put_packet(gpa_t at, uint8_t flags, uint8_t gso, uint16_t segment, uint16_t start,
                       uint16_t offset, size_t len)
{
    uint8_t *p = ram(at);
    memset(p, 0, 12);
    p[0] = flags;
    p[1] = gso;
    memcpy(p + 4, &segment, 2);
    memcpy(p + 6, &start, 2);
    memcpy(p + 8, &offset, 2);
    for (size_t i = 0; i < len; i++)
        p[12 + i] = (uint8_t)(i * 7 + i / 256);
}

Test(net, sends)
{
    begin(ALL);
    put_packet(OUT, 0, 0, 0, 0, 0, 100);
    multi_offer(&m, TX, {OUT, 5}, {OUT + 5, 107}); // a header in two pieces
    multi_kick(&m, TX);
    EXPECT(multi_expect(&m, TX), 0);
    net_step(&fake.n, 0);
    EXPECT(fake.count, 1);
    EXPECT(fake.f->len, 100);
    cr_assert(!memcmp(fake.f->data, ram(OUT) + 12, 100), "the frame differs");
    EXPECT(b.wire[0].level, 1);
    end();
}

Test(net, refuses_bad_packets)
{
    static const struct {
        uint8_t flags, gso;
        uint16_t segment, start, offset;
    } bad[] = {
        {1, 0, 0, 98, 1},                              // the checksum lies outside
        {1, 0, 0, 65535, 65535}, {0, 1, 1000, 34, 16}, // a large segment without a checksum
        {1, 1, 0, 34, 16},                             // pieces of nothing
        {1, 3, 1000, 34, 16},                          // UDP
        {1, 77, 1000, 34, 16},
    };
    begin(ALL);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_packet(OUT, bad[i].flags, bad[i].gso, bad[i].segment, bad[i].start, bad[i].offset, 100);
        multi_offer(&m, TX, {OUT, 112});
        multi_kick(&m, TX);
        EXPECT(multi_expect(&m, TX), 0);
        net_step(&fake.n, 0);
        cr_assert(fake.count == 0, "case %u went out", i);
    }
    put_packet(OUT, 0, 0, 0, 0, 0, 13); // no Ethernet header
    multi_offer(&m, TX, {OUT, 25});
    multi_offer(&m, TX, {OUT, 5});                                    // no header of virtio's
    multi_offer(&m, TX, {OUT, 0x8000}, {OUT, 0x8000}, {OUT, 0x8000}); // too long
    multi_offer(&m, TX, {IN, 4096, true});                            // nothing to read
    multi_kick(&m, TX);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(multi_expect(&m, TX), 0);
    net_step(&fake.n, 0);
    EXPECT(fake.count, 0);
    EXPECT(multi_status(&m), 15);
    end();
}

Test(net, without_offloads_none_is_taken)
{
    begin(0);
    put_packet(OUT, 1, 0, 0, 34, 16, 100);
    multi_offer(&m, TX, {OUT, 112});
    put_packet(OUT + 512, 1, 1, 1000, 34, 16, 100);
    multi_offer(&m, TX, {OUT + 512, 112});
    multi_kick(&m, TX);
    net_step(&fake.n, 0);
    EXPECT(fake.count, 0);
    end();
}

Test(net, waits_for_room)
{
    begin(ALL);
    unsigned sent = 0, taken = 0;
    uint32_t len;
    put_packet(OUT, 0, 0, 0, 0, 0, 60000);
    for (; sent < 40; sent++) {
        multi_offer(&m, TX, {OUT, 60012});
        multi_kick(&m, TX);
    }
    while (multi_used(&m, TX, &len))
        taken++;
    cr_assert(taken >= 8 && taken < 16, "%u of %u frames of 60000 bytes were taken", taken, sent);
    bench_copy_state(dev, dev); // remembers that the queue waits
    net_step(&fake.n, 0);
    while (multi_used(&m, TX, &len))
        taken++;
    for (unsigned i = 0; i < 10 && taken < sent; i++) {
        net_step(&fake.n, 0);
        while (multi_used(&m, TX, &len))
            taken++;
    }
    net_step(&fake.n, 0);
    EXPECT(taken, sent);
    EXPECT(fake.count, sent);
    end();
}

Test(net, a_cable_that_is_not_there)
{
    begin_with(NULL, ALL & ~F_TSO);
    put_packet(OUT, 0, 0, 0, 0, 0, 100);
    multi_offer(&m, TX, {OUT, 112});
    multi_offer(&m, RX, {IN, 4096, true});
    multi_kick(&m, TX);
    multi_kick(&m, RX);
    EXPECT(multi_expect(&m, TX), 0);
    device_destroy(dev);
    bench_fini(&b);
}

Test(net, receives)
{
    begin(ALL);
    multi_offer(&m, RX, {IN, 2048, true});
    multi_kick(&m, RX);
    deliver(own, 60);
    EXPECT(multi_expect(&m, RX), 72);
    EXPECT(ram(IN)[0], 2); // DATA_VALID
    EXPECT(ram(IN)[1], 0);
    EXPECT(bench_read(&b, IN + 10, 2), 1);
    expect_bytes(IN + 12, 0, 60);
    EXPECT(b.wire[0].level, 1);
    end();
}

Test(net, spreads_over_several_buffers)
{
    begin(ALL);
    for (unsigned i = 0; i < 4; i++)
        multi_offer(&m, RX, {IN + 0x1000 * i, 100, true}, {IN + 0x1000 * i + 0x800, 28, true});
    multi_kick(&m, RX);
    deliver(own, 300); // with the header 312 of 512 bytes: three buffers
    EXPECT(multi_expect(&m, RX), 128);
    EXPECT(multi_expect(&m, RX), 128);
    EXPECT(multi_expect(&m, RX), 56);
    uint32_t len;
    cr_assert(!multi_used(&m, RX, &len), "a fourth buffer came back");
    EXPECT(bench_read(&b, IN + 10, 2), 3);
    expect_bytes(IN + 12, 0, 88);
    expect_bytes(IN + 0x800, 88, 28);
    expect_bytes(IN + 0x1000, 116, 100);
    expect_bytes(IN + 0x2000, 244, 56);
    // One buffer is left: a frame that needs two waits, and comes when there is another.
    deliver(own, 200);
    cr_assert(!multi_used(&m, RX, &len), "half a frame came");
    multi_offer(&m, RX, {IN + 0x5000, 2000, true});
    multi_kick(&m, RX);
    EXPECT(multi_expect(&m, RX), 128);
    EXPECT(multi_expect(&m, RX), 84);
    EXPECT(bench_read(&b, IN + 0x3000 + 10, 2), 2);
    expect_bytes(IN + 0x5000, 116, 84);
    end();
}

Test(net, drops_what_can_never_fit)
{
    begin(ALL & ~F_MRG & ~F_TSO);
    multi_offer(&m, RX, {IN, 200, true});
    multi_offer(&m, RX, {IN + 0x1000, 2000, true});
    multi_kick(&m, RX);
    deliver(own, 1000); // larger than the first buffer, and only one may be used
    deliver(own, 100);
    EXPECT(multi_expect(&m, RX), 112);
    EXPECT(bench_read(&b, IN + 10, 2), 1);
    EXPECT(multi_status(&m), 15);
    multi_start(&m, &b, ALL, 3, 4);
    for (unsigned i = 0; i < 4; i++)
        multi_offer(&m, RX, {IN + 0x1000 * i, 100, true});
    multi_kick(&m, RX);
    deliver(own, 1000); // more than the whole queue
    deliver(own, 70);
    EXPECT(multi_expect(&m, RX), 82);
    end();
}

Test(net, a_buffer_without_room_breaks_the_driver)
{
    begin(ALL);
    multi_offer(&m, RX, {IN, 12, true});
    multi_kick(&m, RX);
    deliver(own, 100);
    EXPECT(multi_status(&m), 15 | 0x40);
    deliver(own, 100); // quiet
    multi_kick(&m, TX);
    multi_start(&m, &b, ALL, 3, 64);
    multi_offer(&m, RX, {IN, 2048, true});
    multi_kick(&m, RX);
    deliver(own, 100);
    EXPECT(multi_expect(&m, RX), 112);
    end();
}

Test(net, a_guest_without_checksums_gets_them_done)
{
    begin(F_MRG);
    uint8_t frame[60] = {0};
    struct net_offload off = {.csum = true, .csum_start = 20, .csum_offset = 2};
    memcpy(frame, own, 6);
    frame[30] = 0x12;
    frame[31] = 0x34;
    multi_offer(&m, RX, {IN, 2048, true});
    multi_kick(&m, RX);
    net_deliver(&fake.n, frame, sizeof frame, &off);
    net_step(&fake.n, 0);
    EXPECT(multi_expect(&m, RX), 72);
    EXPECT(ram(IN)[0], 0);
    EXPECT(ram(IN)[12 + 22], 0xed); // ~0x1234
    EXPECT(ram(IN)[12 + 23], 0xcb);
    end();
}

// The control queue -----------------------------------------------------------------------------

static uint8_t command(const void *bytes, size_t len)
{
    memcpy(ram(OUT), bytes, len);
    ram(IN)[0] = 0x55;
    multi_offer(&m, CTRL, {OUT, (uint32_t)len}, {IN, 1, true});
    multi_kick(&m, CTRL);
    EXPECT(multi_expect(&m, CTRL), 1);
    return ram(IN)[0];
}

#define COMMAND(...) command((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool passes(const uint8_t *to)
{
    uint32_t len;
    deliver(to, 64);
    return multi_used(&m, RX, &len);
}

Test(net, filters)
{
    static const uint8_t other[6] = {0x52, 0x54, 9, 9, 9, 9},
                         all[6] = {255, 255, 255, 255, 255, 255};
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};
    begin(ALL);
    for (unsigned i = 0; i < 40; i++)
        multi_offer(&m, RX, {IN + 0x1000 * (1 + i), 2048, true});
    multi_kick(&m, RX);
    EXPECT(passes(other), 1); // promiscuous until told otherwise
    EXPECT(COMMAND(0, 0, 0), 0);
    EXPECT(passes(other), 0);
    EXPECT(passes(own), 1);
    EXPECT(passes(all), 1);
    EXPECT(passes(group), 0);
    EXPECT(COMMAND(0, 1, 1), 0); // all multicast
    EXPECT(passes(group), 1);
    EXPECT(COMMAND(0, 3, 1), 0); // none
    EXPECT(passes(group), 0);
    EXPECT(COMMAND(0, 3, 0), 0);
    EXPECT(COMMAND(0, 1, 0), 0);
    // Tables: one unicast, one multicast address.
    EXPECT(COMMAND(1, 0, 1, 0, 0, 0, 0x52, 0x54, 9, 9, 9, 9, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1), 0);
    EXPECT(passes(other), 1);
    EXPECT(passes(group), 1);
    EXPECT(COMMAND(1, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
    EXPECT(passes(other), 0);
    EXPECT(passes(group), 0);
    EXPECT(COMMAND(1, 1, 0x52, 0x54, 9, 9, 9, 9), 0); // another own address
    EXPECT(passes(other), 1);
    EXPECT(passes(own), 0);
    EXPECT(bench_read(&b, DEV_BASE + 0x102, 1), 9);
    EXPECT(COMMAND(0, 5, 1), 0); // no broadcast
    EXPECT(passes(all), 0);
    EXPECT(COMMAND(0, 4, 1), 0); // no unicast
    EXPECT(passes(other), 0);
    EXPECT(COMMAND(0, 0, 1), 0);
    EXPECT(passes(other), 1);
    end();
}

Test(net, refuses_bad_commands)
{
    begin(ALL);
    EXPECT(COMMAND(0), 1);
    EXPECT(COMMAND(0, 0), 1);
    EXPECT(COMMAND(0, 6, 1), 1);
    EXPECT(COMMAND(1, 0), 1);
    EXPECT(COMMAND(1, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5), 1);
    EXPECT(COMMAND(1, 0, 255, 255, 255, 255, 1, 2, 3, 4, 5, 6), 1);
    EXPECT(COMMAND(1, 0, 0, 0, 0, 0, 0xab, 0xaa, 0xaa, 0x2a), 1);
    EXPECT(COMMAND(1, 1, 1, 2, 3, 4, 5), 1);
    EXPECT(COMMAND(1, 1, 1, 2, 3, 4, 5, 6, 7), 1);
    EXPECT(COMMAND(2, 0, 1, 0), 1); // VLANs
    EXPECT(COMMAND(4, 0, 1, 0), 1); // several queues
    EXPECT(COMMAND(5, 0, 1), 1);
    EXPECT(COMMAND(5, 0, 0, 0, 1, 0, 0, 0, 0, 0), 1); // an offload that is none
    EXPECT(COMMAND(5, 0, 2, 0, 0, 0, 0, 0, 0, 0), 0);
    EXPECT(COMMAND(99, 99), 1);
    EXPECT(multi_status(&m), 15);
    multi_offer(&m, CTRL, {OUT, 8}); // no room for the answer
    multi_kick(&m, CTRL);
    EXPECT(multi_status(&m), 15 | 0x40);
    end();
}

Test(net, commands_need_their_features)
{
    begin(BIT(17));
    EXPECT(COMMAND(0, 0, 0), 1);
    EXPECT(COMMAND(0, 5, 0), 1);
    EXPECT(COMMAND(1, 1, 0x52, 0x54, 9, 9, 9, 9), 1);
    EXPECT(COMMAND(5, 0, 0, 0, 0, 0, 0, 0, 0, 0), 1);
    end();
}

// Sums of the parts -----------------------------------------------------------------------------

Test(net, keeps_its_state)
{
    begin(ALL);
    EXPECT(COMMAND(0, 0, 0), 0);
    EXPECT(COMMAND(1, 1, 0x52, 0x54, 9, 9, 9, 9), 0);
    bench_copy_state(dev, dev);
    EXPECT(bench_read(&b, DEV_BASE + 0x105, 1), 9);
    bench_refuses_corruption(dev);
    // Section 2 is the card's: the modes are flags, the tables have 32 places.
    cr_assert(!bench_load_damaged(dev, dev, 2, 6, 2), "a mode of 2 was taken");
    cr_assert(!bench_load_damaged(dev, dev, 2, 24, 64), "a table of 64 was taken");
    wr(&b, 0x70, 0);
    EXPECT(bench_read(&b, DEV_BASE + 0x105, 1), own[5]);
    end();
}

Test(net, legacy_driver_sets_the_address)
{
    struct error err;
    bench_init(&b);
    struct virtio_net_config config = {.net = NULL};
    dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), true,
                             virtio_net_create(&config), NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    for (unsigned i = 0; i < 6; i++)
        bench_write(&b, DEV_BASE + 0x100 + i, 1, i + 2);
    EXPECT(bench_read(&b, DEV_BASE + 0x104, 1), 6);
    device_destroy(dev);
    bench_fini(&b);
}

// A driver of old: a header of ten bytes, in a descriptor of its own.
Test(net, legacy_driver_receives)
{
    struct error err;
    struct driver d;
    bench_init(&b);
    struct virtio_net_config config = {.net = &fake.n};
    fake = (struct fake){0};
    net_init(&fake.n, &plain_ops);
    dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), true,
                             virtio_net_create(&config), NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    driver_start(&d, &b, true, 8, RAM_BASE, BIT(5));
    driver_desc(&d, 0, IN, 10, V_WRITE | V_NEXT, 1);
    driver_desc(&d, 1, IN + 0x1000, 1514, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    deliver(own, 60);
    EXPECT(driver_used_index(&d), 1);
    EXPECT(driver_used(&d, 0).len, 70);
    EXPECT(ram(IN)[0], 0);
    expect_bytes(IN + 0x1000, 0, 60);
    end();
}

static void step(void)
{
    static uint64_t x = 2463534242u;
    static uint8_t frame[9000];
    struct net_offload off = {0};
    random_next(&x);
    for (unsigned i = 0; i < 64; i++)
        frame[i] = (uint8_t)(x >> i % 57);
    if (x % 3 == 0)
        net_deliver(&fake.n, frame, x % sizeof frame, &off);
    net_step(&fake.n, 0);
}

Test(net, fuzz, .timeout = 60)
{
    begin(ALL);
    multi_fuzz(&b, dev, ALL, 3, RANDOM_SEED, 40000, step);
    end();
}
