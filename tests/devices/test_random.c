// SPDX-License-Identifier: GPL-3.0-or-later
// Whatever a guest writes to whatever register with whatever size, nothing breaks: no crash, no
// access outside (under the sanitizers), no endless loop, and the state stays one that loads.
#include "bench.h"
#include "devices/char/buffer.h"
#include "devices/fw_cfg.h"
#include "devices/gic.h"
#include "devices/gtimer.h"
#include "devices/pflash.h"
#include "devices/pl011.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "tests/support/random.h"

#include <stdlib.h>
#include <string.h>

static struct bench b;
static uint64_t x = RANDOM_SEED;

static uint64_t next(void)
{
    return random_next(&x);
}

static void hammer(struct device *dev, unsigned rounds)
{
    struct error err;
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    for (unsigned i = 0; i < rounds; i++) {
        unsigned size = 1u << next() % 4;
        uint64_t offset = next() % dev->size, value;
        if (next() & 1) // most registers are at the beginning of a window
            offset &= 0x1fff;
        offset &= ~(uint64_t)(size - 1);
        if (next() & 1)
            bus_write(&b.bus, DEV_BASE + offset, size, next() >> next() % 64);
        else
            bus_read(&b.bus, DEV_BASE + offset, size, &value);
        if (i % 64 == 0)
            clock_step(&b.clock, (int64_t)(next() % 2000000000));
    }
}

Test(random, pl011, .timeout = 60)
{
    bench_init(&b);
    struct chardev *c = buffer_create();
    struct device *dev = pl011_create("pl011", &b.clock, bench_wire(&b, 0), c, NULL);
    static uint8_t input[100000];
    buffer_input(c, input, sizeof input);
    hammer(dev, 200000);
    bench_copy_state(dev, dev);
    device_destroy(dev);
    chardev_destroy(c);
    bench_fini(&b);
}

Test(random, pl031, .timeout = 60)
{
    bench_init(&b);
    struct device *dev = pl031_create("pl031", &b.clock, bench_wire(&b, 0), 0);
    hammer(dev, 100000);
    bench_copy_state(dev, dev);
    device_destroy(dev);
    bench_fini(&b);
}

Test(random, pl061, .timeout = 60)
{
    bench_init(&b);
    struct irq_line out[8] = {{0}};
    struct device *dev = pl061_create("pl061", bench_wire(&b, 0), out, NULL);
    hammer(dev, 100000);
    bench_copy_state(dev, dev);
    device_destroy(dev);
    bench_fini(&b);
}

static void fw_cfg_written_to(void *opaque, uint32_t offset, uint32_t len)
{
    cr_assert(offset <= 28 && len <= 28 - offset, "%u bytes written at %u", len, offset);
}

// Descriptions of transfers are random too: they lie in RAM that is filled anew all the time.
Test(random, fw_cfg, .timeout = 60)
{
    bench_init(&b);
    struct fw_cfg *fw = fw_cfg_create("fw-cfg", &b.bus, NULL);
    uint8_t *file = calloc(1, 28);
    fw_cfg_add_file(fw, "etc/ramfb", file, 28, fw_cfg_written_to, NULL);
    hammer(fw_cfg_device(fw), 100000);
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t control = (next() % 0x24 << 16 | next() % 32) ^ (i % 16 ? 0 : (uint32_t)next());
        uint32_t words[4] = {control, (uint32_t)(next() >> (32 + next() % 32)), 0,
                             (uint32_t)(RAM_BASE + next() % (RAM_SIZE + 256))};
        for (unsigned w = 0; w < 4; w++)
            words[w] = __builtin_bswap32(words[w]);
        memcpy(b.ram, words, sizeof words);
        bus_write(&b.bus, DEV_BASE + 16, 8, __builtin_bswap64(RAM_BASE));
    }
    bench_copy_state(fw_cfg_device(fw), fw_cfg_device(fw));
    device_destroy(fw_cfg_device(fw));
    free(file);
    bench_fini(&b);
}

static void pflash_mode(void *opaque, bool array)
{
    *(bool *)opaque = array;
}

static void pflash_written(void *opaque, uint64_t offset, uint64_t len)
{
    cr_assert(offset <= PFLASH_SIZE && len <= PFLASH_SIZE - offset);
}

