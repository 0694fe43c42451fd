// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/virtio/rng.h"
#include "virtio_driver.h"

#include <string.h>

static uint8_t next;

static void counting(void *opaque, void *to, size_t len)
{
    for (uint8_t *p = to; len--;)
        *p++ = ++next;
}

static void check(bool legacy)
{
    struct bench b;
    struct driver d;
    struct error err;
    bench_init(&b);
    struct device *dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0),
                                            legacy, virtio_rng_create(counting, NULL), NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    EXPECT(rd(&b, 8), 4);
    driver_start(&d, &b, legacy, 8, RAM_BASE, 0);
    driver_desc(&d, 0, RAM_BASE + 0x10000, 3, V_WRITE | V_NEXT, 1);
    driver_desc(&d, 1, RAM_BASE + 0x20000, 2, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 0).len, 5);
    EXPECT(bench_read(&b, RAM_BASE + 0x10000, 4), 0x030201);
    EXPECT(bench_read(&b, RAM_BASE + 0x20000, 4), 0x0504);
    EXPECT(b.wire[0].level, 1);
    driver_desc(&d, 0, RAM_BASE + 0x10000, 0x10000, V_WRITE, 0); // more than a share
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 1).len, 4096);
    EXPECT(bench_read(&b, RAM_BASE + 0x11000, 8), 0);
    driver_desc(&d, 0, RAM_BASE + 0x10000, 16, 0, 0); // nothing to write to
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 2).len, 0);
    device_destroy(dev);
    bench_fini(&b);
}

Test(rng, legacy)
{
    check(true);
}

Test(rng, modern)
{
    check(false);
}

Test(rng, host_entropy)
{
    struct bench b;
    struct driver d;
    struct error err;
    uint8_t zeros[64] = {0};
    bench_init(&b);
    struct device *dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0),
                                            false, virtio_rng_create(NULL, NULL), NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    driver_start(&d, &b, false, 8, RAM_BASE, 0);
    driver_desc(&d, 0, RAM_BASE + 0x10000, 64, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 0).len, 64);
    cr_assert(memcmp(b.ram + 0x10000, zeros, 64), "64 bytes of entropy are all zero");
    device_destroy(dev);
    bench_fini(&b);
}
