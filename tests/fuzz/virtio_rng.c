// SPDX-License-Identifier: GPL-3.0-or-later
#include "bed.h"
#include "devices/virtio/rng.h"

#include <string.h>

static void fill(void *opaque, void *to, size_t len)
{
    memset(to, 0x5a, len);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    bed_init(&b);
    bed_play_virtio(&b, virtio_rng_create(fill, NULL), 1, &in);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "virtio_rng", .max = 4096, .one = one};
