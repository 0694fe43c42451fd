// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/virtio/balloon.h"
#include "multi_driver.h"

#include <string.h>

enum { INFLATE, DEFLATE, REPORT };

#define F_OOM       BIT(2)
#define F_POISON    BIT(4)
#define F_REPORTING BIT(5)
#define OUT         MULTI_DATA
#define FREE        (RAM_BASE + 0x80000)

static struct bench b;
static struct multi m;
static struct device *dev;
static struct virtio *balloon;
static unsigned releases;
static uint64_t released, last_gpa, last_len;

static void release(void *opaque, gpa_t gpa, uint64_t len)
{
    uint8_t *p = dma_ptr(&b.bus, gpa, len, true);
    cr_assert(p && gpa % 4096 == 0 && len && len % 4096 == 0, "0x%llx bytes at 0x%llx released",
              (unsigned long long)len, (unsigned long long)gpa);
    releases++;
    released += len;
    last_gpa = gpa;
    last_len = len;
}

static void begin(uint64_t features)
{
    struct error err;
    struct virtio_balloon_config config = {release, NULL, true, true};
    bench_init(&b);
    releases = 0;
    released = 0;
    balloon = virtio_balloon_create(&config);
    dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), false, balloon,
                             NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    multi_start(&m, &b, features, 3, 32);
}

static void end(void)
{
    device_destroy(dev);
    bench_fini(&b);
}

static void put_pages(const uint32_t *pfn, unsigned count)
{
    memcpy(b.ram + (OUT - RAM_BASE), pfn, count * sizeof *pfn);
}

Test(balloon, what_it_offers)
{
    struct virtio_balloon_config plain = {release, NULL, false, false};
    begin(0);
    EXPECT(rd(&b, 8), 5);
    wr(&b, 0x14, 0);
    EXPECT(rd(&b, 0x10) & 0xff, F_OOM | F_POISON | F_REPORTING);
    struct virtio *v = virtio_balloon_create(&plain);
    EXPECT(v->features, 0);
    virtio_destroy(v);
    end();
}

Test(balloon, inflates)
{
    static const uint32_t pages[] = {0x40080, 0x40081, 0x40082, // neighbours upwards
                                     0x40093, 0x40092,          // and downwards
                                     0x400a0};
    begin(F_OOM);
    put_pages(pages, 6);
    uint64_t before = b.written;
    multi_offer(&m, INFLATE, {OUT, 13}, {OUT + 13, 11});
    multi_kick(&m, INFLATE);
    EXPECT(multi_expect(&m, INFLATE), 0);
    EXPECT(releases, 3);
    EXPECT(released, 6 * 4096);
    EXPECT(last_gpa, 0x400a0000);
    cr_assert(b.written - before >= 6 * 4096, "the CPUs do not know");
    EXPECT(b.wire[0].level, 1);
    multi_offer(&m, DEFLATE, {OUT, 24});
    multi_kick(&m, DEFLATE);
    EXPECT(multi_expect(&m, DEFLATE), 0);
    EXPECT(releases, 3);
    end();
}

Test(balloon, what_is_not_ram_is_left_alone)
{
    static const uint32_t pages[] = {0, 0x10, 0x9000, 0x3ffff, 0x40100, 0xffffffff, 0x400ff};
    begin(0);
    put_pages(pages, 7);
    multi_offer(&m, INFLATE, {OUT, 28});
    multi_kick(&m, INFLATE);
    EXPECT(multi_expect(&m, INFLATE), 0);
    EXPECT(releases, 1);
    EXPECT(last_gpa, 0x400ff000);
    EXPECT(multi_status(&m), 15);
    put_pages(pages, 7);
    multi_offer(&m, INFLATE, {OUT, 3}); // not even one number
    multi_offer(&m, INFLATE, {OUT, 4, true});
    multi_kick(&m, INFLATE);
    multi_expect(&m, INFLATE);
    multi_expect(&m, INFLATE);
    EXPECT(releases, 1);
    end();
}

