// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-console with three ports: 0 a console, 1 named, 3 without a name; 2 is not there.
#include "devices/char/buffer.h"
#include "devices/virtio/serial.h"
#include "multi_driver.h"

#include <stdlib.h>
#include <string.h>

#define F_MULTIPORT BIT(1)
#define OUT         MULTI_DATA
#define IN          (MULTI_DATA + 0x40000)

enum { IN0 = 0, OUT0 = 1, CTRL_IN = 2, CTRL_OUT = 3, IN1 = 4, OUT1 = 5 };
enum { READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };

static struct bench b;
static struct multi m;
static struct device *dev;
static struct chardev *host[4];

static struct device *plug(void)
{
    struct virtio_serial_port ports[VIRTIO_SERIAL_PORTS] = {
        [0] = {true, true, NULL, host[0]},
        [1] = {true, false, "org.armlet.test", host[1]},
        [3] = {true, false, NULL, NULL},
    };
    return virtio_mmio_create("virtio-mmio", &b.bus, &b.clock, bench_wire(&b, 0), false,
                              virtio_serial_create(ports), NULL);
}

static void begin(uint64_t features)
{
    struct error err;
    bench_init(&b);
    host[0] = buffer_create();
    host[1] = buffer_create();
    dev = plug();
    cr_assert(bus_map(&b.bus, DEV_BASE, dev, &err));
    multi_start(&m, &b, features, 8, 32);
}

static void end(void)
{
    device_destroy(dev);
    chardev_destroy(host[0]);
    chardev_destroy(host[1]);
    bench_fini(&b);
}

static uint8_t *ram(gpa_t at)
{
    return b.ram + (at - RAM_BASE);
}

static void tell(uint32_t id, uint16_t event, uint16_t value)
{
    bench_write(&b, OUT, 4, id);
    bench_write(&b, OUT + 4, 2, event);
    bench_write(&b, OUT + 6, 2, value);
    multi_offer(&m, CTRL_OUT, {OUT, 8});
    multi_kick(&m, CTRL_OUT);
    EXPECT(multi_expect(&m, CTRL_OUT), 0);
}

static unsigned next_in; // the control buffer that comes back next

static void give_control(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        multi_offer(&m, CTRL_IN, {IN + 0x100 * ((next_in + i) % 32), 0x100, true});
    multi_kick(&m, CTRL_IN);
}

static void expect_message(uint32_t id, uint16_t event, uint32_t len)
{
    gpa_t at = IN + 0x100 * (next_in++ % 32);
    EXPECT(multi_expect(&m, CTRL_IN), len);
    EXPECT(bench_read(&b, at, 4), id);
    EXPECT(bench_read(&b, at + 4, 2), event);
    EXPECT(bench_read(&b, at + 6, 2), 1);
}

static void nothing(unsigned queue)
{
    uint32_t len;
    cr_assert(!multi_used(&m, queue, &len), "queue %u gave something back", queue);
}

Test(serial, announces_its_ports)
{
    begin(F_MULTIPORT);
    next_in = 0;
    EXPECT(rd(&b, 8), 3);
    EXPECT(rd(&b, 0x104), 4); // one more than the highest
    give_control(4);
    nothing(CTRL_IN);
    tell(0xffffffff, READY, 1);
    expect_message(0, ADD, 8);
    expect_message(1, ADD, 8);
    expect_message(3, ADD, 8);
    tell(0, PORT_READY, 1);
    expect_message(0, CONSOLE, 8);
    nothing(CTRL_IN); // PORT_OPEN waits for a buffer
    tell(1, PORT_READY, 1);
    give_control(4);
    expect_message(0, OPEN, 8);
    expect_message(1, NAME, 8 + 15);
    cr_assert(!memcmp(ram(IN + 0x100 * (next_in - 1) + 8), "org.armlet.test", 15));
    expect_message(1, OPEN, 8);
    nothing(CTRL_IN);
    tell(3, PORT_READY, 0); // the driver could not add it
    tell(2, PORT_READY, 1); // not there
    tell(99, PORT_READY, 1);
    tell(0, 77, 1);
    nothing(CTRL_IN);
    EXPECT(multi_status(&m), 15);
    end();
}

Test(serial, output)
{
    size_t len;
    begin(F_MULTIPORT);
    memcpy(ram(OUT), "hello, world", 12);
    multi_offer(&m, OUT0, {OUT, 5}, {OUT + 5, 7});
    multi_kick(&m, OUT0);
    EXPECT(multi_expect(&m, OUT0), 0);
    cr_assert_str_eq(buffer_output(host[0], &len), "hello, world");
    multi_offer(&m, OUT1, {OUT, 5});
    multi_kick(&m, OUT1);
    cr_assert_str_eq(buffer_output(host[1], &len), "hello");
    multi_offer(&m, 7, {OUT, 5}); // port 2 is not there: swallowed
    multi_kick(&m, 7);
    multi_expect(&m, 7);
    bench_write(&b, DEV_BASE + 0x108, 4, '!'); // emergency write
    cr_assert_str_eq(buffer_output(host[0], &len), "hello, world!");
    end();
}

