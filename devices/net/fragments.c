// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/net/fragments.h"

#include "devices/net/offload.h"

#include <stdlib.h>
#include <string.h>

enum {
    ETH = 14,
    IP = 20, // without options
    MOST = 65535 - 60, // payload bytes, with any options still a datagram
    LAST_BITS = 0x3fff, // of flags and offset: more to come, and the offset
    MORE = 0x2000,
    OFFSET = 0x1fff, // in units of 8 bytes
};

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

// A fragment of an IPv4 datagram. What cannot be one, however wrong, is libslirp's business.
static bool is_fragment(const struct net_frame *f)
{
    return f->len >= ETH + IP && get16(f->data + 12) == 0x0800 && f->data[ETH] >> 4 == 4 &&
           get16(f->data + ETH + 6) & LAST_BITS;
}

static void drop(struct fragments_datagram *d)
{
    free(d->f);
    d->f = NULL;
}

static struct fragments_datagram *find(struct fragments *s, const uint8_t key[11], int64_t now)
{
    struct fragments_datagram *oldest = &s->d[0];
    for (unsigned n = 0; n < FRAGMENTS_DATAGRAMS; n++) {
        struct fragments_datagram *d = &s->d[n];
        if (d->f && now >= d->until)
            drop(d);
        if (d->f && !memcmp(d->key, key, sizeof d->key))
            return d;
        if (!d->f ? oldest->f != NULL : oldest->f && d->until < oldest->until)
            oldest = d;
    }
    drop(oldest);
    *oldest = (struct fragments_datagram){.until = now + FRAGMENTS_SECONDS * INT64_C(1000000000),
                                          .f = net_frame_new(ETH + 60 + MOST)};
    memcpy(oldest->key, key, sizeof oldest->key);
    return oldest;
}

// Marks the units [first, end). False: one of them is there already.
static bool mark(struct fragments_datagram *d, unsigned first, unsigned end)
{
    for (unsigned n = first; n < end; n++) {
        if (d->have[n / 8] >> n % 8 & 1)
            return false;
        d->have[n / 8] |= (uint8_t)(1u << n % 8);
    }
    return true;
}

// Payload goes behind room for the longest header, the first fragment's header right before it.
static bool put(struct fragments_datagram *d, const struct net_frame *f, unsigned header,
                unsigned len)
{
    const uint8_t *ip = f->data + ETH;
    unsigned flags = get16(ip + 6), at = (flags & OFFSET) * 8;
    bool last = !(flags & MORE);
    if (!len || at + len > MOST || (!last && len % 8) || (last && d->len) ||
        (d->len && at + len > d->len) || !mark(d, at / 8, (at + len + 7) / 8))
        return false;
    memcpy(d->f->data + ETH + 60 + at, ip + header, len);
    d->got += len;
    if (last)
        d->len = at + len;
    if (!at) {
        d->first = true;
        d->f->len = header; // the rest is added when all is there
        memcpy(d->f->data, f->data, ETH + header);
    }
    return d->got <= (d->len ? d->len : MOST);
}

// All is there: closes the gap behind the headers, and makes them those of a whole datagram.
static struct net_frame *finish(struct fragments_datagram *d)
{
    struct net_frame *f = d->f;
    unsigned header = f->len;
    uint8_t *ip = f->data + ETH;
    memmove(ip + header, f->data + ETH + 60, d->len);
    f->len = ETH + header + d->len;
    put16(ip + 2, header + d->len);
    put16(ip + 6, 0);
    put16(ip + 10, 0);
    uint16_t sum = (uint16_t)~offload_fold(offload_sum(ip, header, 0));
    memcpy(ip + 10, &sum, 2);
    d->f = NULL;
    return f;
}

struct net_frame *fragments_take(struct fragments *s, struct net_frame *f, int64_t now)
{
    if (!is_fragment(f))
        return f;
    const uint8_t *ip = f->data + ETH;
    unsigned header = (ip[0] & 15u) * 4, total = get16(ip + 2);
    uint8_t key[11];
    struct net_frame *whole = NULL;
    if (header >= IP && total >= header && total <= f->len - ETH &&
        offload_fold(offload_sum(ip, header, 0)) == 0xffff) {
        memcpy(key, ip + 12, 8);
        memcpy(key + 8, ip + 4, 2);
        key[10] = ip[9];
        struct fragments_datagram *d = find(s, key, now);
        if (!put(d, f, header, total - header))
            drop(d);
        else if (d->first && d->len && d->got == d->len)
            whole = finish(d);
    }
    free(f);
    return whole;
}

void fragments_init(struct fragments *s)
{
    *s = (struct fragments){0};
}

void fragments_fini(struct fragments *s)
{
    for (unsigned n = 0; n < FRAGMENTS_DATAGRAMS; n++)
        drop(&s->d[n]);
}
