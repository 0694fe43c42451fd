// SPDX-License-Identifier: GPL-3.0-or-later
// The card with a back end that swallows what it gets and gives frames of the input's.
#include "bed.h"
#include "devices/virtio/net.h"

#include <stdlib.h>
#include <string.h>

struct fake {
    struct net n;
    struct net_frame *last;
};

static struct fake fake;

static void input(struct net *n, struct net_frame *f)
{
    free(f);
}

static void serve(struct net *n, const struct net_polls *polls) {}

static void destroy(struct net *n)
{
    net_fini(n);
}

static const struct net_ops tso = {.tso = true, .serve = serve, .input = input, .destroy = destroy};
static const struct net_ops plain = {.serve = serve, .input = input, .destroy = destroy};

static void deliver(struct bed *b, struct fuzz_input *in)
{
    static uint8_t frame[NET_MAX_FRAME];
    uint32_t len = NET_MIN_FRAME + (uint32_t)fuzz_take(in, 2) % (NET_MAX_FRAME - NET_MIN_FRAME);
    struct net_offload off = {.csum_good = len & 1};
    for (unsigned i = 0; i < 64; i++)
        frame[i] = (uint8_t)fuzz_take(in, 1);
    // What a back end promises: a sum inside the frame, headers before the data.
    if (len & 2 && len > 100) {
        off.csum = true;
        off.csum_start = 34;
        off.csum_offset = 16;
    }
    if (off.csum && len & 4) {
        off.gso = NET_GSO_TCP4;
        off.header = 54;
        off.segment = 1448;
    }
    net_deliver(&fake.n, frame, len, &off);
    net_step(&fake.n, 0);
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct fuzz_input in = {data, len};
    struct virtio_net_config config = {.net = &fake.n, .mac = {0x52, 0x54, 0, 1, 2, 3}};
    bed_init(&b);
    net_init(&fake.n, fuzz_below(&in, 2) ? &tso : &plain);
    b.extra = deliver;
    struct virtio *v = virtio_net_create(&config);
    bed_play_virtio(&b, v, 3, &in);
    net_destroy(&fake.n);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "virtio_net", .max = 4096, .one = one};
