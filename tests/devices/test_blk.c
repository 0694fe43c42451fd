// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-blk in both transports over a fake block back end that records what reaches it.
#include "devices/virtio/blk.h"
#include "virtio_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 128u
#define RING    (RAM_BASE + 0x10000)
#define HEADER  (RAM_BASE + 0x20000)
#define DATA    (RAM_BASE + 0x30000)
#define STATUS  (RAM_BASE + 0x28000)

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2 };
#define F_RO      BIT(5)
#define F_FLUSH   BIT(9)
#define F_WCE     BIT(11)
#define F_DISCARD BIT(13)
#define F_ZEROES  BIT(14)

struct fake {
    struct block block;
    uint8_t bytes[SECTORS * 512];
    unsigned flushes, discards, zeroes, writes, closes;
    struct block_request last;
    int error;
};

static struct bench b;
static struct driver d;
static struct device *dev;
static struct fake fake;

static int fake_run(struct block *block, struct block_request *req)
{
    struct fake *f = (struct fake *)block;
    uint8_t *at = f->bytes + req->offset;
    f->last = *req;
    if (f->error)
        return f->error;
    for (int i = 0; i < req->iovcnt; i++) {
        if (req->op == BLOCK_WRITE)
            memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
        else
            memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
        at += req->iov[i].iov_len;
    }
    f->writes += req->op == BLOCK_WRITE;
    f->flushes += req->op == BLOCK_FLUSH;
    f->discards += req->op == BLOCK_DISCARD;
    f->zeroes += req->op == BLOCK_WRITE_ZEROES;
    return 0;
}

static void fake_close(struct block *block)
{
    ((struct fake *)block)->closes++;
}

static const struct block_ops fake_ops = {.run = fake_run, .close = fake_close};

static struct virtio *blk_create(bool readonly, bool cache)
{
    struct virtio_blk_config config = {&fake.block, "serial-number-of-20-bytes", cache};
    fake.block = (struct block){&fake_ops, sizeof fake.bytes, readonly, "fake"};
    return virtio_blk_create(&config);
}

static void begin_with(bool legacy, bool readonly, bool cache, uint64_t features)
{
    struct error err;
    bench_init(&b);
    fake = (struct fake){0};
    for (unsigned i = 0; i < sizeof fake.bytes; i++)
        fake.bytes[i] = (uint8_t)(i / 512);
    dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), legacy,
                             blk_create(readonly, cache), NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    EXPECT(rd(&b, 8), 2);
    driver_start(&d, &b, legacy, 64, RING, features);
}

static void end(void)
{
    device_destroy(dev);
    EXPECT(fake.closes, 1);
    bench_fini(&b);
}

#define BOTH(name, readonly, cache, features)                                                      \
    static void both_##name(void);                                                                 \
    Test(blk_legacy, name)                                                                         \
    {                                                                                              \
        begin_with(true, readonly, cache, features);                                               \
        both_##name();                                                                             \
        end();                                                                                     \
    }                                                                                              \
    Test(blk_modern, name)                                                                         \
    {                                                                                              \
        begin_with(false, readonly, cache, features);                                              \
        both_##name();                                                                             \
        end();                                                                                     \
    }                                                                                              \
    static void both_##name(void)

static void header(uint32_t type, uint64_t sector)
{
    bench_write(&b, HEADER, 4, type);
    bench_write(&b, HEADER + 4, 4, 0);
    bench_write(&b, HEADER + 8, 8, sector);
    bench_write(&b, STATUS, 1, 0x55);
}

// Sends a request of three descriptors and returns its status byte; *used is the used length.
static uint8_t request_used(uint32_t type, uint64_t sector, uint32_t len, uint32_t *used)
{
    bool write = type == IN || type == GET_ID;
    uint16_t index = driver_used_index(&d);
    header(type, sector);
    driver_desc(&d, 0, HEADER, 16, V_NEXT, len ? 1 : 2);
    driver_desc(&d, 1, DATA, len, write ? V_NEXT | V_WRITE : V_NEXT, 2);
    driver_desc(&d, 2, STATUS, 1, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used_index(&d), (uint16_t)(index + 1));
    EXPECT(driver_used(&d, index).id, 0);
    *used = driver_used(&d, index).len;
    return (uint8_t)bench_read(&b, STATUS, 1);
}

