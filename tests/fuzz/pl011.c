// SPDX-License-Identifier: GPL-3.0-or-later
#include "bed.h"
#include "devices/char/buffer.h"
#include "devices/pl011.h"

// The host types, or does not take what the guest writes for a while.
static void host(struct bed *b, struct fuzz_input *in)
{
    uint8_t text[64] = {0};
    size_t n = fuzz_below(in, sizeof text);
    if (n & 1)
        buffer_set_writable(b->opaque, n & 2);
    else if (n == 2)
        chardev_receive_break(b->opaque);
    else
        buffer_input(b->opaque, text, n);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    bed_init(&b);
    struct chardev *c = buffer_create();
    struct device *dev = pl011_create("pl011", &b.clock, bed_wire(&b), c, NULL);
    b.extra = host;
    b.opaque = c;
    bed_map(&b, BED_DEVICE, dev);
    bed_play(&b, dev, &in);
    device_destroy(dev);
    chardev_destroy(c);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "pl011", .max = 4096, .one = one};
