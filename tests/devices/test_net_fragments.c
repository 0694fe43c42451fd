// SPDX-License-Identifier: GPL-3.0-or-later
// IPv4 fragments against the datagram that they were cut from, and those that fit nowhere.
#include "bench.h"
#include "devices/net/fragments.h"
#include "devices/net/offload.h"
#include "tests/support/random.h"

#include <stdlib.h>
#include <string.h>

enum { ETH = 14, SECOND = 1000000000 };

static struct fragments s;
static uint8_t payload[65536 + 64];
static uint64_t x = RANDOM_SEED;

static uint64_t next(void)
{
    return random_next(&x);
}

static void begin(void)
{
    fragments_init(&s);
    for (size_t n = 0; n < sizeof payload; n++)
        payload[n] = (uint8_t)next();
}

static void end(void)
{
    fragments_fini(&s);
}

TestSuite(fragments, .init = begin, .fini = end);

// A fragment with `header` bytes of IP header and payload[at, at + len).
static struct net_frame *cut(unsigned id, unsigned header, unsigned at, unsigned len, bool more)
{
    struct net_frame *f = net_frame_new(ETH + header + len);
    uint8_t *ip = f->data + ETH;
    memset(f->data, 0, ETH + header);
    memcpy(f->data, "\x52\x55\x0a\0\2\2\x52\x54\0\1\2\3\x08\0", ETH);
    ip[0] = (uint8_t)(0x40 | header / 4);
    ip[2] = (uint8_t)((header + len) >> 8);
    ip[3] = (uint8_t)(header + len);
    ip[5] = (uint8_t)id;
    ip[6] = (uint8_t)(at / 8 >> 8 | (more ? 0x20 : 0));
    ip[7] = (uint8_t)(at / 8);
    ip[8] = 64;
    ip[9] = 17;
    memcpy(ip + 12, "\x0a\0\2\x0f\x0a\0\2\2", 8);
    uint16_t sum = (uint16_t)~offload_fold(offload_sum(ip, header, 0));
    memcpy(ip + 10, &sum, 2);
    memcpy(ip + header, payload + at, len);
    f->len = ETH + header + len;
    return f;
}

static struct net_frame *take(struct net_frame *f)
{
    return fragments_take(&s, f, 0);
}

static void nothing(struct net_frame *f)
{
    cr_assert(!take(f), "something was given");
}

static void whole(struct net_frame *f, unsigned header, unsigned len)
{
    cr_assert(f, "nothing was given");
    const uint8_t *ip = f->data + ETH;
    EXPECT(f->len, ETH + header + len);
    EXPECT(ip[2] << 8 | ip[3], header + len);
    EXPECT(ip[6] << 8 | ip[7], 0);
    EXPECT(offload_fold(offload_sum(ip, header, 0)), 0xffff);
    cr_assert(!memcmp(ip + header, payload, len), "the payload differs");
    free(f);
}

Test(fragments, what_is_none_goes_on)
{
    struct net_frame *f = cut(1, 20, 0, 100, false);
    cr_assert(take(f) == f);
    f->data[12] = 0x86; // IPv6 says something else there
    f->data[ETH + 6] = 0x20;
    cr_assert(take(f) == f);
    f->data[12] = 0x08;
    f->len = 33;
    cr_assert(take(f) == f);
    free(f);
}

Test(fragments, in_any_order)
{
    nothing(cut(1, 20, 0, 1480, true));
    whole(take(cut(1, 20, 1480, 77, false)), 20, 1557);
    nothing(cut(2, 20, 1480, 77, false)); // again, the other way round, with options
    whole(take(cut(2, 24, 0, 1480, true)), 24, 1557);
    for (unsigned round = 0; round < 500; round++) {
        unsigned at[64], count = 2 + (unsigned)(next() % 60), len = 8 * count;
        struct net_frame *got = NULL;
        for (unsigned n = 0; n < count; n++)
            at[n] = n;
        for (unsigned n = count - 1; n; n--) {
            unsigned other = (unsigned)(next() % (n + 1)), was = at[n];
            at[n] = at[other];
            at[other] = was;
        }
        for (unsigned n = 0; n < count; n++) {
            bool last = at[n] == count - 1;
            cr_assert(!got, "whole after %u of %u", n, count);
            got = take(cut(round, 20, 8 * at[n], last ? 5 : 8, !last));
        }
        whole(got, 20, len - 3);
    }
    for (unsigned n = 0; n < 44; n++)
        nothing(cut(3, 20, n * 1480, 1480, true));
    whole(take(cut(3, 20, 65120, 355, false)), 20, 65475);
}

Test(fragments, what_does_not_fit)
{
    static const struct {
        unsigned at, len;
        bool more;
    } rows[] = {
        {8, 16, true},      // overlaps
        {0, 8, true},       // again
        {32, 16, true},     // beyond the end
        {32, 8, false},     // another end
        {16, 7, true},      // not a multiple of 8 bytes, and not the last
        {65472, 8, true},   // too long
        {65528, 60, false},
        {16, 0, true},      // nothing
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        nothing(cut(9, 20, 0, 16, true));
        nothing(cut(9, 20, 24, 16, false));
        nothing(cut(9, 20, rows[i].at, rows[i].len, rows[i].more));
        nothing(cut(9, 20, 16, 8, true)); // which would have completed it
        fragments_fini(&s);
    }
    struct net_frame *f = cut(9, 20, 0, 16, true);
    f->data[ETH + 10] ^= 1; // the sum
    nothing(f);
    f = cut(9, 20, 0, 16, true);
    f->len--; // shorter than it says
    nothing(f);
    nothing(cut(9, 20, 16, 4, false));
    for (unsigned i = 0; i < FRAGMENTS_DATAGRAMS; i++)
        cr_assert(!s.d[i].f || !s.d[i].first, "a damaged fragment was kept");
}

Test(fragments, few_at_a_time_and_not_for_long)
{
    for (unsigned id = 0; id <= FRAGMENTS_DATAGRAMS; id++) // the first one has to go
        cr_assert(!fragments_take(&s, cut(id, 20, 0, 16, true), id));
    for (unsigned id = FRAGMENTS_DATAGRAMS; id; id--)
        whole(fragments_take(&s, cut(id, 20, 16, 8, false), 100), 20, 24);
    nothing(cut(0, 20, 16, 8, false));
    fragments_fini(&s);
    cr_assert(!fragments_take(&s, cut(1, 20, 0, 16, true), 0));
    cr_assert(!fragments_take(&s, cut(1, 20, 16, 8, false), FRAGMENTS_SECONDS * INT64_C(1000000000)), "too late");
}