static uint8_t request(uint32_t type, uint64_t sector, uint32_t len)
{
    uint32_t used;
    return request_used(type, sector, len, &used);
}

BOTH(reads, false, true, 0)
{
    uint32_t used;
    EXPECT(request_used(IN, 5, 1024, &used), OK);
    EXPECT(used, 1025);
    EXPECT(bench_read(&b, DATA, 1), 5);
    EXPECT(bench_read(&b, DATA + 1023, 1), 6);
    EXPECT(bench_read(&b, DATA + 1024, 1), 0);
    EXPECT(b.wire[0].level, 1);
    EXPECT(fake.last.iovcnt, 1); // straight into guest RAM
    cr_assert_eq(b.ram + (DATA - RAM_BASE), (uint8_t *)dma_ptr(&b.bus, DATA, 1, false));
}

BOTH(writes, false, true, F_FLUSH)
{
    uint32_t used;
    memset(b.ram + (DATA - RAM_BASE), 0x77, 1024);
    EXPECT(request_used(OUT, 7, 1024, &used), OK);
    EXPECT(used, 1);
    EXPECT(fake.bytes[7 * 512 - 1], 6);
    EXPECT(fake.bytes[7 * 512], 0x77);
    EXPECT(fake.bytes[9 * 512 - 1], 0x77);
    EXPECT(fake.bytes[9 * 512], 9);
}

