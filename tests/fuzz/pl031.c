// SPDX-License-Identifier: GPL-3.0-or-later
#include "bed.h"
#include "devices/pl031.h"

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    bed_init(&b);
    struct device *dev = pl031_create("pl031", &b.clock, bed_wire(&b), (int64_t)fuzz_take(&in, 8));
    bed_map(&b, BED_DEVICE, dev);
    bed_play(&b, dev, &in);
    device_destroy(dev);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "pl031", .max = 4096, .one = one};
