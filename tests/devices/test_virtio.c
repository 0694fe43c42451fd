// SPDX-License-Identifier: GPL-3.0-or-later
// The ring and the transport with a device that answers every request by filling it. Each rule of
// what a driver may not do is a test, in the legacy and in the modern form.
#include "virtio_driver.h"
#include "tests/support/random.h"

#include <stdlib.h>
#include <string.h>

#define QSIZE 16u
#define RING  (RAM_BASE + 0x10000)
#define BUF   (RAM_BASE + 0x20000)
#define TABLE (RAM_BASE + 0x30000)

#define INDIRECT    BIT(VIRTIO_F_INDIRECT_DESC)
#define EVENT       BIT(VIRTIO_F_EVENT_IDX)
#define NEEDS_RESET 0x40

// The device: fills at most `fill` bytes of the writable part with 0xee.
struct echo {
    struct virtio v;
    struct virtq_chain chain;
    unsigned requests;
    uint64_t out_len, in_len;
    uint32_t fill;
    uint8_t config[8];
    uint64_t first;       // first readable bytes
    void (*during)(void); // called at every request: what other CPUs do meanwhile
};

static struct bench b;
static struct driver d;
static struct echo *echo;
static struct device *dev;

static void echo_notify(struct virtio *v, unsigned queue)
{
    static const uint8_t ee[4096] = {[0 ... 4095] = 0xee};
    struct echo *e = container_of(v, struct echo, v);
    while (virtio_pop(v, queue, &e->chain)) {
        uint64_t n = e->chain.in_len < e->fill ? e->chain.in_len : e->fill;
        e->requests++;
        e->out_len = e->chain.out_len;
        e->in_len = e->chain.in_len;
        virtq_read(&e->chain, 0, &e->first, sizeof e->first);
        virtq_write(&v->queue[queue], &e->chain, 0, ee, n);
        virtio_push(v, queue, &e->chain, (uint32_t)n);
        virtio_signal(v, queue);
        if (e->during)
            e->during();
    }
}

static uint64_t echo_config_read(struct virtio *v, unsigned offset, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, container_of(v, struct echo, v)->config + offset, size);
    return value;
}

static void echo_config_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value)
{
    memcpy(container_of(v, struct echo, v)->config + offset, &value, size);
}

static void echo_destroy(struct virtio *v)
{
    free(container_of(v, struct echo, v));
}

static const struct virtio_ops echo_ops = {
    .id = 42,
    .queues = 2,
    .queue_max = QSIZE,
    .features = BIT(3) | BIT(40),
    .config_size = 8,
    .config_read = echo_config_read,
    .config_write = echo_config_write,
    .notify = echo_notify,
    .destroy = echo_destroy,
};

static struct echo *echo_create(void)
{
    struct echo *e = calloc(1, sizeof *e);
    virtio_init(&e->v, &echo_ops, "virtio-echo");
    e->fill = 4096;
    return e;
}

static void create(bool legacy)
{
    struct error err;
    bench_init(&b);
    echo = echo_create();
    dev = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), legacy, &echo->v,
                             NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
}

static void destroy(void)
{
    device_destroy(dev);
    bench_fini(&b);
}

static void begin(bool legacy, uint64_t features)
{
    create(legacy);
    driver_start(&d, &b, legacy, QSIZE, RING, features);
}

// A good request still works, or nothing happens.
static void expect_alive(void)
{
    uint16_t used = driver_used_index(&d);
    unsigned requests = echo->requests;
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used_index(&d), (uint16_t)(used + 1));
    EXPECT(echo->requests, requests + 1);
    EXPECT(driver_status(&d) & NEEDS_RESET, 0);
}

