// SPDX-License-Identifier: GPL-3.0-or-later
// Whatever a driver of virtio-gpu sends, nothing breaks (under the sanitizers), every request is
// answered, memory stays below the limit, what is shown can be read, and the state loads.
//
// Fixed seeds; GPU_FUZZ=N sends N commands a seed.
#include "devices/virtio/input.h"
#include "gpu_driver.h"
#include "tests/support/random.h"

#include <stdlib.h>
#include <string.h>

static struct gpu_bed g, other;
static uint64_t x;

static uint64_t next(void)
{
    return random_next(&x);
}

// Mostly sensible, sometimes at an edge, sometimes anything.
static uint32_t number(uint32_t sensible)
{
    static const uint32_t edges[] = {0,          1,          2,          63,        64,
                                     65,         4095,       4096,       8192,      8193,
                                     0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    switch (next() % 16) {
    case 0:
        return edges[next() % ARRAY_SIZE(edges)];
    case 1:
        return (uint32_t)next() >> next() % 32;
    default:
        return (uint32_t)(next() % sensible);
    }
}

static struct virtio_gpu_rect rect(void)
{
    return (struct virtio_gpu_rect){number(8), number(8), number(100), number(100)};
}

static gpa_t address(void)
{
    return next() % 16 ? RAM_BASE + next() % (RAM_SIZE + 64) : next() >> next() % 64;
}

union command {
    struct virtio_gpu_ctrl_hdr hdr;
    struct virtio_gpu_resource_create_2d create;
    struct virtio_gpu_set_scanout scanout;
    struct virtio_gpu_resource_flush flush;
    struct virtio_gpu_transfer_to_host_2d transfer;
    struct {
        struct virtio_gpu_resource_attach_backing c;
        struct virtio_gpu_mem_entry e[32];
    } attach;
    struct virtio_gpu_update_cursor cursor;
    uint8_t bytes[1024];
};

static void fill(union command *c, uint32_t type)
{
    uint32_t id = number(12);
    *c = (union command){.hdr = {.type = type, .flags = (uint32_t)next() & 1, .fence_id = next()}};
    switch (type) {
    case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
        c->create.resource_id = id;
        c->create.format =
            next() % 8 ? (uint32_t[]){1, 2, 3, 4, 67, 68, 121, 134}[next() % 8] : number(140);
        c->create.width = number(120);
        c->create.height = number(120);
        break;
    case VIRTIO_GPU_CMD_SET_SCANOUT:
        c->scanout.r = rect();
        c->scanout.scanout_id = next() % 8 ? 0 : number(16);
        c->scanout.resource_id = id;
        break;
    case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
        c->flush.r = rect();
        c->flush.resource_id = id;
        break;
    case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
        c->transfer.r = rect();
        c->transfer.offset = next() % 4 ? number(4000) : next() >> next() % 64;
        c->transfer.resource_id = id;
        break;
    case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
        c->attach.c.resource_id = id;
        c->attach.c.nr_entries = number(32);
        for (unsigned i = 0; i < 32; i++)
            c->attach.e[i] = (struct virtio_gpu_mem_entry){address(), number(0x4000), 0};
        break;
    default:
        c->create.resource_id = id; // where UNREF and DETACH have it too
    }
}

static void send_control(void)
{
    static const uint32_t types[] = {0x100, 0x101, 0x101, 0x102, 0x103, 0x103, 0x104,
                                     0x105, 0x105, 0x106, 0x106, 0x107, 0x10a};
    union command c;
    struct virtio_gpu_resp_edid answer;
    uint32_t type = next() % 32 ? types[next() % ARRAY_SIZE(types)] : number(0x400);
    fill(&c, type);
    uint32_t len = next() % 32 ? sizeof c : (uint32_t)(1 + next() % sizeof c);
    if (next() % 64 == 0)
        for (unsigned i = 0; i < 64; i++)
            c.bytes[next() % 128] = (uint8_t)next();
    gpu_send(&g, &c, len, &answer, next() % 16 ? sizeof answer : (uint32_t)(next() % 64));
}

static void send_cursor(void)
{
    struct virtio_gpu_update_cursor c = {{.type = 0x300 + (uint32_t)(next() % 3)},
                                         {next() % 8 == 0, number(200), number(200), 0},
                                         number(12),
                                         number(64),
                                         number(64),
                                         0};
    gpu_send_cursor(&g, &c, next() % 16 ? sizeof c : (uint32_t)(1 + next() % sizeof c));
}

static void look(struct display_view *v)
{
    struct display_frame f;
    uint32_t line[DISPLAY_MAX_WIDTH], first = 0, n;
    if (!display_take(v, &f))
        return;
    while ((n = display_frame_next(&f, &first))) {
        for (uint32_t i = 0; i < n; i++)
            display_convert(&f.surface, first + i, 1, line, sizeof line);
        first += n;
    }
    display_frame_release(&f);
}

static void run(uint64_t seed)
{
    const char *n = getenv("GPU_FUZZ");
    unsigned commands = n ? (unsigned)atoi(n) : 4000, shown = 0;
    struct display_view v;
    x = seed;
    gpu_bed_init(&g, 4 << 20);
    gpu_bed_init(&other, 4 << 20);
    cr_assert(display_attach(g.display, &v, NULL, NULL));
    for (unsigned i = 0; i < commands; i++) {
        if (next() % 8)
            send_control();
        else
            send_cursor();
        if (next() % 128 == 0)
            display_request_size(g.display, number(2000), number(2000));
        if (next() % 16 == 0)
            look(&v);
        if (next() % 512 == 0) {
            memcpy(other.b.ram, g.b.ram, RAM_SIZE);
            bench_copy_state(g.dev, other.dev);
        }
        shown += display_is_on(g.display);
    }
    EXPECT(driver_status(&g.control), 15);
    cr_assert(shown > commands / 20, "something was shown after %u of %u commands only", shown,
              commands);
    display_detach(&v);
    gpu_bed_fini(&g);
    gpu_bed_fini(&other);
}

// Registers, rings and descriptors at random: every device that has displays or input behind it.
static void hammer(struct virtio *v, struct bench *b)
{
    static const unsigned offsets[] = {0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50,  0x50,
                                       0x50, 0x64, 0x70, 0x80, 0x90, 0xa0, 0x100, 0x104};
    struct error err;
    uint64_t value;
    struct device *dev =
        virtio_mmio_create("virtio-mmio", &b->bus, &b->clock, bench_wire(b, 0), false, v, NULL);
    cr_assert(bus_map(&b->bus, DEV_BASE, dev, &err));
    for (unsigned i = 0; i < 100000; i++) {
        unsigned offset =
            next() % 4 ? offsets[next() % ARRAY_SIZE(offsets)] : (unsigned)(next() % 0x200 & ~7u);
        if (next() % 64 == 0) // let it come to life
            for (unsigned q = 0; q < 2; q++) {
                bus_write(&b->bus, DEV_BASE + 0x70, 4, 15);
                bus_write(&b->bus, DEV_BASE + 0x30, 4, q);
                bus_write(&b->bus, DEV_BASE + 0x80, 4, RAM_BASE + (next() & 0xff0));
                bus_write(&b->bus, DEV_BASE + 0x90, 4, RAM_BASE + (next() & 0xffe));
                bus_write(&b->bus, DEV_BASE + 0xa0, 4, RAM_BASE + (next() & 0xffc));
                bus_write(&b->bus, DEV_BASE + 0x44, 4, 1);
            }
        else if (next() & 1)
            bus_write(&b->bus, DEV_BASE + offset, 4, next() >> next() % 64);
        else
            bus_read(&b->bus, DEV_BASE + offset, 1u << next() % 4, &value);
        for (unsigned n = 0; n < 8; n++) { // rings and what they point to
            uint64_t word = next() % 2 ? next() >> next() % 64 : RAM_BASE + next() % 0x2000;
            memcpy(b->ram + (next() % 0x2000 & ~7u), &word, 8);
        }
        if (i % 64 == 0)
            clock_step(&b->clock, (int64_t)(next() % 1000));
    }
    bench_copy_state(dev, dev);
    device_destroy(dev);
}

Test(gpu_fuzz, registers_and_rings, .timeout = 120)
{
    struct bench b;
    x = 2685821657736338717u;
    bench_init(&b);
    hammer(virtio_gpu_create(&(struct virtio_gpu_config_host){.clock = &b.clock}), &b);
    bench_fini(&b);
}

Test(gpu_fuzz, registers_and_rings_of_input, .timeout = 120)
{
    static const enum input_kind kinds[] = {INPUT_KEYBOARD, INPUT_TABLET, INPUT_MOUSE};
    x = 3935559000370003845u;
    for (unsigned i = 0; i < 3; i++) {
        struct bench b;
        struct input in;
        bench_init(&b);
        input_init(&in);
        hammer(virtio_input_create(kinds[i], &in, &b.clock), &b);
        input_fini(&in);
        bench_fini(&b);
    }
}

Test(gpu_fuzz, seed_1, .timeout = 120)
{
    run(RANDOM_SEED);
}

Test(gpu_fuzz, seed_2, .timeout = 120)
{
    run(1442695040888963407u);
}

Test(gpu_fuzz, seed_3, .timeout = 120)
{
    run(6364136223846793005u);
}
