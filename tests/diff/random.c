// SPDX-License-Identifier: GPL-3.0-or-later
// Random numbers and states, without the oracle.
#include "tests/diff/diff.h"

#include "base/bits.h"
#include "jit/fp.h"

uint64_t diff_random(uint64_t *state)
{
    uint64_t x = *state; // xorshift64*

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned below(uint64_t *random, unsigned n)
{
    return (unsigned)((diff_random(random) >> 32) % n);
}

// A floating-point number of the width: special, near special, of moderate size, or any.
static uint64_t random_fp(uint64_t *random, unsigned width)
{
    unsigned e = width == 16 ? 5 : width == 32 ? 8 : 11, f = width - 1 - e;
    uint64_t bias = mask64(e - 1), sign = (diff_random(random) >> 40 & 1) << (width - 1);
    uint64_t exponent, fraction = diff_random(random) & mask64(f);

    switch (below(random, 10)) {
    case 0: // zero, subnormal
        exponent = 0;
        fraction = below(random, 2) ? 0 : fraction;
        break;
    case 1: // infinity, NaN
        exponent = mask64(e);
        fraction = below(random, 2) ? 0 : below(random, 2) ? fraction : fraction | BIT(f - 1);
        break;
    case 2: // small integers and halves, and what lies just below them
        exponent = bias + below(random, 5) - 1;
        fraction = below(random, 2) ? fraction & ~mask64(f - 3) : mask64(f);
        break;
    case 3: // near the limits of integers
        exponent = bias + below(random, width == 16 ? 15 : 70);
        break;
    case 4: // the smallest and the largest
        exponent = below(random, 2) ? 1 + below(random, 3) : mask64(e) - 1 - below(random, 3);
        fraction = below(random, 2) ? fraction : below(random, 2) ? 0 : mask64(f);
        break;
    case 5:
        exponent = diff_random(random) & mask64(e);
        break;
    case 6: // at the limits of the narrower formats
        exponent =
            bias + (const uint64_t[]){-127, -126, -15, -14, 15, 16, 127, 128}[below(random, 8)];
        exponent = width == 16 ? bias : exponent & mask64(e);
        fraction = below(random, 3) ? mask64(f) - below(random, 4) : fraction;
        break;
    default:
        exponent = bias + below(random, 12) - 6;
    }
    return sign | exponent << f | fraction;
}

static uint64_t random_integer(uint64_t *random)
{
    uint64_t v = diff_random(random);

    switch (below(random, 6)) {
    case 0:
        return 0;
    case 1:
        v = v & 1 ? UINT64_MAX : BIT(v >> 1 & 63);
        break;
    case 2:
        v >>= below(random, 64);
        break;
    case 3:
        v = (uint64_t)((int64_t)v >> below(random, 64));
        break;
    default:
        break;
    }
    // Nothing that could be an address of the oracle's own, the tag byte apart.
    if ((v & mask64(56)) >> 16 && (v & mask64(56)) < BIT(48))
        v |= BIT(50);
    return v;
}

// 64 bits of a vector: lanes of one width, of one sort.
static uint64_t random_lanes(uint64_t *random)
{
    static const unsigned widths[] = {8, 16, 32, 64};
    unsigned width = widths[below(random, 4)], sort = below(random, 4);
    uint64_t v = 0;

    if (width == 8 && sort == 0)
        sort = 1;
    for (unsigned i = 0; i < 64; i += width) {
        uint64_t lane;
        switch (sort) {
        case 0:
            lane = random_fp(random, width);
            break;
        case 1: // extremes
            lane = (const uint64_t[]){0, UINT64_MAX, BIT(width - 1), BIT(width - 1) - 1,
                                      1}[below(random, 5)];
            break;
        case 2: // shift distances and table indices
            lane = (uint64_t)((int64_t)below(random, 2 * width + 4) - (int64_t)width - 2);
            break;
        default:
            lane = diff_random(random);
        }
        v |= (lane & mask64(width)) << i;
    }
    return v;
}

// Into the data page, sometimes to its end, where an access may fault on its way.
static uint64_t random_pointer(uint64_t *random)
{
    return DIFF_DATA + (below(random, 16) ? 128 + below(random, 128) : 4096 - below(random, 96));
}

// Operands that are equal, off by one, opposite: where comparisons and carries are decided.
static void relate(uint64_t *random, struct diff_state *s)
{
    for (unsigned i = 0; i < 31; i++) {
        uint64_t other = s->x[below(random, 31)];
        switch (below(random, 16)) {
        case 0:
        case 1:
            s->x[i] = other;
            break;
        case 2:
            s->x[i] = other + (below(random, 2) ? 1 : UINT64_MAX);
            break;
        case 3:
            s->x[i] = below(random, 2) ? ~other : -other;
            break;
        default:
            break;
        }
    }
    for (unsigned i = 0; i < 32; i++)
        for (unsigned j = 0; j < 2; j++)
            if (below(random, 8) == 0)
                s->v[i][j] =
                    s->v[below(random, 32)][j] ^ (below(random, 2) ? 0 : BIT(below(random, 64)));
}

void diff_random_state(uint64_t *random, struct diff_state *s)
{
    unsigned vector_sort = below(random, 4);

    for (unsigned i = 0; i < 31; i++)
        s->x[i] = below(random, 2) ? random_pointer(random) : random_integer(random);
    s->sp = DIFF_DATA + 128 + 16 * below(random, 8);
    for (unsigned i = 0; i < 32; i++)
        for (unsigned j = 0; j < 2; j++)
            switch (vector_sort) {
            case 0: // all of one floating-point format
                s->v[i][j] = random_fp(random, 64);
                break;
            case 1:
                s->v[i][j] = random_fp(random, 32) | random_fp(random, 32) << 32;
                break;
            case 2:
                s->v[i][j] = random_fp(random, 16) | random_fp(random, 16) << 16 |
                             random_fp(random, 16) << 32 | random_fp(random, 16) << 48;
                break;
            default:
                s->v[i][j] = random_lanes(random);
            }
    relate(random, s);
    s->nzcv = diff_random(random) & 0xf0000000u;
    s->fpcr = below(random, 2) ? 0 : diff_random(random) & FPCR_MASK;
    s->fpsr = below(random, 4) ? 0 : diff_random(random) & FPSR_MASK;
    s->status = 0;
    for (unsigned i = 0; i < DIFF_MEM_SIZE; i++)
        s->mem[i] = (uint8_t)diff_random(random);
}
