// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/net/offload.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    ETH = 14,
    IP4 = 20, // without options: others are not merged
    IP6 = 40,
    TCP = 20,
    TCP_CSUM = 16,
    ETHERTYPE_IP4 = 0x0800,
    ETHERTYPE_IP6 = 0x86dd,
    PROTOCOL_TCP = 6,
    FLAG_ACK = 0x10,
    FLAG_PSH = 0x08,
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

uint64_t offload_sum(const void *data, size_t len, uint64_t sum)
{
    const uint8_t *p = data;
    uint64_t high = 0;
    for (; len >= 16; len -= 16, p += 16) {
        uint64_t a, b;
        memcpy(&a, p, 8);
        memcpy(&b, p + 8, 8);
        sum += (a & UINT32_MAX) + (a >> 32);
        high += (b & UINT32_MAX) + (b >> 32);
    }
    sum += high;
    for (; len >= 2; len -= 2, p += 2) {
        uint16_t v;
        memcpy(&v, p, 2);
        sum += v;
    }
    return len ? sum + *p : sum;
}

uint16_t offload_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void store(uint8_t *p, uint16_t value)
{
    memcpy(p, &value, 2);
}

// Of a TCP segment of len bytes (headers included) behind the IP header at `ip`.
static uint64_t pseudo_header(const uint8_t *ip, bool v6, size_t len)
{
    uint64_t sum = htons(PROTOCOL_TCP) + (uint64_t)htonl((uint32_t)len);
    return v6 ? offload_sum(ip + 8, 32, sum) : offload_sum(ip + 12, 8, sum);
}

// Lengths of the IP packet that is everything behind the Ethernet header.
static void seal_ip(uint8_t *ip, bool v6, size_t len)
{
    if (v6) {
        put16(ip + 4, (unsigned)(len - IP6));
        return;
    }
    size_t header = (ip[0] & 15) * 4;
    put16(ip + 2, (unsigned)len);
    put16(ip + 10, 0);
    store(ip + 10, (uint16_t)~offload_fold(offload_sum(ip, header, 0)));
}

// Drivers disagree on what the length fields and the pseudo-header of a large segment hold.
static bool whole_headers(struct net_frame *f)
{
    uint8_t *ip = f->data + ETH;
    bool v6 = f->off.gso == NET_GSO_TCP6;
    size_t header = v6 ? IP6 : IP4;
    if (f->len < ETH + header + TCP || f->len - ETH > 65535 ||
        get16(f->data + 12) != (v6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4))
        return false;
    if (!v6)
        header = (ip[0] & 15) * 4;
    if (header < IP4 || f->off.csum_start < ETH + header || f->off.csum_offset != TCP_CSUM)
        return false;
    seal_ip(ip, v6, f->len - ETH);
    store(f->data + f->off.csum_start + TCP_CSUM,
          offload_fold(pseudo_header(ip, v6, f->len - f->off.csum_start)));
    return true;
}

bool offload_finish(struct net_frame *f)
{
    const struct net_offload *o = &f->off;
    if (!o->csum)
        return o->gso == NET_GSO_NONE;
    if ((uint32_t)o->csum_start + o->csum_offset + 2 > f->len)
        return false;
    if (o->gso != NET_GSO_NONE && !whole_headers(f))
        return false;
    uint16_t sum = ~offload_fold(offload_sum(f->data + o->csum_start, f->len - o->csum_start, 0));
    store(f->data + o->csum_start + o->csum_offset, sum ? sum : 0xffff);
    f->off = (struct net_offload){.csum_good = true};
    return true;
}

// Merging ----------------------------------------------------------------------------------------

// A TCP segment as the back end makes them: no options, nothing but data.
struct segment {
    uint8_t gso;     // 0: it is something else
    unsigned header; // bytes up to the payload
    unsigned payload;
};