// A list is done a share at a time, and one kick does so many shares as the queue has entries. What
// is left comes later, also when the state is loaded in between.
Test(balloon, long_lists)
{
    uint32_t len;
    begin(0);
    for (unsigned i = 0; i < 0x10000; i++) { // never neighbours
        uint32_t pfn = 0x40080 + i % 2 * 8;
        memcpy(b.ram + (OUT - RAM_BASE) + 4 * i, &pfn, 4);
    }
    multi_offer(&m, INFLATE, {OUT, 0x40000});
    multi_kick(&m, INFLATE);
    EXPECT(releases, 32 * 1024);
    cr_assert(!multi_used(&m, INFLATE, &len), "done before it is done");
    bench_copy_state(dev, dev);
    for (unsigned i = 0; i < 4; i++)
        clock_step(&b.clock, 1000);
    multi_expect(&m, INFLATE);
    EXPECT(releases, 64 * 1024);
    end();
}

Test(balloon, reports)
{
    begin(F_REPORTING);
    multi_offer(&m, REPORT, {FREE, 0x10000, true}, {FREE + 0x20000, 0x8000, true});
    multi_kick(&m, REPORT);
    EXPECT(multi_expect(&m, REPORT), 0);
    EXPECT(releases, 2);
    EXPECT(released, 0x18000);
    EXPECT(last_gpa, FREE + 0x20000);
    multi_offer(&m, REPORT, {FREE + 1, 0x2fff, true}, {FREE + 8, 0x1ff0, true},
                {FREE + 8, 16, true});
    multi_kick(&m, REPORT); // the whole pages inside
    EXPECT(releases, 3);
    EXPECT(last_gpa, FREE + 0x1000);
    EXPECT(last_len, 0x2000);
    end();
}

Test(balloon, reports_need_the_feature_and_no_pattern)
{
    begin(0);
    multi_offer(&m, REPORT, {FREE, 0x10000, true});
    multi_kick(&m, REPORT);
    EXPECT(multi_expect(&m, REPORT), 0);
    EXPECT(releases, 0);
    multi_start(&m, &b, F_REPORTING | F_POISON, 3, 32);
    bench_write(&b, DEV_BASE + 0x10c, 4, 0xaaaaaaaa);
    multi_offer(&m, REPORT, {FREE, 0x10000, true});
    multi_kick(&m, REPORT);
    EXPECT(releases, 0);
    bench_write(&b, DEV_BASE + 0x10c, 4, 0);
    multi_offer(&m, REPORT, {FREE, 0x10000, true});
    multi_kick(&m, REPORT);
    EXPECT(releases, 1);
    end();
}

Test(balloon, target)
{
    begin(F_OOM);
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 4), 0);
    uint32_t generation = rd(&b, 0xfc);
    virtio_balloon_set_target(balloon, 1000);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, 0x60), 2); // the configuration has changed
    EXPECT(rd(&b, 0xfc), generation + 1);
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 4), 1000);
    bench_write(&b, DEV_BASE + 0x104, 4, 900);
    EXPECT(virtio_balloon_actual(balloon), 900);
    bench_write(&b, DEV_BASE + 0x100, 4, 5); // the host's
    bench_write(&b, DEV_BASE + 0x108, 4, 5);
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 4), 1000);
    EXPECT(bench_read(&b, DEV_BASE + 0x108, 4), 0);
    bench_copy_state(dev, dev);
    bench_refuses_corruption(dev);
    wr(&b, 0x70, 0);
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 4), 1000);
    EXPECT(virtio_balloon_actual(balloon), 0);
    end();
}

Test(balloon, fuzz, .timeout = 60)
{
    begin(F_OOM | F_REPORTING);
    multi_fuzz(&b, dev, F_OOM | F_REPORTING, 4, 88172645463325252u, 40000, NULL);
    end();
}
