// SPDX-License-Identifier: GPL-3.0-or-later
// Keyboard, tablet or mouse, and somebody who uses it.
#include "bed.h"
#include "devices/virtio/input.h"

static void host(struct bed *b, struct fuzz_input *in)
{
    unsigned how = fuzz_below(in, 4);
    switch (how) {
    case 0:
        input_key(b->opaque, fuzz_below(in, 256), fuzz_take(in, 1) & 1);
        break;
    case 1:
        input_event(b->opaque, (uint16_t)fuzz_below(in, 6), (uint16_t)fuzz_take(in, 2), (int32_t)fuzz_take(in, 4));
        break;
    default:
        input_sync(b->opaque);
    }
}

static void one(const uint8_t *data, size_t len)
{
    static const enum input_kind kinds[] = {INPUT_KEYBOARD, INPUT_TABLET, INPUT_MOUSE};
    struct bed b;
    struct input input;
    struct fuzz_input in = {data, len};
    bed_init(&b);
    input_init(&input);
    b.extra = host;
    b.opaque = &input;
    bed_play_virtio(&b, virtio_input_create(kinds[fuzz_below(&in, 3)], &input, &b.clock), 2, &in);
    input_fini(&input);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "virtio_input", .max = 4096, .one = one};
