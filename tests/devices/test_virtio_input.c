// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/virtio/input.h"
#include "virtio_driver.h"

#include <string.h>

static struct bench b;
static struct input in;
static struct driver events, status;
static struct device *dev;

enum { BUFFERS = RAM_BASE + 0x10000 };

static struct device *make(struct bench *on, struct input *from, enum input_kind kind)
{
    return virtio_mmio_create("virtio-mmio", &on->bus, &on->clock, bench_wire(on, 0), true,
                              virtio_input_create(kind, from, &on->clock), NULL);
}

static void start(enum input_kind kind)
{
    struct error err;
    bench_init(&b);
    input_init(&in);
    dev = make(&b, &in, kind);
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    EXPECT(rd(&b, 8), 18);
    driver_start(&events, &b, false, 64, RAM_BASE, 0);
    driver_add_queue(&status, &events, 1, 64, RAM_BASE + 0x4000);
}

static void stop(void)
{
    device_destroy(dev);
    input_fini(&in);
    bench_fini(&b);
}

// Offers n buffers of an event each.
static void offer(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        driver_desc(&events, i, BUFFERS + 8 * i, 8, V_WRITE, 0);
        driver_offer(&events, (uint16_t)i);
    }
    driver_kick(&events);
}

static void expect_event(unsigned i, unsigned type, unsigned code, int32_t value)
{
    gpa_t at = BUFFERS + 8 * i;
    EXPECT(bench_read(&b, at, 2), type);
    EXPECT(bench_read(&b, at + 2, 2), code);
    EXPECT((int32_t)bench_read(&b, at + 4, 4), value);
}

static uint8_t choose(uint8_t select, uint8_t subsel)
{
    bench_write(&b, DEV_BASE + 0x100, 1, select);
    bench_write(&b, DEV_BASE + 0x101, 1, subsel);
    return (uint8_t)bench_read(&b, DEV_BASE + 0x102, 1);
}

static bool has(uint8_t type, unsigned code)
{
    return code / 8 < choose(0x11, type) &&
           (bench_read(&b, DEV_BASE + 0x108 + code / 8, 1) >> code % 8 & 1);
}

static void expect_name(const char *want)
{
    char name[129] = "";
    uint8_t size = choose(1, 0);
    for (unsigned i = 0; i < size; i++)
        name[i] = (char)bench_read(&b, DEV_BASE + 0x108 + i, 1);
    cr_assert(!strcmp(name, want), "\"%s\", not \"%s\"", name, want);
    EXPECT(choose(3, 0), 8);
    EXPECT(bench_read(&b, DEV_BASE + 0x108, 2), 6); // BUS_VIRTUAL
    EXPECT(choose(0, 0), 0);
    EXPECT(choose(2, 0), 0);
    EXPECT(choose(0x10, 0), 0);
    EXPECT(choose(0x11, 0xff), 0);
    EXPECT(choose(0x55, 7), 0);
    EXPECT(bench_read(&b, DEV_BASE + 0x100, 2), 0x0755);
    EXPECT(bench_read(&b, DEV_BASE + 0x180, 8), 0);
}

Test(virtio_input, keyboard)
{
    start(INPUT_KEYBOARD);
    expect_name("virtio-keyboard");
    cr_assert(has(EV_KEY, KEY_ESC) && has(EV_KEY, KEY_A) && has(EV_KEY, KEY_MICMUTE));
    cr_assert(!has(EV_KEY, 0) && !has(EV_KEY, BTN_LEFT));
    cr_assert(has(EV_LED, LED_CAPSL) && has(EV_REP, REP_DELAY));
    cr_assert(!has(EV_REL, REL_X) && !has(EV_ABS, ABS_X));
    EXPECT(choose(0x12, ABS_X), 0);
    stop();
}

Test(virtio_input, mouse)
{
    start(INPUT_MOUSE);
    expect_name("virtio-mouse");
    cr_assert(has(EV_REL, REL_X) && has(EV_REL, REL_Y) && has(EV_REL, REL_WHEEL) &&
              has(EV_REL, REL_HWHEEL));
    cr_assert(has(EV_KEY, BTN_LEFT) && has(EV_KEY, BTN_EXTRA) && !has(EV_KEY, KEY_A));
    cr_assert(!has(EV_ABS, ABS_X));
    stop();
}

Test(virtio_input, tablet)
{
    start(INPUT_TABLET);
    expect_name("virtio-tablet");
    cr_assert(has(EV_ABS, ABS_X) && has(EV_ABS, ABS_Y) && !has(EV_ABS, ABS_Z));
    cr_assert(has(EV_REL, REL_WHEEL) && !has(EV_REL, REL_X));
    EXPECT(choose(0x12, ABS_Y), 20);
    EXPECT(bench_read(&b, DEV_BASE + 0x108, 4), 0);
    EXPECT(bench_read(&b, DEV_BASE + 0x10c, 4), INPUT_ABS_MAX);
    EXPECT(choose(0x12, ABS_Z), 0);
    stop();
}

