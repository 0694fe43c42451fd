// SPDX-License-Identifier: GPL-3.0-or-later
// The GPU with a front end that looks at what is shown.
#include "bed.h"
#include "devices/virtio/gpu.h"

#include <assert.h>

static void look(struct bed *b, struct fuzz_input *in)
{
    static uint32_t line[DISPLAY_MAX_WIDTH];
    struct display_frame f;
    uint32_t first = 0, n;
    if (fuzz_below(in, 4) == 0)
        display_request_size(((struct display_view *)b->opaque)->display, (uint32_t)fuzz_take(in, 2), (uint32_t)fuzz_take(in, 2));
    if (!display_take(b->opaque, &f))
        return;
    while ((n = display_frame_next(&f, &first))) {
        display_convert(&f.surface, first, 1, line, sizeof line);
        first += n;
    }
    display_frame_release(&f);
}

static void leave(struct bed *b)
{
    display_detach(b->opaque);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct display_view view;
    struct fuzz_input in = {data, len};
    bed_init(&b);
    struct virtio *v = virtio_gpu_create(&(struct virtio_gpu_config_host){
        .width = 640, .height = 400, .max_hostmem = 4 << 20, .clock = &b.clock});
    bool ok = display_attach(virtio_gpu_display(v), &view, NULL, NULL);
    assert(ok);
    b.extra = look;
    b.before_end = leave;
    b.opaque = &view;
    bed_play_virtio(&b, v, 2, &in);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "virtio_gpu", .max = 4096, .one = one};