BOTH(scattered_in_any_layout, false, true, 0)
{
    // Header in two pieces, the first data with its end, the status with the last data.
    memset(b.ram + (DATA - RAM_BASE), 0x77, 4096);
    header(OUT, 3);
    driver_desc(&d, 0, HEADER, 5, V_NEXT, 1);
    driver_desc(&d, 1, HEADER + 5, 11, V_NEXT, 2);
    driver_desc(&d, 2, DATA, 100, V_NEXT, 3);
    driver_desc(&d, 3, DATA + 100, 412, V_NEXT, 4);
    driver_desc(&d, 4, STATUS, 1, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(bench_read(&b, STATUS, 1), OK);
    EXPECT(fake.bytes[3 * 512 + 511], 0x77);
    header(IN, 4);
    memset(b.ram + (DATA - RAM_BASE), 0, 4096);
    driver_desc(&d, 0, HEADER, 16, V_NEXT, 1);
    driver_desc(&d, 1, DATA, 300, V_WRITE | V_NEXT, 2);
    driver_desc(&d, 2, DATA + 1000, 213, V_WRITE, 0); // 212 and the status
    bench_write(&b, DATA + 1212, 1, 0x55);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(bench_read(&b, DATA + 299, 2), 4);
    EXPECT(bench_read(&b, DATA + 1211, 1), 4);
    EXPECT(bench_read(&b, DATA + 1212, 1), OK);
    EXPECT(driver_used(&d, 1).len, 513);
}

BOTH(bad_requests, false, true, F_DISCARD | F_ZEROES)
{
    uint32_t used;
    static const struct {
        uint32_t type;
        uint64_t sector;
        uint32_t len;
        uint8_t status;
    } bad[] = {
        {IN, SECTORS, 512, IOERR},
        {IN, SECTORS - 1, 1024, IOERR},
        {OUT, SECTORS, 512, IOERR},
        {IN, UINT64_MAX, 512, IOERR},
        {IN, UINT64_MAX / 512, 512, IOERR},
        {OUT, UINT64_C(1) << 55, 512, IOERR},
        {IN, 0, 511, IOERR},
        {OUT, 0, 513, IOERR},
        {IN, 0, 0, IOERR},
        {OUT, 0, 0, IOERR},
        {2, 0, 512, UNSUPP}, // SCSI
        {99, 0, 0, UNSUPP},
        {0xffffffff, 0, 512, UNSUPP},
        {DISCARD, 0, 8, IOERR},
        {DISCARD, 0, 32, IOERR},
        {ZEROES, 0, 0, IOERR},
        {GET_ID, 0, 19, IOERR},
        {GET_ID, 0, 4096, IOERR},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint8_t status = request_used(bad[i].type, bad[i].sector, bad[i].len, &used);
        cr_assert(status == bad[i].status, "case %zu: status %u, not %u", i, status, bad[i].status);
        bool data_in = (bad[i].type == IN || bad[i].type == GET_ID) && bad[i].len;
        cr_assert(used == (data_in ? 0 : 1), "case %zu: used %u", i, used);
    }
    EXPECT(fake.writes, 0);
    EXPECT(request(IN, 0, 512), OK);
}

BOTH(host_errors_reach_the_guest, false, true, F_FLUSH)
{
    fake.error = EIO;
    EXPECT(request(IN, 0, 512), IOERR);
    EXPECT(request(OUT, 0, 512), IOERR);
    EXPECT(request(FLUSH, 0, 0), IOERR);
    fake.error = 0;
    EXPECT(request(OUT, 0, 512), OK);
}

BOTH(readonly, true, true, F_RO)
{
    EXPECT(request(IN, 0, 512), OK);
    EXPECT(request(OUT, 0, 512), IOERR);
    EXPECT(fake.writes, 0);
}

BOTH(identification, false, true, 0)
{
    char id[21] = {0};
    uint32_t used;
    EXPECT(request_used(GET_ID, 0, 20, &used), OK);
    EXPECT(used, 21);
    memcpy(id, b.ram + (DATA - RAM_BASE), 20);
    cr_assert_str_eq(id, "serial-number-of-20-");
}

static void range(uint64_t sector, uint32_t sectors, uint32_t flags)
{
    bench_write(&b, DATA, 8, sector);
    bench_write(&b, DATA + 8, 4, sectors);
    bench_write(&b, DATA + 12, 4, flags);
}

BOTH(discard_and_write_zeroes, false, true, F_DISCARD | F_ZEROES)
{
    range(5, 10, 0);
    EXPECT(request(DISCARD, 0, 16), OK);
    EXPECT(fake.discards, 1);
    EXPECT(fake.last.offset, 5 * 512);
    EXPECT(fake.last.len, 10 * 512);
    EXPECT(request(ZEROES, 0, 16), OK);
    EXPECT(fake.zeroes, 1);
    EXPECT(fake.last.unmap, 0);
    range(5, 10, 1);
    EXPECT(request(ZEROES, 0, 16), OK);
    EXPECT(fake.last.unmap, 1);
    EXPECT(request(DISCARD, 0, 16), UNSUPP); // a flag that DISCARD does not have
    range(5, 10, 2);
    EXPECT(request(ZEROES, 0, 16), UNSUPP);
    range(SECTORS - 1, 2, 0);
    EXPECT(request(DISCARD, 0, 16), IOERR);
    range(0, 0xffffffff, 0);
    EXPECT(request(DISCARD, 0, 16), IOERR);
    range(UINT64_MAX / 512, 1, 0);
    EXPECT(request(ZEROES, 0, 16), IOERR);
    range(UINT64_MAX, 1, 0);
    EXPECT(request(ZEROES, 0, 16), IOERR);
    EXPECT(fake.discards, 1);
    EXPECT(fake.zeroes, 2);
}

BOTH(discard_needs_to_be_negotiated, false, true, 0)
{
    range(5, 10, 0);
    EXPECT(request(DISCARD, 0, 16), UNSUPP);
    EXPECT(request(ZEROES, 0, 16), UNSUPP);
    EXPECT(fake.discards + fake.zeroes, 0);
}

BOTH(flush_negotiated_means_write_back, false, true, F_FLUSH)
{
    EXPECT(request(OUT, 0, 512), OK);
    EXPECT(fake.last.through, 0);
    EXPECT(fake.flushes, 0);
    EXPECT(request(FLUSH, 0, 0), OK);
    EXPECT(fake.flushes, 1);
}

BOTH(without_flush_every_write_is_durable, false, true, 0)
{
    EXPECT(request(OUT, 0, 512), OK);
    EXPECT(fake.last.through, 1);
    EXPECT(request(FLUSH, 0, 0), OK); // harmless
}

BOTH(device_without_write_cache, false, false, 0)
{
    EXPECT(bench_read(&b, DEV_BASE + 0x100 + 32, 1), 0);
    EXPECT(request(OUT, 0, 512), OK);
    EXPECT(fake.last.through, 1);
}

BOTH(driver_chooses_the_cache_mode, false, true, F_FLUSH | F_WCE)
{
    EXPECT(bench_read(&b, DEV_BASE + 0x100 + 32, 1), 1);
    EXPECT(request(OUT, 0, 512), OK);
    EXPECT(fake.last.through, 0);
    bench_write(&b, DEV_BASE + 0x100 + 32, 1, 0);
    EXPECT(request(OUT, 0, 512), OK);
    EXPECT(fake.last.through, 1);
    bench_write(&b, DEV_BASE + 0x100 + 32, 1, 1);
    EXPECT(request(OUT, 0, 512), OK);
    EXPECT(fake.last.through, 0);
}

BOTH(configuration_space, false, true, 0)
{
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 8), SECTORS);
    EXPECT(bench_read(&b, DEV_BASE + 0x10c, 4), 254);
    EXPECT(bench_read(&b, DEV_BASE + 0x114, 4), 512);
    EXPECT(bench_read(&b, DEV_BASE + 0x100 + 34, 2), 1);
    EXPECT(bench_read(&b, DEV_BASE + 0x100 + 40, 4), 1);
    EXPECT(bench_read(&b, DEV_BASE + 0x100 + 56, 1), 1);
    bench_write(&b, DEV_BASE + 0x100, 8, 1); // read-only
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 8), SECTORS);
    EXPECT(bench_read(&b, DEV_BASE + 0x100 + 60, 4), 0);
}