static struct segment parse(const uint8_t *data, size_t len)
{
    struct segment none = {0}, s = {0};
    const uint8_t *ip = data + ETH;
    unsigned type = get16(data + 12), packet;
    if (type == ETHERTYPE_IP4 && len >= ETH + IP4 + TCP) {
        if (ip[0] != 0x45 || ip[9] != PROTOCOL_TCP || (get16(ip + 6) & 0x3fff))
            return none;
        s.gso = NET_GSO_TCP4;
        s.header = ETH + IP4 + TCP;
        packet = get16(ip + 2);
    } else if (type == ETHERTYPE_IP6 && len >= ETH + IP6 + TCP) {
        if (ip[6] != PROTOCOL_TCP)
            return none;
        s.gso = NET_GSO_TCP6;
        s.header = ETH + IP6 + TCP;
        packet = get16(ip + 4) + IP6;
    } else {
        return none;
    }
    const uint8_t *tcp = data + s.header - TCP;
    if (packet + ETH != len || tcp[12] != 0x50 || (tcp[13] & ~FLAG_PSH) != FLAG_ACK)
        return none;
    s.payload = (unsigned)len - s.header;
    return s;
}

// Same connection, same acknowledgement and window.
static bool same_flow(const uint8_t *a, const uint8_t *b, const struct segment *s)
{
    const uint8_t *ta = a + s->header - TCP, *tb = b + s->header - TCP;
    bool v6 = s->gso == NET_GSO_TCP6;
    return !memcmp(a, b, 12) && !memcmp(ta, tb, 4) && !memcmp(ta + 8, tb + 8, 4) &&
           !memcmp(ta + 14, tb + 14, 2) &&
           (v6 ? !memcmp(a + ETH, b + ETH, 4) && !memcmp(a + ETH + 7, b + ETH + 7, 33)
               : a[ETH + 1] == b[ETH + 1] && a[ETH + 8] == b[ETH + 8] &&
                     !memcmp(a + ETH + 12, b + ETH + 12, 8));
}

bool offload_mergeable(const struct net_frame *last, const uint8_t *data, size_t len,
                       unsigned accepts)
{
    struct segment s = parse(data, len);
    if (!s.gso || !s.payload || !(accepts >> s.gso & 1) || last->len + s.payload > ETH + 65535)
        return false;
    unsigned merged = last->off.gso ? last->off.segment : last->len - s.header;
    if (last->len <= s.header || s.payload > merged || (last->len - s.header) % merged)
        return false; // the last piece was a short one
    if (last->off.gso ? last->off.gso != s.gso : parse(last->data, last->len).gso != s.gso)
        return false;
    const uint8_t *before = last->data + s.header - TCP, *tcp = data + s.header - TCP;
    return !(before[13] & FLAG_PSH) && same_flow(last->data, data, &s) &&
           get32(tcp + 4) == get32(before + 4) + (last->len - s.header);
}

void offload_merge(struct net_frame *last, const uint8_t *data, size_t len)
{
    struct segment s = parse(data, len);
    if (!last->off.gso) {
        last->off = (struct net_offload){.csum = true,
                                         .gso = s.gso,
                                         .csum_start = (uint16_t)(s.header - TCP),
                                         .csum_offset = TCP_CSUM,
                                         .header = (uint16_t)s.header,
                                         .segment = (uint16_t)(last->len - s.header)};
    }
    memcpy(last->data + last->len, data + s.header, s.payload);
    last->len += s.payload;
    last->data[s.header - TCP + 13] |= data[s.header - TCP + 13] & FLAG_PSH;
}

void offload_seal(struct net_frame *f)
{
    if (!f->off.gso)
        return;
    bool v6 = f->off.gso == NET_GSO_TCP6;
    seal_ip(f->data + ETH, v6, f->len - ETH);
    store(f->data + f->off.csum_start + TCP_CSUM,
          offload_fold(pseudo_header(f->data + ETH, v6, f->len - f->off.csum_start)));
}
