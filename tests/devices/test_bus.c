// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"

#include <string.h>

struct probe {
    struct device dev;
    uint64_t offset, value;
    unsigned size, reads, writes;
};

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
    struct probe *p = opaque;
    p->offset = offset;
    p->size = size;
    p->reads++;
    return UINT64_C(0x8877665544332211);
}

static void probe_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *p = opaque;
    p->offset = offset;
    p->size = size;
    p->value = value;
    p->writes++;
}

static const struct device_ops probe_ops = {
    .read = probe_read, .write = probe_write, .access_min = 2, .access_max = 4};

static struct bench b;
static struct probe p;

static void setup(void)
{
    struct error err;
    bench_init(&b);
    p = (struct probe){0};
    device_init(&p.dev, &probe_ops, &p, 0x102, "probe");
    cr_assert(bus_map(&b.bus, DEV_BASE, &p.dev, &err));
}

static void teardown(void)
{
    bench_fini(&b);
}

TestSuite(bus, .init = setup, .fini = teardown);

Test(bus, device_sees_offsets_and_its_sizes)
{
    uint64_t v = 0;
    EXPECT(bench_read(&b, DEV_BASE + 8, 4), 0x44332211);
    EXPECT(p.offset, 8);
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 2), 0x2211);
    bench_write(&b, DEV_BASE + 2, 2, 0xabcdef);
    EXPECT(p.value, 0xcdef);
    EXPECT(p.offset, 2);
    unsigned reads = p.reads, writes = p.writes;
    cr_assert(!bus_read(&b.bus, DEV_BASE, 1, &v), "narrower than the device allows");
    cr_assert(!bus_read(&b.bus, DEV_BASE, 8, &v), "wider than the device allows");
    cr_assert(!bus_read(&b.bus, DEV_BASE + 2, 4, &v), "misaligned");
    cr_assert(!bus_read(&b.bus, DEV_BASE + 0x100, 4, &v), "beyond the window");
    cr_assert(!bus_read(&b.bus, DEV_BASE + 0x102, 2, &v), "behind the window");
    cr_assert(!bus_read(&b.bus, DEV_BASE - 2, 2, &v), "in front of the window");
    cr_assert(!bus_write(&b.bus, DEV_BASE, 8, 0), "wider than the device allows");
    EXPECT(p.reads, reads);
    EXPECT(p.writes, writes);
}

Test(bus, ram_of_every_size_and_its_ends)
{
    uint64_t v;
    for (unsigned size = 1; size <= 8; size *= 2) {
        bench_write(&b, RAM_BASE + RAM_SIZE - size, size, UINT64_C(0x1122334455667788));
        EXPECT(bench_read(&b, RAM_BASE + RAM_SIZE - size, size),
               UINT64_C(0x1122334455667788) & mask64(8 * size));
        EXPECT(b.last_written, RAM_BASE + RAM_SIZE - size);
    }
    cr_assert(!bus_read(&b.bus, RAM_BASE + RAM_SIZE - 4, 8, &v));
    cr_assert(!bus_read(&b.bus, RAM_BASE + RAM_SIZE, 1, &v));
    cr_assert(!bus_read(&b.bus, UINT64_MAX, 1, &v));
    cr_assert(!bus_read(&b.bus, UINT64_MAX - 3, 8, &v));
    bench_write(&b, RAM_BASE + 3, 4, 0xdeadbeef); // RAM does not mind alignment
    EXPECT(bench_read(&b, RAM_BASE + 3, 4), 0xdeadbeef);
}

Test(bus, rom_is_read_only)
{
    b.rom[4] = 0x77;
    EXPECT(bench_read(&b, ROM_BASE + 4, 1), 0x77);
    cr_assert(!bus_write(&b.bus, ROM_BASE + 4, 1, 0));
    EXPECT(b.rom[4], 0x77);
}

Test(bus, regions_never_overlap)
{
    struct error err = {0};
    struct probe q;
    device_init(&q.dev, &probe_ops, &q, 0x1000, "other");
    cr_assert(!bus_map(&b.bus, DEV_BASE + 0x101, &q.dev, &err));
    cr_assert(strstr(err.text, "other at 0x9000101 overlaps probe at 0x9000000"), "%s", err.text);
    cr_assert(!bus_map(&b.bus, DEV_BASE - 0xfff, &q.dev, &err));
    cr_assert(!bus_map(&b.bus, DEV_BASE, &q.dev, &err));
    cr_assert(!bus_map(&b.bus, RAM_BASE + 0x1000, &q.dev, &err));
    cr_assert(!bus_map(&b.bus, UINT64_MAX - 0xffe, &q.dev, &err), "wraps");
    cr_assert(bus_map(&b.bus, UINT64_MAX - 0xfff, &q.dev, &err), "ends at the top: %s", err.text);
    EXPECT(bench_read(&b, UINT64_MAX - 1, 2), 0x2211);
    device_init(&q.dev, &probe_ops, &q, 0, "empty");
    cr_assert(!bus_map(&b.bus, 0, &q.dev, &err));
}

Test(bus, many_regions_are_all_found)
{
    static struct probe many[100];
    struct error err;
    for (unsigned i = 0; i < 100; i++) {
        unsigned at = i * 37 % 100; // not in order
        device_init(&many[at].dev, &probe_ops, &many[at], 0x100, "one");
        cr_assert(bus_map(&b.bus, 0xa000000 + at * 0x200, &many[at].dev, &err), "%s", err.text);
    }
    uint64_t v;
    for (unsigned i = 0; i < 100; i++) {
        bench_write(&b, 0xa000000 + i * 0x200 + 0x10, 4, i);
        EXPECT(many[i].value, i);
        EXPECT(many[i].writes, 1);
        cr_assert(!bus_read(&b.bus, 0xa000000 + i * 0x200 + 0x100, 4, &v));
    }
}

Test(bus, dma_reaches_ram_only)
{
    uint8_t buf[16] = "0123456789abcde";
    cr_assert(dma_write(&b.bus, RAM_BASE + RAM_SIZE - 16, buf, 16));
    EXPECT(b.written, 16);
    EXPECT(b.last_written, RAM_BASE + RAM_SIZE - 16);
    uint8_t back[16];
    cr_assert(dma_read(&b.bus, RAM_BASE + RAM_SIZE - 16, back, 16));
    cr_assert_arr_eq(buf, back, 16);
    cr_assert(!dma_write(&b.bus, RAM_BASE + RAM_SIZE - 15, buf, 16), "leaves RAM");
    cr_assert(!dma_write(&b.bus, DEV_BASE, buf, 4), "a device");
    cr_assert(!dma_read(&b.bus, DEV_BASE, buf, 4), "a device");
    cr_assert(!dma_read(&b.bus, 0, buf, 1), "nothing");
    cr_assert(!dma_read(&b.bus, RAM_BASE + 16, buf, UINT64_MAX - 8), "wraps");
    cr_assert(!dma_write(&b.bus, ROM_BASE, buf, 4), "read-only");
    cr_assert(dma_read(&b.bus, ROM_BASE, buf, 4));
    cr_assert_null(dma_ptr(&b.bus, DEV_BASE, 4, false));
    cr_assert_null(dma_ptr(&b.bus, ROM_BASE, 4, true));
    cr_assert_eq(dma_ptr(&b.bus, RAM_BASE + 5, RAM_SIZE - 5, true), b.ram + 5);
    EXPECT(p.reads + p.writes, 0);
    EXPECT(b.written, 16);
}