static void expect_broken(void)
{
    uint16_t used = driver_used_index(&d);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used_index(&d), used);
    EXPECT(driver_status(&d) & 0x40, 0x40);
    wr(&b, 0x70, 0);
    driver_restart(&d);
    EXPECT(request(IN, 0, 512), OK);
}

BOTH(header_too_short, false, true, 0)
{
    driver_desc(&d, 0, HEADER, 15, V_NEXT, 1);
    driver_desc(&d, 1, STATUS, 1, V_WRITE, 0);
    expect_broken();
}

BOTH(no_header, false, true, 0)
{
    driver_desc(&d, 0, STATUS, 1, V_WRITE, 0);
    expect_broken();
}

BOTH(no_status, false, true, 0)
{
    driver_desc(&d, 0, HEADER, 16, 0, 0);
    expect_broken();
}

BOTH(many_requests_one_kick, false, true, 0)
{
    for (unsigned i = 0; i < 21; i++) {
        bench_write(&b, HEADER + 16 * i, 4, IN);
        bench_write(&b, HEADER + 16 * i + 8, 8, i);
        driver_desc(&d, 3 * i, HEADER + 16 * i, 16, V_NEXT, (uint16_t)(3 * i + 1));
        driver_desc(&d, 3 * i + 1, DATA + 512 * i, 512, V_NEXT | V_WRITE, (uint16_t)(3 * i + 2));
        driver_desc(&d, 3 * i + 2, STATUS + i, 1, V_WRITE, 0);
        driver_offer(&d, (uint16_t)(3 * i));
    }
    driver_kick(&d);
    EXPECT(driver_used_index(&d), 21);
    for (unsigned i = 0; i < 21; i++)
        EXPECT(bench_read(&b, DATA + 512 * i, 1), i);
    EXPECT(b.wire[0].rises, 1);
}

BOTH(reads_are_told_to_the_bus, false, true, 0)
{
    header(IN, 0);
    driver_desc(&d, 0, HEADER, 16, V_NEXT, 1);
    driver_desc(&d, 1, DATA, 1024, V_NEXT | V_WRITE, 2);
    driver_desc(&d, 2, STATUS, 1, V_WRITE, 0);
    driver_offer(&d, 0);
    b.written = 0;
    driver_kick(&d);
    EXPECT(b.written, 1024 + 1 + 8 + 2);
}

BOTH(save_and_load, false, true, F_FLUSH | F_WCE)
{
    bench_write(&b, DEV_BASE + 0x100 + 32, 1, 0);
    EXPECT(request(IN, 0, 512), OK);
    static struct fake other;
    struct virtio_blk_config config = {&other.block, NULL, true};
    other.block = fake.block;
    struct device *dev2 = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 1),
                                             d.legacy, virtio_blk_create(&config), NULL);
    bench_copy_state(dev, dev2);
    EXPECT(dev2->ops->read(dev2->opaque, 0x100 + 32, 1), 0);
    EXPECT(dev2->ops->read(dev2->opaque, 0x70, 4), driver_status(&d));
    EXPECT(b.wire[1].level, 1);
    cr_assert(!bench_load_damaged(dev, dev2, 2, 0, 2), "cache mode of 2");
    bench_refuses_corruption(dev);
    device_destroy(dev2);
}
