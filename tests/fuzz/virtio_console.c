// SPDX-License-Identifier: GPL-3.0-or-later
// Three ports: a console, a named one, one without a back end.
#include "bed.h"
#include "devices/char/buffer.h"
#include "devices/virtio/serial.h"

static void host(struct bed *b, struct fuzz_input *in)
{
    struct chardev **c = b->opaque;
    unsigned how = fuzz_below(in, 256);
    uint8_t text[64] = {0};
    if (how & 1)
        buffer_input(c[how >> 1 & 1], text, how >> 2);
    else
        buffer_set_writable(c[how >> 1 & 1], how & 4);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    struct chardev *c[2] = {buffer_create(), buffer_create()};
    struct virtio_serial_port ports[VIRTIO_SERIAL_PORTS] = {
        [0] = {true, true, NULL, c[0]}, [1] = {true, false, "org.armlet.test", c[1]}, [3] = {true, false, NULL, NULL}};
    bed_init(&b);
    b.extra = host;
    b.opaque = c;
    bed_play_virtio(&b, virtio_serial_create(ports), 8, &in);
    chardev_destroy(c[0]);
    chardev_destroy(c[1]);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "virtio_console", .max = 4096, .one = one};
