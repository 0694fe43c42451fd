// SPDX-License-Identifier: GPL-3.0-or-later
// Checksums against a slow sum, large segments against the packets that they stand for.
#include "bench.h"
#include "devices/net/net.h"
#include "devices/net/offload.h"
#include "tests/support/random.h"

#include <stdlib.h>
#include <string.h>

static uint64_t x = RANDOM_SEED;

static uint64_t next(void)
{
    return random_next(&x);
}

// RFC 1071, a 16-bit word at a time, most significant byte first.
static uint16_t slow_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static unsigned be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

Test(offload, sums)
{
    uint8_t bytes[300];
    for (unsigned round = 0; round < 2000; round++) {
        size_t at = next() % 16, len = next() % 280;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = round % 5 ? (uint8_t)next() : 0xff;
        uint16_t got = offload_fold(offload_sum(bytes + at, len, 0));
        uint16_t swapped = (uint16_t)(got << 8 | got >> 8), want = slow_sum(bytes + at, len, 0);
        cr_assert(swapped == want, "%zu bytes: 0x%x, not 0x%x", len, swapped, want);
    }
}

enum { ETH = 14, TCP = 20, MSS = 1460 };

// A TCP segment with right checksums. Returns its length.
static size_t segment(uint8_t *f, bool v6, uint32_t seq, const uint8_t *payload, size_t len,
                      uint8_t flags)
{
    size_t ip = v6 ? 40 : 20;
    memset(f, 0, ETH + ip + TCP);
    memcpy(f, "\x52\x54\0\x12\x34\x56\x52\x55\x0a\0\x02\x02", 12);
    f[12] = v6 ? 0x86 : 0x08;
    f[13] = v6 ? 0xdd : 0;
    uint8_t *p = f + ETH, *t = p + ip;
    size_t total = (v6 ? 0 : ip) + TCP + len;
    if (v6) {
        p[0] = 0x60;
        p[4] = (uint8_t)(total >> 8), p[5] = (uint8_t)total;
        p[6] = 6, p[7] = 255;
        p[8] = 0xfe, p[24] = 0xfe, p[39] = 1;
    } else {
        p[0] = 0x45;
        p[2] = (uint8_t)(total >> 8), p[3] = (uint8_t)total;
        p[8] = 64, p[9] = 6;
        memcpy(p + 12, "\x0a\0\x02\x02\x0a\0\x02\x0f", 8);
        uint16_t sum = (uint16_t)~slow_sum(p, 20, 0);
        p[10] = (uint8_t)(sum >> 8), p[11] = (uint8_t)sum;
    }
    t[1] = 80, t[3] = 99;
    t[4] = (uint8_t)(seq >> 24), t[5] = (uint8_t)(seq >> 16);
    t[6] = (uint8_t)(seq >> 8), t[7] = (uint8_t)seq;
    t[12] = 0x50, t[13] = flags, t[14] = 0xff;
    memcpy(t + TCP, payload, len);
    uint32_t pseudo = slow_sum(v6 ? p + 8 : p + 12, v6 ? 32 : 8, (uint32_t)(6 + TCP + len));
    uint16_t sum = (uint16_t)~slow_sum(t, TCP + len, pseudo);
    t[16] = (uint8_t)(sum >> 8), t[17] = (uint8_t)sum;
    return ETH + ip + TCP + len;
}

static void expect_valid(const struct net_frame *f, bool v6)
{
    const uint8_t *p = f->data + ETH, *t = p + (v6 ? 40 : 20);
    size_t len = f->len - ETH - (v6 ? 40 : 20);
    EXPECT(v6 ? be16(p + 4) + 40 : be16(p + 2), f->len - ETH);
    if (!v6)
        EXPECT(slow_sum(p, 20, 0), 0xffff);
    uint32_t pseudo = slow_sum(v6 ? p + 8 : p + 12, v6 ? 32 : 8, (uint32_t)(6 + len));
    EXPECT(slow_sum(t, len, pseudo), 0xffff);
}

static void serve(struct net *n, const struct net_polls *polls) {}

static void input(struct net *n, struct net_frame *f)
{
    free(f);
}

static void receive(void *opaque) {}

static const struct net_ops ops = {.tso = true, .serve = serve, .input = input};
static const struct net_front front = {receive, receive};
static uint8_t data[200000], frame[NET_MAX_FRAME];

// Delivers `count` segments and returns how many frames they became; all must be valid after
// offload_finish() and hold the bytes in order.
static unsigned through(bool v6, const size_t *lens, unsigned count, unsigned accepts,
                        unsigned push_at)
{
    struct net n;
    struct net_offload good = {.csum_good = true};
    struct net_frame *f;
    size_t at = 0, seen = 0;
    unsigned frames = 0;
    net_init(&n, &ops);
    net_attach(&n, &front, NULL);
    net_accept(&n, accepts);
    for (unsigned i = 0; i < count; i++) {
        size_t len = segment(frame, v6, (uint32_t)(0xfffff000 + at), data + at, lens[i],
                             i == push_at ? 0x18 : 0x10);
        net_deliver(&n, frame, len, &good);
        at += lens[i];
    }
    net_step(&n, 0);
    while ((f = net_head(&n))) {
        size_t header = ETH + (v6 ? 40 : 20) + TCP;
        frames++;
        if (f->off.gso) {
            EXPECT(f->off.header, header);
            cr_assert(offload_finish(f), "a merged frame cannot be finished");
        }
        expect_valid(f, v6);
        cr_assert(!memcmp(f->data + header, data + seen, f->len - header),
                  "frame %u has other bytes", frames);
        seen += f->len - header;
        net_drop(&n);
    }
    EXPECT(seen, at);
    net_fini(&n);
    return frames;
}

