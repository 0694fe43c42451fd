// SPDX-License-Identifier: GPL-3.0-or-later
// Frames into the user network, which is closed to the outside: our part of it, and libslirp.
#include "devices/net/slirp.h"
#include "fuzz.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct net *n;

static struct in_addr ip(const char *text)
{
    struct in_addr a;
    inet_pton(AF_INET, text, &a);
    return a;
}

static void init(void)
{
    static const uint8_t arp[42] = {255, 255, 255, 255, 255, 255, 0x52, 0x54, 0, 1, 2, 3, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
                                    0x52, 0x54, 0, 1, 2, 3, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2};
    static const uint8_t syn[54] = {0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 1, 2, 3, 8, 0, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0,
                                    10, 0, 2, 15, 10, 0, 2, 2, 4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 255, 255};
    uint8_t seed[100] = {0, 42};
    struct net_slirp_config config = {.ipv4 = true, .ipv6 = true, .net = ip("10.0.2.0"), .mask = ip("255.255.255.0"),
                                      .host = ip("10.0.2.2"), .dns = ip("10.0.2.3"), .dhcp_start = ip("10.0.2.15"), .restricted = true};
    struct error err;
    n = net_slirp_create(&config, &err);
    assert(n);
    memcpy(seed + 2, arp, sizeof arp);
    fuzz_seed(seed, 2 + sizeof arp);
    seed[0] = 3;
    seed[1] = 54;
    memcpy(seed + 2, syn, sizeof syn);
    fuzz_seed(seed, 2 + sizeof syn);
}

// IPv4's sum is put right: what the front end does for a guest.
static void right_sum(uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    if (len < 34 || p[12] != 8 || p[13])
        return;
    p[24] = p[25] = 0;
    for (unsigned i = 14; i < 34; i += 2)
        sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    p[24] = (uint8_t)(sum >> 8);
    p[25] = (uint8_t)sum;
}

static void one(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    while (in.len) {
        unsigned how = (unsigned)fuzz_take(&in, 1);
        size_t size = fuzz_take(&in, 1);
        size = size < in.len ? size : in.len;
        struct net_frame *f = net_frame_new(NET_MIN_FRAME + size);
        memset(f->data, 0, NET_MIN_FRAME + size);
        memcpy(f->data, in.data, size);
        f->len = (uint32_t)(size < NET_MIN_FRAME ? NET_MIN_FRAME : size);
        in.data += size;
        in.len -= size;
        if (how & 1)
            right_sum(f->data, f->len);
        f->off = (struct net_offload){.csum = how & 2, .csum_start = 34, .csum_offset = 16};
        net_send(n, f);
        net_step(n, 0);
        net_forget(n);
    }
}

static void fini(void)
{
    net_destroy(n);
}

const struct fuzz_target fuzz_target = {.name = "slirp", .max = 2048, .init = init, .one = one, .fini = fini};