// What was offered must break the device: nothing used, NEEDS_RESET, quiet until a reset.
static void expect_broken(void)
{
    unsigned requests = echo->requests;
    uint16_t used = driver_used_index(&d);
    uint64_t written = b.written;
    b.written = written;
    driver_kick(&d);
    clock_step(&b.clock, 1000);
    EXPECT(driver_status(&d) & NEEDS_RESET, NEEDS_RESET);
    EXPECT(echo->requests, requests);
    EXPECT(driver_used_index(&d), used);
    if (!d.legacy)
        EXPECT(rd(&b, 0x60) & 2, 2); // a modern driver is told
    else
        EXPECT(rd(&b, 0x60), 0);
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(echo->requests, requests);
    wr(&b, 0x70, 0);
    EXPECT(driver_status(&d), 0);
    EXPECT(b.wire[0].level, 0);
    driver_restart(&d);
    expect_alive();
}

// A rule: its body offers what breaks it. Run against both transports.
#define RULE(name, features)                                                                       \
    static void rule_##name(void);                                                                 \
    Test(virtq_legacy, name)                                                                       \
    {                                                                                              \
        begin(true, features);                                                                     \
        rule_##name();                                                                             \
        expect_broken();                                                                           \
        destroy();                                                                                 \
    }                                                                                              \
    Test(virtq_modern, name)                                                                       \
    {                                                                                              \
        begin(false, features);                                                                    \
        rule_##name();                                                                             \
        expect_broken();                                                                           \
        destroy();                                                                                 \
    }                                                                                              \
    static void rule_##name(void)

// Something allowed, for both transports.
#define BOTH(name, features)                                                                       \
    static void both_##name(void);                                                                 \
    Test(virtq_legacy, name)                                                                       \
    {                                                                                              \
        begin(true, features);                                                                     \
        both_##name();                                                                             \
        destroy();                                                                                 \
    }                                                                                              \
    Test(virtq_modern, name)                                                                       \
    {                                                                                              \
        begin(false, features);                                                                    \
        both_##name();                                                                             \
        destroy();                                                                                 \
    }                                                                                              \
    static void both_##name(void)

RULE(head_not_below_the_queue_size, 0)
{
    driver_offer(&d, QSIZE);
}

RULE(head_far_outside, 0)
{
    driver_offer(&d, 0xffff);
}

RULE(next_not_below_the_queue_size, 0)
{
    driver_desc(&d, 0, BUF, 16, V_NEXT, QSIZE);
    driver_offer(&d, 0);
}

RULE(chain_that_loops, 0)
{
    driver_desc(&d, 0, BUF, 16, V_NEXT, 1);
    driver_desc(&d, 1, BUF, 16, V_NEXT, 0);
    driver_offer(&d, 0);
}

RULE(chain_that_loops_in_the_writable_part, 0)
{
    driver_desc(&d, 3, BUF, 16, V_NEXT | V_WRITE, 3);
    driver_offer(&d, 3);
}