// A chain longer than a share goes out in shares, and stops where the host takes no more.
Test(serial, output_waits_for_the_host)
{
    size_t len;
    begin(F_MULTIPORT);
    for (unsigned i = 0; i < 30000; i++)
        ram(OUT)[i] = (uint8_t)(i * 7 + i / 256);
    buffer_set_writable(host[0], false);
    multi_offer(&m, OUT0, {OUT, 20000}, {OUT + 20000, 10000});
    multi_kick(&m, OUT0);
    nothing(OUT0);
    bench_copy_state(dev, dev); // it goes on by itself when the state is loaded
    buffer_set_writable(host[0], true);
    multi_expect(&m, OUT0);
    cr_assert(!memcmp(buffer_output(host[0], &len), ram(OUT), 30000), "other bytes");
    EXPECT(len, 30000);
    end();
}

Test(serial, input)
{
    begin(F_MULTIPORT);
    buffer_input(host[0], "early", 5);
    multi_offer(&m, IN0, {IN, 3, true});
    multi_offer(&m, IN0, {IN + 16, 16, true});
    multi_kick(&m, IN0);
    EXPECT(multi_expect(&m, IN0), 3);
    EXPECT(multi_expect(&m, IN0), 2);
    cr_assert(!memcmp(ram(IN), "ear", 3) && !memcmp(ram(IN + 16), "ly", 2));
    // Port 1 takes nothing before it is open.
    buffer_input(host[1], "words", 5);
    multi_offer(&m, IN1, {IN + 64, 64, true});
    multi_kick(&m, IN1);
    nothing(IN1);
    EXPECT(buffer_pending(host[1]), 5);
    tell(1, OPEN, 1);
    EXPECT(multi_expect(&m, IN1), 5);
    tell(1, OPEN, 0);
    buffer_input(host[1], "more", 4);
    EXPECT(buffer_pending(host[1]), 4);
    end();
}

Test(serial, much_input)
{
    static uint8_t bytes[100000];
    size_t got = 0;
    begin(F_MULTIPORT);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    buffer_input(host[0], bytes, sizeof bytes);
    while (got < sizeof bytes) {
        uint32_t len;
        multi_offer(&m, IN0, {IN, 300, true});
        multi_kick(&m, IN0);
        for (; multi_used(&m, IN0, &len); got += len)
            cr_assert(len && !memcmp(ram(IN), bytes + got, len), "at byte %zu of %u", got, len);
    }
    EXPECT(got, sizeof bytes);
    end();
}

Test(serial, one_port_without_multiport)
{
    begin(0);
    buffer_input(host[0], "x", 1);
    multi_offer(&m, IN0, {IN, 3, true});
    multi_kick(&m, IN0);
    EXPECT(multi_expect(&m, IN0), 1);
    end();
}

Test(serial, broken_drivers)
{
    begin(F_MULTIPORT);
    buffer_input(host[0], "x", 1);
    multi_offer(&m, IN0, {OUT, 3}); // nothing to write to
    multi_kick(&m, IN0);
    EXPECT(multi_status(&m), 15 | 0x40);
    multi_start(&m, &b, F_MULTIPORT, 8, 32);
    multi_offer(&m, CTRL_IN, {IN, 7, true}); // smaller than any message
    multi_kick(&m, CTRL_IN);
    tell(0, READY, 1);
    EXPECT(multi_status(&m), 15 | 0x40);
    multi_start(&m, &b, F_MULTIPORT, 8, 32);
    multi_offer(&m, CTRL_OUT, {OUT, 7});
    multi_kick(&m, CTRL_OUT);
    multi_expect(&m, CTRL_OUT);
    EXPECT(multi_status(&m), 15);
    end();
}

Test(serial, keeps_its_state)
{
    begin(F_MULTIPORT);
    tell(0, READY, 1); // three messages wait
    buffer_input(host[0], "abc", 3);
    bench_copy_state(dev, dev);
    next_in = 0;
    give_control(4);
    expect_message(0, ADD, 8);
    expect_message(1, ADD, 8);
    expect_message(3, ADD, 8);
    bench_refuses_corruption(dev);
    cr_assert(!bench_load_damaged(dev, dev, 2, 0, 1), "another number of ports was taken");
    cr_assert(!bench_load_damaged(dev, dev, 2, 8 + 13, 8), "2048 bytes of input were taken");
    end();
}

static void step(void)
{
    static uint64_t x = 2463534242u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    buffer_input(host[x % 2], &x, x >> 8 & 7);
    buffer_set_writable(host[0], x >> 20 & 1);
    if (x % 64 == 0)
        buffer_clear(host[x >> 30 & 1]);
}

Test(serial, fuzz, .timeout = 60)
{
    begin(F_MULTIPORT);
    multi_fuzz(&b, dev, F_MULTIPORT, 8, 88172645463325252u, 40000, step);
    end();
}