Test(virtio_input, events_reach_the_guest)
{
    start(INPUT_KEYBOARD);
    offer(4);
    input_key(&in, KEY_A, true);
    input_sync(&in);
    EXPECT(driver_used_index(&events), 0); // front ends do not enter the device
    clock_step(&b.clock, 0);
    EXPECT(driver_used_index(&events), 2);
    EXPECT(b.wire[0].level, 1);
    expect_event(0, EV_KEY, KEY_A, 1);
    expect_event(1, EV_SYN, SYN_REPORT, 0);
    EXPECT(driver_used(&events, 1).len, 8);
    input_key(&in, KEY_A, false);
    input_key(&in, KEY_B, true);
    input_sync(&in);
    clock_step(&b.clock, 0); // room for two of three
    EXPECT(driver_used_index(&events), 4);
    expect_event(2, EV_KEY, KEY_A, 0);
    expect_event(3, EV_KEY, KEY_B, 1);
    offer(3);
    EXPECT(driver_used_index(&events), 5);
    expect_event(0, EV_SYN, SYN_REPORT, 0);
    // LEDs: taken and given back
    driver_desc(&status, 0, BUFFERS, 8, 0, 0);
    driver_offer(&status, 0);
    driver_kick(&status);
    EXPECT(driver_used_index(&status), 1);
    EXPECT(driver_used(&status, 0).len, 0);
    stop();
}

// A guest that takes nothing for a while ends with the right keys.
Test(virtio_input, slow_guest)
{
    bool down[256] = {0};
    start(INPUT_KEYBOARD);
    for (unsigned i = 0; i < 3000; i++) {
        input_key(&in, KEY_1 + i % 100, i / 100 % 2 == 0);
        input_sync(&in);
        clock_step(&b.clock, 0);
    }
    input_key(&in, KEY_1, true);
    input_sync(&in);
    for (unsigned round = 0, seen = 0; round < 200; round++) {
        offer(8);
        clock_step(&b.clock, 0);
        for (unsigned n = driver_used_index(&events); seen < n; seen++) {
            gpa_t at = BUFFERS + 8 * driver_used(&events, seen).id;
            if (bench_read(&b, at, 2) == EV_KEY)
                down[bench_read(&b, at + 2, 2)] = bench_read(&b, at + 4, 4);
        }
    }
    for (unsigned code = 1; code < 256; code++)
        EXPECT(down[code], input_is_down(&in, code));
    EXPECT(down[KEY_1], 1);
    stop();
}

Test(virtio_input, bad_buffers)
{
    start(INPUT_KEYBOARD);
    driver_desc(&events, 0, BUFFERS, 3, V_WRITE, 0); // too short
    driver_desc(&events, 1, BUFFERS, 8, 0, 0);       // not to be written
    driver_offer(&events, 0);
    driver_offer(&events, 1);
    driver_kick(&events);
    input_key(&in, KEY_A, true);
    input_sync(&in);
    clock_step(&b.clock, 0);
    EXPECT(driver_used_index(&events), 2);
    EXPECT(driver_used(&events, 0).len, 3);
    EXPECT(driver_used(&events, 1).len, 0);
    EXPECT(driver_status(&events), 15);
    stop();
}

Test(virtio_input, reset_forgets)
{
    start(INPUT_KEYBOARD);
    input_key(&in, KEY_A, true);
    input_sync(&in);
    clock_step(&b.clock, 0);
    wr(&b, 0x70, 0);
    driver_restart(&events);
    offer(4);
    clock_step(&b.clock, 0);
    EXPECT(driver_used_index(&events), 0);
    stop();
}

Test(virtio_input, state)
{
    struct bench b2;
    struct input in2;
    start(INPUT_TABLET);
    bench_init(&b2);
    input_init(&in2);
    struct device *to = make(&b2, &in2, INPUT_TABLET), *mouse = make(&b2, &in2, INPUT_MOUSE);
    choose(0x12, ABS_Y);
    offer(1);
    input_abs(&in, 5, 6);
    input_sync(&in);
    clock_step(&b.clock, 0); // one event given, two pending
    memcpy(b2.ram, b.ram, RAM_SIZE);
    bench_copy_state(dev, to);
    cr_assert(!bench_load_damaged(dev, mouse, 0, 0, 0)); // another kind
    cr_assert(!bench_load_damaged(dev, to, 2, 4, 0x7f)); // pending
    bench_refuses_corruption(dev);
    device_destroy(to);
    device_destroy(mouse);
    input_fini(&in2);
    bench_fini(&b2);
    stop();
}
