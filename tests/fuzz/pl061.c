// SPDX-License-Identifier: GPL-3.0-or-later
// The GPIO with the power key on one of its lines.
#include "bed.h"
#include "devices/gpio_key.h"
#include "devices/pl061.h"

static void host(struct bed *b, struct fuzz_input *in)
{
    unsigned how = fuzz_below(in, 16);
    struct irq_line line = pl061_line(b->opaque, how % 8);
    irq_set(&line, how & 8);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct gpio_key key;
    struct irq_line out[8] = {{0}};
    struct fuzz_input in = {data, len};
    bed_init(&b);
    struct device *dev = pl061_create("pl061", bed_wire(&b), out, NULL);
    gpio_key_init(&key, &b.clock, pl061_line(dev, 3), "poweroff");
    b.extra = host;
    b.opaque = dev;
    bed_map(&b, BED_DEVICE, dev);
    gpio_key_press(&key);
    bed_play(&b, dev, &in);
    gpio_key_fini(&key);
    device_destroy(dev);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "pl061", .max = 4096, .one = one};
