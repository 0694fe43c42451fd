// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-blk over a back end that keeps its requests until the test lets them go, in any order.
#include "devices/virtio/blk.h"
#include "virtio_driver.h"

#include <stdlib.h>
#include <string.h>

#define SECTORS 1024u
#define RING    (RAM_BASE + 0x10000)
#define HEADER  (RAM_BASE + 0x20000)
#define STATUS  (RAM_BASE + 0x28000)
#define DATA    (RAM_BASE + 0x30000)
#define MOST    21u // requests of three descriptors in a ring of 64

enum { IN = 0, OUT = 1, FLUSH = 4 };

struct stepped {
    struct block block;
    struct block_request *held[MOST];
    unsigned count, drains, kicks;
};

static struct bench b;
static struct driver d;
static struct device *dev;
static struct stepped s;

static void stepped_submit(struct block *block, struct block_request *req)
{
    cr_assert(s.count < MOST);
    s.held[s.count++] = req;
}

// Lets go of the n-th of those that are held.
static void let_go(unsigned n, int error)
{
    struct block_request *req = s.held[n];
    memmove(&s.held[n], &s.held[n + 1], (s.count - n - 1) * sizeof *s.held);
    s.count--;
    for (int i = 0; req->op == BLOCK_READ && i < req->iovcnt; i++)
        memset(req->iov[i].iov_base, (int)(req->offset / 512), req->iov[i].iov_len);
    req->done(req, error);
}

static void delivered(void)
{
    s.block.delivered(s.block.delivered_opaque);
}

static void stepped_drain(struct block *block)
{
    s.drains++;
    while (s.count)
        let_go(s.count - 1, 0);
    delivered();
}

static void stepped_close(struct block *block)
{
    cr_assert_eq(s.count, 0);
}

static void begin(void)
{
    static const struct block_ops ops = {
        .submit = stepped_submit, .drain = stepped_drain, .close = stepped_close};
    struct error err;
    bench_init(&b);
    s = (struct stepped){.block = {.ops = &ops, .size = SECTORS * 512, .name = "stepped"}};
    struct virtio_blk_config config = {&s.block, "", true};
    struct virtio *v = virtio_blk_create(&config);
    dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), false, v, NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    driver_start(&d, &b, false, 64, RING, BIT(9));
}

static void end(void)
{
    stepped_drain(&s.block);
    device_destroy(dev);
    bench_fini(&b);
}

TestSuite(blk_async, .init = begin, .fini = end);

static void offer(unsigned n, uint32_t type)
{
    bench_write(&b, HEADER + 16 * n, 4, type);
    bench_write(&b, HEADER + 16 * n + 8, 8, n + 1);
    bench_write(&b, STATUS + n, 1, 0x55);
    driver_desc(&d, 3 * n, HEADER + 16 * n, 16, V_NEXT, (uint16_t)(3 * n + (type == FLUSH ? 2 : 1)));
    driver_desc(&d, 3 * n + 1, DATA + 512 * n, 512, type == IN ? V_NEXT | V_WRITE : V_NEXT,
                (uint16_t)(3 * n + 2));
    driver_desc(&d, 3 * n + 2, STATUS + n, 1, V_WRITE, 0);
    driver_offer(&d, (uint16_t)(3 * n));
}

static unsigned status(unsigned n)
{
    return (unsigned)bench_read(&b, STATUS + n, 1);
}

Test(blk_async, any_order)
{
    for (unsigned n = 0; n < MOST; n++)
        offer(n, IN);
    driver_kick(&d);
    EXPECT(s.count, MOST);
    EXPECT(driver_used_index(&d), 0);
    EXPECT(b.wire[0].level, 0);
    uint64_t x = 88172645463325252u;
    for (unsigned done = 0; done < MOST; done++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        unsigned pick = (unsigned)(x >> 33) % s.count;
        unsigned n = (unsigned)(s.held[pick]->offset / 512) - 1;
        EXPECT(status(n), 0x55);
        let_go(pick, 0);
        EXPECT(driver_used_index(&d), done + 1);
        EXPECT(driver_used(&d, done).id, 3 * n);
        EXPECT(driver_used(&d, done).len, 513);
        EXPECT(status(n), 0);
        EXPECT(bench_read(&b, DATA + 512 * n + 511, 1), n + 1);
    }
    EXPECT(b.wire[0].level, 0); // the signal follows the group
    delivered();
    EXPECT(b.wire[0].rises, 1);
    delivered();
    EXPECT(b.wire[0].rises, 1);
}

// The driver goes on while requests are held; one that fails says so.
Test(blk_async, more_while_some_wait)
{
    offer(0, IN);
    driver_kick(&d);
    offer(1, OUT);
    offer(2, FLUSH);
    driver_kick(&d);
    EXPECT(s.count, 3);
    EXPECT(s.held[2]->op, BLOCK_FLUSH);
    let_go(1, 5);
    delivered();
    EXPECT(status(1), 1);
    EXPECT(status(0), 0x55);
    EXPECT(driver_used_index(&d), 1);
    offer(3, IN);
    driver_kick(&d);
    let_go(2, 0);
    let_go(1, 0);
    let_go(0, 0);
    delivered();
    EXPECT(driver_used_index(&d), 4);
    EXPECT(status(0) | status(2) | status(3), 0);
}

// A flush does not go to the back end before the writes that the driver saw completed.
Test(blk_async, flush_after_acknowledged_writes)
{
    for (unsigned n = 0; n < 5; n++)
        offer(n, OUT);
    driver_kick(&d);
    let_go(3, 0);
    let_go(0, 0);
    delivered();
    EXPECT(driver_used_index(&d), 2);
    offer(5, FLUSH);
    driver_kick(&d);
    EXPECT(s.count, 4); // three writes nobody has acknowledged, and the flush
    EXPECT(s.held[3]->op, BLOCK_FLUSH);
    EXPECT(status(5), 0x55);
}

// After a reset the driver's memory is its own: nothing is under way, nothing is told.
Test(blk_async, reset_waits)
{
    for (unsigned n = 0; n < 4; n++)
        offer(n, IN);
    driver_kick(&d);
    EXPECT(s.count, 4);
    unsigned drains = s.drains;
    wr(&b, 0x70, 0);
    EXPECT(s.count, 0);
    EXPECT(s.drains, drains + 1);
    EXPECT(driver_used_index(&d), 0);
    EXPECT(status(0), 0x55);
    EXPECT(b.wire[0].level, 0);
    driver_restart(&d);
    offer(0, IN);
    driver_kick(&d);
    let_go(0, 0);
    delivered();
    EXPECT(driver_used_index(&d), 1);
    EXPECT(status(0), 0);
}

// A saved state has no request under way: they complete first, and the driver is told.
Test(blk_async, drained_before_a_save)
{
    for (unsigned n = 0; n < 4; n++)
        offer(n, n % 2 ? IN : OUT);
    driver_kick(&d);
    device_drain(dev);
    EXPECT(s.count, 0);
    EXPECT(driver_used_index(&d), 4);
    EXPECT(b.wire[0].level, 1);
    bench_copy_state(dev, dev);
}

// A driver that breaks its queue while requests are under way.
Test(blk_async, broken_meanwhile)
{
    offer(0, IN);
    driver_kick(&d);
    driver_desc(&d, 3, HEADER, 15, 0, 0);
    driver_offer(&d, 3);
    driver_kick(&d);
    EXPECT(driver_status(&d) & 0x40, 0x40);
    let_go(0, 0);
    delivered();
    EXPECT(driver_used_index(&d), 0);
}
