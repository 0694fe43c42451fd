// SPDX-License-Identifier: GPL-3.0-or-later
// The flash's command interface. One device for all inputs, since its memory is 64 MiB; each begins
// with a reset.
#include "bed.h"
#include "devices/pflash.h"

#include <assert.h>

static struct bed b;
static struct device *dev;

static void mode(void *opaque, bool array) {}

static void written(void *opaque, uint64_t offset, uint64_t len)
{
    assert(offset <= PFLASH_SIZE && len <= PFLASH_SIZE - offset);
}

static void command(struct bed *bed, struct fuzz_input *in)
{
    static const uint8_t commands[] = {0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xd0, 0xe8, 0x01, 0xff, 0x03};
    uint64_t value, at = BED_DEVICE + (fuzz_take(in, 3) << 4) % PFLASH_SIZE;
    unsigned size = 1u << fuzz_below(in, 3), c = commands[fuzz_below(in, sizeof commands)];
    bus_write(&bed->bus, at, size, c | c << 16);
    bus_read(&bed->bus, at, size, &value);
}

static void init(void)
{
    struct pflash_config config = {.mode = mode, .written = written};
    struct error err;
    bed_init(&b);
    dev = pflash_create("pflash", &config, &err);
    assert(dev);
    b.extra = command;
    b.keeps_no_state = true;
    bed_map(&b, BED_DEVICE, dev);
}

static void one(const uint8_t *data, size_t len)
{
    static unsigned count;
    struct fuzz_input in = {data, len};
    device_reset(dev);
    while (in.len)
        command(&b, &in);
    if (count++ % 256 == 0) // 64 MiB
        bed_copy_state(dev);
}

static void fini(void)
{
    device_destroy(dev);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "pflash", .max = 4096, .init = init, .one = one, .fini = fini};
