// SPDX-License-Identifier: GPL-3.0-or-later
#include "bed.h"
#include "devices/virtio/balloon.h"

#include <assert.h>

static void release(void *opaque, gpa_t gpa, uint64_t len)
{
    assert(gpa >= BED_RAM && gpa % 4096 == 0 && len % 4096 == 0 && len <= BED_RAM_SIZE &&
           gpa - BED_RAM <= BED_RAM_SIZE - len);
}

static void target(struct bed *b, struct fuzz_input *in)
{
    virtio_balloon_set_target(b->opaque, (uint32_t)fuzz_take(in, 4));
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    struct virtio_balloon_config config = {release, NULL, true, true};
    bed_init(&b);
    struct virtio *v = virtio_balloon_create(&config);
    b.extra = target;
    b.opaque = v;
    bed_play_virtio(&b, v, 4, &in);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "virtio_balloon", .max = 4096, .one = one};
