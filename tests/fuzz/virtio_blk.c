// SPDX-License-Identifier: GPL-3.0-or-later
// A disk on a file, whose requests are done at once.
#include "bed.h"
#include "devices/virtio/blk.h"

#include <assert.h>
#include <stdlib.h>

static const char *path;

static void init(void)
{
    void *zeros = calloc(1, 1 << 20);
    path = fuzz_file(zeros, 1 << 20);
    free(zeros);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct error err;
    struct fuzz_input in = {data, len};
    struct block_options options = {.format = BLOCK_FORMAT_RAW, .readonly = fuzz_below(&in, 8) == 0};
    bed_init(&b);
    struct block *block = image_open(path, &options, &err);
    assert(block);
    struct virtio_blk_config config = {block, "serial", fuzz_below(&in, 2)};
    bed_play_virtio(&b, virtio_blk_create(&config), 1, &in);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "virtio_blk", .max = 4096, .init = init, .one = one};