RULE(indirect_chain_longer_than_the_queue, INDIRECT)
{
    for (unsigned i = 0; i <= QSIZE; i++)
        desc_at(&b, TABLE, i, BUF, 16, i == QSIZE ? 0 : V_NEXT, (uint16_t)(i + 1));
    driver_desc(&d, 0, TABLE, 16 * (QSIZE + 1), V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(more_available_than_the_queue_size, 0)
{
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    bench_write(&b, d.avail + 2, 2, QSIZE + 1);
}

RULE(available_index_going_back, 0)
{
    bench_write(&b, d.avail + 2, 2, 0xffff);
}

RULE(indirect_table_of_no_length, INDIRECT)
{
    driver_desc(&d, 0, TABLE, 0, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(indirect_table_not_a_multiple_of_16, INDIRECT)
{
    desc_at(&b, TABLE, 0, BUF, 16, 0, 0);
    driver_desc(&d, 0, TABLE, 17, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(indirect_table_nested, INDIRECT)
{
    desc_at(&b, TABLE, 0, TABLE, 16, V_INDIRECT, 0);
    driver_desc(&d, 0, TABLE, 16, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(indirect_and_chained, INDIRECT)
{
    desc_at(&b, TABLE, 0, BUF, 16, 0, 0);
    driver_desc(&d, 0, TABLE, 16, V_INDIRECT | V_NEXT, 1);
    driver_desc(&d, 1, BUF, 16, 0, 0);
    driver_offer(&d, 0);
}

RULE(indirect_not_negotiated, 0)
{
    desc_at(&b, TABLE, 0, BUF, 16, 0, 0);
    driver_desc(&d, 0, TABLE, 16, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(indirect_next_outside_the_table, INDIRECT)
{
    desc_at(&b, TABLE, 0, BUF, 16, V_NEXT, 2);
    desc_at(&b, TABLE, 2, BUF, 16, 0, 0); // there, but not part of it
    driver_desc(&d, 0, TABLE, 32, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(indirect_table_outside_ram, INDIRECT)
{
    driver_desc(&d, 0, RAM_BASE + RAM_SIZE - 16, 32, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(indirect_table_in_a_device, INDIRECT)
{
    driver_desc(&d, 0, DEV_BASE, 16, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(indirect_table_of_4_gib, INDIRECT)
{
    driver_desc(&d, 0, TABLE, 0xfffffff0, V_INDIRECT, 0);
    driver_offer(&d, 0);
}

RULE(readable_after_writable, 0)
{
    driver_desc(&d, 0, BUF, 16, V_WRITE | V_NEXT, 1);
    driver_desc(&d, 1, BUF + 64, 16, 0, 0);
    driver_offer(&d, 0);
}

RULE(descriptor_of_no_length, 0)
{
    driver_desc(&d, 0, BUF, 16, V_NEXT, 1);
    driver_desc(&d, 1, BUF, 0, V_WRITE, 0);
    driver_offer(&d, 0);
}

RULE(address_and_length_overflow, 0)
{
    driver_desc(&d, 0, UINT64_MAX - 7, 16, V_WRITE, 0);
    driver_offer(&d, 0);
}

RULE(buffer_beyond_the_end_of_ram, 0)
{
    driver_desc(&d, 0, RAM_BASE + RAM_SIZE - 8, 9, V_WRITE, 0);
    driver_offer(&d, 0);
}

RULE(buffer_of_4_gib, 0)
{
    driver_desc(&d, 0, BUF, UINT32_MAX, V_WRITE, 0);
    driver_offer(&d, 0);
}

RULE(buffer_nowhere, 0)
{
    driver_desc(&d, 0, 0, 16, 0, 0);
    driver_offer(&d, 0);
}

RULE(buffer_in_the_devices_own_registers, 0)
{
    driver_desc(&d, 0, DEV_BASE + 0x70, 4, V_WRITE, 0);
    driver_offer(&d, 0);
}

RULE(writable_buffer_in_rom, 0)
{
    driver_desc(&d, 0, ROM_BASE, 16, V_WRITE, 0);
    driver_offer(&d, 0);
}

BOTH(readable_buffer_in_rom, 0)
{
    b.rom[0] = 0x5a;
    driver_desc(&d, 0, ROM_BASE, 16, 0, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used_index(&d), 1);
    EXPECT(echo->first & 0xff, 0x5a);
}

BOTH(request_is_answered, 0)
{
    bench_write(&b, BUF, 8, UINT64_C(0x1122334455667788));
    driver_desc(&d, 5, BUF, 100, V_NEXT, 9);
    driver_desc(&d, 9, BUF + 0x1000, 10, V_WRITE | V_NEXT, 2);
    driver_desc(&d, 2, BUF + 0x2000, 20, V_WRITE, 0);
    driver_offer(&d, 5);
    driver_kick(&d);
    EXPECT(echo->out_len, 100);
    EXPECT(echo->in_len, 30);
    EXPECT(echo->first, UINT64_C(0x1122334455667788));
    EXPECT(driver_used_index(&d), 1);
    EXPECT(driver_used(&d, 0).id, 5);
    EXPECT(driver_used(&d, 0).len, 30);
    EXPECT(bench_read(&b, BUF + 0x1009, 1), 0xee);
    EXPECT(bench_read(&b, BUF + 0x100a, 1), 0);
    EXPECT(bench_read(&b, BUF + 0x2013, 1), 0xee);
    EXPECT(bench_read(&b, BUF + 0x2014, 1), 0);
    EXPECT(b.wire[0].level, 1);
    EXPECT(rd(&b, 0x60), 1);
    wr(&b, 0x64, 1);
    EXPECT(b.wire[0].level, 0);
    EXPECT(rd(&b, 0x60), 0);
}

BOTH(used_length_is_what_was_written, 0)
{
    echo->fill = 3;
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 0).len, 3);
    driver_desc(&d, 0, BUF, 16, 0, 0); // nothing writable
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 1).len, 0);
}

BOTH(whole_queue_in_one_chain, 0)
{
    for (unsigned i = 0; i < QSIZE; i++)
        driver_desc(&d, i, BUF + 16 * i, 16, i == QSIZE - 1 ? V_WRITE : V_WRITE | V_NEXT,
                    (uint16_t)(i + 1));
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 0).len, 16 * QSIZE);
    expect_alive();
}

BOTH(indirect_after_direct, INDIRECT)
{
    for (unsigned i = 0; i < QSIZE - 1; i++) // in an order of its own
        desc_at(&b, TABLE, i * 4 % 15, BUF, 16, i == QSIZE - 2 ? V_WRITE : V_WRITE | V_NEXT,
                (uint16_t)((i + 1) * 4 % 15));
    driver_desc(&d, 0, BUF, 8, V_NEXT, 1);
    driver_desc(&d, 1, TABLE, 16 * (QSIZE - 1), V_INDIRECT | V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(echo->out_len, 8);
    EXPECT(echo->in_len, 16 * (QSIZE - 1));
    expect_alive();
}

BOTH(only_the_copy_of_a_descriptor_is_used, INDIRECT)
{
    // The answer overwrites the descriptors of the very request, and the table it came through.
    driver_desc(&d, 0, d.desc, 32, V_WRITE | V_NEXT, 1);
    driver_desc(&d, 1, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 0).len, 48);
    EXPECT(bench_read(&b, d.desc, 8), UINT64_C(0xeeeeeeeeeeeeeeee));
    EXPECT(bench_read(&b, BUF + 15, 1), 0xee);
    desc_at(&b, TABLE, 0, TABLE, 32, V_WRITE | V_NEXT, 1);
    desc_at(&b, TABLE, 1, BUF + 64, 16, V_WRITE, 0);
    driver_desc(&d, 0, TABLE, 32, V_INDIRECT, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(driver_used(&d, 1).len, 48);
    EXPECT(bench_read(&b, BUF + 64 + 15, 1), 0xee);
    expect_alive();
}

BOTH(answer_over_the_ring_itself_is_survived, 0)
{
    driver_desc(&d, 0, d.desc, 3 * 4096, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d); // the indices are garbage now
    clock_step(&b.clock, 1000);
    wr(&b, 0x70, 0);
    driver_restart(&d);
    expect_alive();
}

BOTH(notify_of_no_queue, 0)
{
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    static const uint32_t none[] = {1, 2, 3, 63, 64, 0xffff, 0x10000, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        wr(&b, 0x50, none[i]); // 1 exists, but was not set up
    EXPECT(echo->requests, 0);
    EXPECT(driver_status(&d) & NEEDS_RESET, 0);
    driver_kick(&d);
    EXPECT(echo->requests, 1);
}

static void offer_one_more(void)
{
    if (echo->requests < 1000)
        driver_offer(&d, 0);
}

BOTH(work_per_kick_is_capped, 0)
{
    echo->during = offer_one_more; // another CPU that never stops
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(echo->requests, QSIZE);
    clock_run(&b.clock); // and the rest is not forgotten
    EXPECT(echo->requests, 1000);
}

BOTH(event_index_kicks_and_interrupts, EVENT)
{
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    bench_write(&b, d.avail + 4 + 2 * QSIZE, 2, 2); // used_event: after the third
    for (unsigned i = 0; i < 6; i++) {
        driver_offer(&d, 0);
        driver_kick(&d);
        EXPECT(bench_read(&b, d.used + 4 + 8 * QSIZE, 2), i + 1); // avail_event: kick at the next
        // The first one always interrupts (the device does not know yet), then the third.
        cr_assert((rd(&b, 0x60) == 1) == (i == 0 || i == 2), "request %u: status %u", i,
                  rd(&b, 0x60));
        wr(&b, 0x64, 3);
    }
}

BOTH(interrupts_can_be_declined, 0)
{
    bench_write(&b, d.avail, 2, 1);
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(echo->requests, 1);
    EXPECT(b.wire[0].rises, 0);
    bench_write(&b, d.avail, 2, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(b.wire[0].level, 1);
}

BOTH(indices_wrap_at_65536, 0)
{
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    for (unsigned i = 0; i < 0x10000 + 5; i++) {
        driver_offer(&d, 0);
        driver_kick(&d);
    }
    EXPECT(driver_used_index(&d), 5);
    EXPECT(echo->requests, 0x10005);
}

BOTH(dma_is_told_to_the_bus, 0)
{
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    b.written = 0;
    driver_kick(&d);
    EXPECT(b.written, 16 + 8 + 2); // the answer, the used element, its index
}

BOTH(save_and_load, EVENT)
{
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    struct echo *other = echo_create();
    struct device *dev2 = virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 1),
                                             d.legacy, &other->v, NULL);
    driver_offer(&d, 0); // offered and not yet kicked: stays so
    bench_copy_state(dev, dev2);
    EXPECT(b.wire[1].level, 1);
    EXPECT(other->v.s.status, echo->v.s.status);
    clock_step(&b.clock, 1);
    EXPECT(other->requests, 0);
    dev2->ops->write(dev2->opaque, 0x50, 4, 0); // QueueNotify
    clock_step(&b.clock, 1);
    EXPECT(other->requests, 1);
    EXPECT(driver_used_index(&d), 2);
    // Section 1: features 8, status 4, isr 4, generation 4, reserved 4, then the queues: desc,
    // avail, used, pfn, align, size at 56.
    cr_assert(!bench_load_damaged(dev, dev2, 1, 7, 0x80), "features nobody offered");
    cr_assert(!bench_load_damaged(dev, dev2, 1, 9, 1), "status above 8 bits");
    cr_assert(!bench_load_damaged(dev, dev2, 1, 12, 4), "interrupt status");
    cr_assert(!bench_load_damaged(dev, dev2, 1, 24 + 32, 1), "queue size odd");
    cr_assert(!bench_load_damaged(dev, dev2, 1, 24 + 33, 0x40), "queue size huge");
    // Addresses are the guest's to choose; they are checked at every use.
    cr_assert(bench_load_damaged(dev, dev2, 1, 24 + 7, 0x80), "ring elsewhere");
    dev2->ops->write(dev2->opaque, 0x50, 4, 0);
    clock_step(&b.clock, 1);
    EXPECT(other->v.s.status & NEEDS_RESET, NEEDS_RESET);
    bench_refuses_corruption(dev);
    device_destroy(dev2);
}

// The ring itself, which only a modern driver can lay anywhere.

static void ring_at(gpa_t desc, gpa_t avail, gpa_t used)
{
    wr(&b, 0x70, 0);
    d.desc = desc;
    d.avail = avail;
    d.used = used;
    d.avail_index = 0;
    bench_write(&b, RING + 0x1002, 2, 0); // the index of the good one
    wr(&b, 0x70, 3);
    wr(&b, 0x24, 1);
    wr(&b, 0x20, 1);
    wr(&b, 0x70, 11);
    gpa_t parts[3] = {desc, avail, used};
    wr(&b, 0x38, QSIZE);
    for (unsigned i = 0; i < 3; i++) {
        wr(&b, 0x80 + 0x10 * i, (uint32_t)parts[i]);
        wr(&b, 0x84 + 0x10 * i, (uint32_t)(parts[i] >> 32));
    }
    wr(&b, 0x44, 1);
    wr(&b, 0x70, 15);
    wr(&b, 0x50, 0);
}

Test(virtq_modern, ring_outside_ram_or_misaligned)
{
    gpa_t end = RAM_BASE + RAM_SIZE;
    gpa_t ok[3] = {RING, RING + 0x1000, RING + 0x2000};
    struct {
        gpa_t desc, avail, used;
    } bad[] = {
        {end - 16 * QSIZE + 16, ok[1], ok[2]},
        {ok[0], end - 4, ok[2]},
        {ok[0], ok[1], end - 8},
        {UINT64_MAX - 15, ok[1], ok[2]},
        {ok[0], UINT64_MAX - 1, ok[2]},
        {ok[0], ok[1], UINT64_MAX - 3},
        {DEV_BASE, ok[1], ok[2]},
        {ok[0], DEV_BASE, ok[2]},
        {ok[0], ok[1], DEV_BASE},
        {ok[0], ok[1], ROM_BASE},
        {0, 0, 0},
        {ok[0] + 8, ok[1], ok[2]},
        {ok[0], ok[1] + 1, ok[2]},
        {ok[0], ok[1], ok[2] + 2},
    };
    begin(false, 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ring_at(bad[i].desc, bad[i].avail, bad[i].used);
        cr_assert(driver_status(&d) & NEEDS_RESET, "ring %zu was accepted", i);
    }
    ring_at(ok[0], ok[1], ok[2]);
    expect_alive();
    ring_at(end - 16 * QSIZE, ok[1], end - 16 * QSIZE - 6 - 8 * QSIZE - 6); // just fits
    expect_alive();
    destroy();
}

Test(virtq_legacy, ring_outside_ram)
{
    static const uint32_t pfns[] = {1, 0x9000, (RAM_BASE + RAM_SIZE) / 4096 - 1, 0xffffffff};
    begin(true, 0);
    for (size_t i = 0; i < ARRAY_SIZE(pfns); i++) {
        wr(&b, 0x70, 0);
        wr(&b, 0x40, pfns[i]);
        EXPECT(rd(&b, 0x40), pfns[i]);
        driver_kick(&d);
        cr_assert(driver_status(&d) & NEEDS_RESET, "page 0x%x was accepted", pfns[i]);
    }
    wr(&b, 0x70, 0);
    static const uint32_t aligns[] = {0, 3, 0xffffffff};
    for (size_t i = 0; i < ARRAY_SIZE(aligns); i++) {
        wr(&b, 0x3c, aligns[i]);
        wr(&b, 0x40, (uint32_t)(RING / 4096));
        driver_kick(&d); // not set up: nothing happens
        EXPECT(driver_status(&d), 0);
    }
    wr(&b, 0x28, 0);
    wr(&b, 0x3c, 4096);
    wr(&b, 0x40, (uint32_t)(RING / 4096));
    driver_kick(&d);
    EXPECT(driver_status(&d), 0);
    wr(&b, 0x70, 0);
    driver_restart(&d);
    expect_alive();
    wr(&b, 0x40, 0); // given back
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(echo->requests, 1);
    destroy();
}

// The transport's registers

Test(virtio_mmio, modern_registers)
{
    create(false);
    EXPECT(rd(&b, 0x000), 0x74726976);
    EXPECT(rd(&b, 0x004), 2);
    EXPECT(rd(&b, 0x008), 42);
    EXPECT(rd(&b, 0x00c), 0x554d4551);
    wr(&b, 0x14, 0);
    EXPECT(rd(&b, 0x010), 0x30000008);
    wr(&b, 0x14, 1);
    EXPECT(rd(&b, 0x010), 0x101);
    wr(&b, 0x14, 2);
    EXPECT(rd(&b, 0x010), 0);
    EXPECT(rd(&b, 0x034), QSIZE);
    wr(&b, 0x30, 2);
    EXPECT(rd(&b, 0x034), 0);
    wr(&b, 0x38, 8); // nobody's
    wr(&b, 0x44, 1);
    EXPECT(rd(&b, 0x44), 0);
    wr(&b, 0x30, 0xffffffff);
    EXPECT(rd(&b, 0x034), 0);
    wr(&b, 0x30, 0);
    EXPECT(rd(&b, 0x040), 0); // QueuePFN is not there
    wr(&b, 0x40, 5);
    EXPECT(rd(&b, 0x044), 0);
    EXPECT(rd(&b, 0x0b0), 0xffffffff);
    EXPECT(rd(&b, 0x0fc), 0);
    EXPECT(bench_read(&b, DEV_BASE, 1), 0); // only words
    EXPECT(bench_read(&b, DEV_BASE, 8), 0);
    destroy();
}

Test(virtio_mmio, legacy_registers)
{
    create(true);
    EXPECT(rd(&b, 0x004), 1);
    wr(&b, 0x14, 0);
    EXPECT(rd(&b, 0x010), 0x38000008);
    wr(&b, 0x14, 1);
    EXPECT(rd(&b, 0x010), 0); // no VERSION_1
    EXPECT(rd(&b, 0x034), QSIZE);
    EXPECT(rd(&b, 0x040), 0);
    EXPECT(rd(&b, 0x044), 0);
    EXPECT(rd(&b, 0x0fc), 0);
    wr(&b, 0x24, 0);
    wr(&b, 0x20, 0xffffffff); // takes what it knows
    EXPECT(echo->v.s.driver_features, 0x38000008);
    destroy();
}

// Linux writes the page size when it finds the device and resets the device after that.
Test(virtio_mmio, legacy_page_size_survives_a_reset)
{
    create(true);
    wr(&b, 0x28, 4096);
    wr(&b, 0x70, 0);
    wr(&b, 0x38, QSIZE);
    wr(&b, 0x3c, 4096);
    wr(&b, 0x40, (uint32_t)(RING / 4096));
    EXPECT(echo->v.s.queue[0].ready, 1);
    EXPECT(echo->v.s.queue[0].desc, RING);
    EXPECT(echo->v.s.queue[0].avail, RING + 16 * QSIZE);
    EXPECT(echo->v.s.queue[0].used, RING + 4096);
    destroy();
}

Test(virtio_mmio, features_are_checked)
{
    create(false);
    wr(&b, 0x70, 3);
    wr(&b, 0x24, 0);
    wr(&b, 0x20, 0xff); // not offered
    wr(&b, 0x24, 1);
    wr(&b, 0x20, 1);
    wr(&b, 0x70, 11);
    EXPECT(rd(&b, 0x70), 3);
    wr(&b, 0x24, 0);
    wr(&b, 0x20, 8);
    wr(&b, 0x24, 1);
    wr(&b, 0x20, 0); // no VERSION_1
    wr(&b, 0x70, 11);
    EXPECT(rd(&b, 0x70), 3);
    wr(&b, 0x20, 1);
    wr(&b, 0x70, 11);
    EXPECT(rd(&b, 0x70), 11);
    wr(&b, 0x24, 0);
    wr(&b, 0x20, 0); // too late
    EXPECT(echo->v.s.driver_features, BIT(32) | 8);
    wr(&b, 0x70, 0);
    EXPECT(echo->v.s.driver_features, 0);
    destroy();
}

Test(virtio_mmio, nothing_before_driver_ok)
{
    begin(false, 0);
    wr(&b, 0x70, 11); // not yet
    driver_desc(&d, 0, BUF, 16, V_WRITE, 0);
    driver_offer(&d, 0);
    driver_kick(&d);
    EXPECT(echo->requests, 0);
    wr(&b, 0x70, 15);
    driver_kick(&d);
    EXPECT(echo->requests, 1);
    destroy();
}

Test(virtio_mmio, queue_sizes)
{
    static const uint32_t bad[] = {0, 3, 12, QSIZE * 2, 0x10000, 0x10010, 0xffffffff};
    create(false);
    wr(&b, 0x38, 4);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        wr(&b, 0x38, bad[i]);
        EXPECT(echo->v.s.queue[0].size, 4);
    }
    wr(&b, 0x44, 1);
    wr(&b, 0x38, 8); // not while it is live
    wr(&b, 0x80, 0x1000);
    EXPECT(echo->v.s.queue[0].size, 4);
    EXPECT(echo->v.s.queue[0].desc, 0);
    wr(&b, 0x70, 0);
    EXPECT(echo->v.s.queue[0].size, QSIZE);
    EXPECT(rd(&b, 0x44), 0);
    destroy();
}

Test(virtio_mmio, configuration)
{
    create(false);
    bench_write(&b, DEV_BASE + 0x100, 8, UINT64_C(0x8877665544332211));
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 1), 0x11);
    EXPECT(bench_read(&b, DEV_BASE + 0x102, 2), 0x4433);
    EXPECT(bench_read(&b, DEV_BASE + 0x104, 4), 0x88776655);
    EXPECT(bench_read(&b, DEV_BASE + 0x108, 4), 0); // beyond
    bench_write(&b, DEV_BASE + 0x108, 8, 1);
    EXPECT(bench_read(&b, DEV_BASE + 0x1f8, 8), 0);
    wr(&b, 0x70, 15);
    virtio_config_changed(&echo->v);
    EXPECT(rd(&b, 0x0fc), 1);
    EXPECT(rd(&b, 0x060), 2);
    EXPECT(b.wire[0].level, 1);
    wr(&b, 0x64, 2);
    EXPECT(b.wire[0].level, 0);
    destroy();
}

Test(virtio_mmio, empty_slot)
{
    struct error err;
    bench_init(&b);
    dev = virtio_mmio_create("empty", &b.bus, &b.clock, bench_wire(&b, 0), true, NULL, NULL);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    for (unsigned i = 0; i < VIRTIO_MMIO_SIZE; i += 4) {
        wr(&b, i, 0xffffffff);
        uint32_t want = i == 0 ? 0x74726976 : i == 4 ? 1 : i == 12 ? 0x554d4551 : 0;
        cr_assert(rd(&b, i) == want, "offset 0x%x is 0x%x", i, rd(&b, i));
    }
    device_reset(dev);
    bench_copy_state(dev, dev);
    destroy();
}

// No register, whatever is written to it, in whatever order, does harm.
Test(virtio_mmio, random_writes, .timeout = 60)
{
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        uint64_t x = RANDOM_SEED + legacy;
        create(legacy);
        for (unsigned i = 0; i < 200000; i++) {
            random_next(&x);
            uint32_t value = (uint32_t)(x >> 32);
            switch (x & 7) {
            case 0:
                value = (uint32_t)(RING / 4096);
                break;
            case 1:
                value &= 15;
                break;
            case 2:
                value = (uint32_t)(RAM_BASE + (value & (RAM_SIZE - 4)));
                break;
            case 3: // garbage for the rings to find
                bench_write(&b, RAM_BASE + (value & (RAM_SIZE - 8)), 8, x);
                break;
            default:
                break;
            }
            wr(&b, (unsigned)(x >> 8 & 0x1fc), value);
            if ((x >> 16 & 63) == 0)
                wr(&b, 0x70, 0);
        }
        clock_step(&b.clock, 1000);
        destroy();
    }
}