static void merging(bool v6)
{
    unsigned both = 1u << NET_GSO_TCP4 | 1u << NET_GSO_TCP6;
    size_t lens[60];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)next();
    for (unsigned i = 0; i < 60; i++)
        lens[i] = MSS;
    EXPECT(through(v6, lens, 10, both, 99), 1);
    EXPECT(through(v6, lens, 60, both, 99), 2); // no packet is longer than 65535 bytes
    EXPECT(through(v6, lens, 10, 0, 99), 10);
    EXPECT(through(v6, lens, 10, v6 ? 1u << NET_GSO_TCP4 : 1u << NET_GSO_TCP6, 99), 10);
    EXPECT(through(v6, lens, 10, both, 4), 2); // PSH ends a frame
    lens[5] = 100;                             // and so does a short one
    EXPECT(through(v6, lens, 10, both, 99), 2);
    lens[5] = MSS + 1; // a longer one begins anew, and what follows is shorter
    EXPECT(through(v6, lens, 7, both, 99), 2);
    lens[5] = 0; // a bare acknowledgement stays alone
    EXPECT(through(v6, lens, 10, both, 99), 3);
}

Test(offload, merges_ip4)
{
    merging(false);
}

Test(offload, merges_ip6)
{
    merging(true);
}

// Every byte of the headers that differs keeps two segments apart (but lengths and checksums).
Test(offload, keeps_apart_what_differs)
{
    struct net_frame *last = net_frame_new(NET_MAX_FRAME);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        size_t header = ETH + (v6 ? 40 : 20) + TCP;
        for (size_t i = 0; i < header; i++) {
            last->off = (struct net_offload){0};
            last->len = (uint32_t)segment(last->data, v6, 1000, data, 100, 0x10);
            size_t len = segment(frame, v6, 1100, data + 100, 100, 0x10);
            cr_assert(offload_mergeable(last, frame, len, 7), "v%d: the next is refused",
                      4 + 2 * v6);
            size_t ip = i - ETH;
            bool free4 = !v6 && (ip == 4 || ip == 5 || ip == 10 || ip == 11); // ID, checksum
            bool tcp = i >= header - TCP;
            size_t t = i - (header - TCP);
            if (free4 || (tcp && t >= 16) || (tcp && t == 13))
                continue; // checksum, urgent pointer (which nobody uses), flags below
            frame[i] ^= 0x20;
            cr_assert(!offload_mergeable(last, frame, len, 7), "v%d: byte %zu may differ",
                      4 + 2 * v6, i);
        }
        for (unsigned flags = 0; flags < 256; flags++) {
            last->len = (uint32_t)segment(last->data, v6, 1000, data, 100, 0x10);
            size_t len = segment(frame, v6, 1100, data + 100, 100, (uint8_t)flags);
            bool want = flags == 0x10 || flags == 0x18;
            cr_assert(offload_mergeable(last, frame, len, 7) == want, "flags 0x%x", flags);
        }
    }
    free(last);
}

// What a driver leaves in the headers of a large segment does not matter.
Test(offload, finishes_large_segments)
{
    for (unsigned round = 0; round < 200; round++) {
        bool v6 = round & 1;
        size_t payload = 1 + next() % 60000;
        struct net_frame *f = net_frame_new(NET_MAX_FRAME);
        f->len = (uint32_t)segment(f->data, v6, 1, data, payload, 0x18);
        size_t ip = v6 ? 40 : 20;
        f->off = (struct net_offload){.csum = true,
                                      .gso = v6 ? NET_GSO_TCP6 : NET_GSO_TCP4,
                                      .csum_start = (uint16_t)(ETH + ip),
                                      .csum_offset = 16,
                                      .segment = 1448,
                                      .header = (uint16_t)(ETH + ip + TCP)};
        memset(f->data + ETH + (v6 ? 4 : 2), (int)next(), 2); // length
        if (!v6)
            memset(f->data + ETH + 10, (int)next(), 2);
        memset(f->data + ETH + ip + 16, (int)next(), 2);
        cr_assert(offload_finish(f), "round %u", round);
        expect_valid(f, v6);
        free(f);
    }
}

Test(offload, random_offloads_stay_inside, .timeout = 60)
{
    for (unsigned round = 0; round < 100000; round++) {
        size_t len = NET_MIN_FRAME + next() % 120;
        struct net_frame *f = net_frame_new(len); // so that a sanitizer sees its end
        segment(frame, next() & 1, 1, data, 100, 0x10);
        memcpy(f->data, frame, len);
        f->len = (uint32_t)len;
        for (unsigned i = 0; i < 3; i++)
            f->data[12 + next() % (len - 12)] = (uint8_t)next();
        f->off = (struct net_offload){.csum = next() % 8,
                                      .gso = (uint8_t)(next() % 3),
                                      .csum_start = (uint16_t)(next() % 150),
                                      .csum_offset = next() & 1 ? 16 : (uint16_t)(next() % 100)};
        if (next() % 16 == 0)
            f->off.csum_start = f->off.csum_offset = (uint16_t)next();
        offload_finish(f);
        // And as a frame that may be merged.
        struct net_frame *g = net_frame_new(len);
        memcpy(g->data, frame, len);
        g->len = (uint32_t)len;
        offload_mergeable(g, f->data, len, 7);
        free(g);
        free(f);
    }
}