Test(random, pflash, .timeout = 60)
{
    static const uint8_t commands[] = {0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90,
                                       0x98, 0xd0, 0xe8, 0x01, 0xff, 0x03};
    bool array = true;
    struct pflash_config config = {
        .mode = pflash_mode, .written = pflash_written, .opaque = &array};
    struct error err;
    bench_init(&b);
    struct device *dev = pflash_create("pflash", &config, NULL);
    struct device *other = pflash_create("pflash", &config, NULL);
    cr_assert(bus_map(&b.bus, 0x10000000, dev, &err));
    for (unsigned i = 0; i < 200000; i++) {
        unsigned size = 1u << next() % 4;
        uint64_t at = 0x10000000 + (next() % PFLASH_SIZE >> next() % 20 & ~(uint64_t)(size - 1));
        uint64_t value = next() % 16 ? commands[next() % sizeof commands] : next();
        if (i % 4)
            bus_write(&b.bus, at, size, value);
        else
            bus_read(&b.bus, at, size, &value);
    }
    bench_copy_state(dev, other);
    device_destroy(dev);
    device_destroy(other);
    bench_fini(&b);
}

Test(random, gic, .timeout = 60)
{
    bench_init(&b);
    struct error err;
    struct gic_config config = {.cpus = 3};
    struct gic *g = gic_create(&config);
    cr_assert(bus_map(&b.bus, 0x8000000, gic_dist(g), &err));
    for (unsigned i = 0; i < 300; i++) {
        uint64_t at = 0x8000000 + (next() & 0xfffc), value = next();
        bus_write(&b.bus, at, 4, value);
        for (unsigned j = 0; j < 200; j++) {
            struct irq_line l = gic_spi_line(g, next() % GIC_SPIS);
            irq_set(&l, next() & 1);
            l = gic_ppi_line(g, next() % 3, next() % 16);
            irq_set(&l, next() & 1);
            gic_icc_write(g, next() % 3, next() % GIC_ICC_COUNT, next() >> next() % 64);
            uint64_t id = gic_icc_read(g, next() % 3, next() & 1 ? GIC_ICC_IAR0 : GIC_ICC_IAR1);
            cr_assert(id < GIC_INTIDS || id == 1023, "INTID %llu", (unsigned long long)id);
        }
    }
    hammer(gic_redist(g), 100000);
    bench_copy_state(gic_dist(g), gic_dist(g));
    gic_destroy(g);
    bench_fini(&b);
}

static unsigned some_cpu(void *opaque)
{
    return *(unsigned *)opaque;
}

static void hammer_gicv2(unsigned cpus)
{
    bench_init(&b);
    struct error err;
    unsigned accessor = 0;
    struct gic *g = gic_create(&(struct gic_config){
        .version = 2, .cpus = cpus, .accessor = some_cpu, .opaque = &accessor});
    cr_assert(bus_map(&b.bus, 0x8000000, gic_dist(g), &err));
    for (unsigned i = 0; i < 300000; i++) {
        unsigned size = 1u << next() % 4;
        uint64_t at = 0x8000000 + (next() % 0x1000 & ~(uint64_t)(size - 1)), value = next();
        bus_write(&b.bus, at, size, value);
        struct irq_line l = gic_spi_line(g, next() % GIC_SPIS);
        irq_set(&l, next() & 1);
        accessor = (unsigned)(next() % cpus);
    }
    bench_copy_state(gic_dist(g), gic_dist(g));
    hammer(gic_cpu_interface(g), 300000);
    bench_copy_state(gic_dist(g), gic_dist(g));
    gic_destroy(g);
    bench_fini(&b);
}

Test(random, gicv2, .timeout = 60)
{
    hammer_gicv2(1);
    hammer_gicv2(5);
}

Test(random, gtimer, .timeout = 60)
{
    bench_init(&b);
    struct irq_line lines[GTIMER_TIMERS] = {bench_wire(&b, 0), bench_wire(&b, 1),
                                            bench_wire(&b, 2)};
    struct gtimer *g = gtimer_create(&b.clock, 1, lines);
    for (unsigned i = 0; i < 100000; i++) {
        unsigned id = next() % GTIMER_TIMERS;
        gtimer_write(g, 0, id, next() % 3, next() >> next() % 64);
        if (next() % 16 == 0)
            gtimer_set_offset(g, 0, next() >> next() % 64);
        if (next() % 8 == 0)
            clock_step(&b.clock, (int64_t)(next() % 1000000));
        // The line and the status say the same at every moment.
        bool on = (gtimer_read(g, 0, id, GTIMER_CTL) & 7) == 5;
        cr_assert(b.wire[id].level == on, "timer %u: line %d, status %d", id, b.wire[id].level, on);
    }
    gtimer_destroy(g);
    bench_fini(&b);
}
