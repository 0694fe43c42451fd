// SPDX-License-Identifier: GPL-3.0-or-later
// Operands for the floating-point tests, the same on the host and inside the A64 oracle: a function
// of (row, index) alone, so that neither has to tell the other what it computed.
//
// Kinds: h, s, d a half, single, double; i, w, x an integer of 16, 32, 64 bits. The first indices
// of a row with one or two operands run through all (pairs of) special values; the rest are random
// with weighted exponents and fractions, and often related to each other, because that is where
// cancellation, ties and double roundings are.
#ifndef TESTS_FP_OPERANDS_H
#define TESTS_FP_OPERANDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct shape {
    unsigned bits, frac;
    int bias;
};

static inline bool is_float_kind(char kind)
{
    return kind == 'h' || kind == 's' || kind == 'd';
}

static inline struct shape shape_of(char kind)
{
    switch (kind) {
    case 'h':
        return (struct shape){16, 10, 15};
    case 's':
        return (struct shape){32, 23, 127};
    case 'd':
        return (struct shape){64, 52, 1023};
    case 'i':
        return (struct shape){16, 0, 0};
    case 'w':
        return (struct shape){32, 0, 0};
    default:
        return (struct shape){64, 0, 0};
    }
}

static inline uint64_t low_mask(unsigned n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

// xorshift64*.
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(2685821657736338717);
}

#define FLOAT_SPECIALS 48
#define INT_SPECIALS   16

// 1.frac * 2^exp, or the nearest that the format has.
static inline uint64_t float_value(struct shape f, int exp, uint64_t frac)
{
    int top = 2 * f.bias;
    int e = exp + f.bias;
    e = e < 0 ? 0 : e > top ? top : e;
    return (uint64_t)e << f.frac | (frac & low_mask(f.frac));
}

static inline uint64_t float_special(struct shape f, unsigned i)
{
    uint64_t sign = (uint64_t)(i & 1) << (f.bits - 1);
    uint64_t ulp = 1, one = (uint64_t)f.bias << f.frac, half_frac = UINT64_C(1) << (f.frac - 1);
    uint64_t normal = UINT64_C(1) << f.frac, inf = low_mask(f.bits - 1) & ~low_mask(f.frac);
    const uint64_t values[FLOAT_SPECIALS / 2] = {
        0,
        ulp,        // the smallest denormal
        half_frac,  // a denormal of one bit
        normal - 1, // the largest denormal
        normal,     // the smallest normal
        normal + 1,
        one - 1,
        one,
        one + 1,
        one | half_frac,                   // 1.5
        one - normal,                      // 0.5
        float_value(f, 1, half_frac),      // 3
        float_value(f, 1, half_frac >> 1), // 2.5
        float_value(f, 15, 0),             // about the bounds of the integers
        float_value(f, 15, ~UINT64_C(0)),
        float_value(f, 31, 0),
        float_value(f, 30, ~UINT64_C(0)),
        float_value(f, 63, 0),
        float_value(f, f.bias - 1, 0), // where reciprocals become denormal
        inf - 1,                       // the largest normal
        inf,
        inf | half_frac | 5, // quiet
        inf | 9,             // signalling
        inf | half_frac,     // the default NaN
    };
    return values[i / 2 % (FLOAT_SPECIALS / 2)] | sign;
}

static inline uint64_t int_special(unsigned bits, unsigned i)
{
    const uint64_t values[INT_SPECIALS] = {0,
                                           1,
                                           2,
                                           3,
                                           UINT64_C(1) << (bits - 1),
                                           (UINT64_C(1) << (bits - 1)) - 1,
                                           ~UINT64_C(0),
                                           ~UINT64_C(0) - 1,
                                           UINT64_C(0x8000000000000400),
                                           UINT64_C(0x8000000000000401),
                                           UINT64_C(0x0020000000000001),
                                           UINT64_C(0x7ffffffffffffdff),
                                           0x1000001,
                                           0x801,
                                           0xfff0,
                                           0x7ff8};
    return values[i % INT_SPECIALS] & low_mask(bits);
}

static inline uint64_t random_fraction(uint64_t *state, unsigned frac)
{
    uint64_t r = random_next(state), v = random_next(state);
    unsigned n = (unsigned)(r >> 8) % (frac + 1);
    switch (r & 7) {
    case 0:
        return 0;
    case 1:
        return UINT64_C(1) << n & low_mask(frac);
    case 2:
        return low_mask(frac) & ~low_mask(n); // ones from the top
    case 3:
        return low_mask(n); // ones at the bottom
    case 4:
        return v & 7;
    default:
        return v & low_mask(frac);
    }
}

static inline uint64_t random_float(uint64_t *state, struct shape f)
{
    uint64_t r = random_next(state);
    unsigned top = 2 * (unsigned)f.bias + 1, e, w = (unsigned)(r >> 8) & 0xffff;
    switch (r & 7) {
    case 0:
        return float_special(f, w % FLOAT_SPECIALS);
    case 1:
        e = w % 3; // denormals and next to them
        break;
    case 2:
        e = w % (f.frac + 3);
        break;
    case 3:
        e = top - 1 - w % (f.frac + 3);
        break;
    case 4:
        e = w % top;
        break;
    default:
        e = (unsigned)f.bias + w % 17 - 8;
        break;
    }
    return (r >> 40 & 1) << (f.bits - 1) | (uint64_t)e << f.frac | random_fraction(state, f.frac);
}

static inline uint64_t random_int(uint64_t *state, unsigned bits)
{
    uint64_t r = random_next(state), v = random_next(state);
    if ((r & 3) == 0)
        return int_special(bits, (unsigned)(r >> 8));
    v >>= r >> 8 & 63;
    return (r & 4 ? -v : v) & low_mask(bits);
}

// Something close to a: a few units away, of either sign, or a few powers of two.
static inline uint64_t related(uint64_t *state, struct shape f, uint64_t a)
{
    uint64_t r = random_next(state), sign = (r >> 20 & 1) << (f.bits - 1);
    uint64_t magnitude = a & low_mask(f.bits - 1);
    if (r & 1)
        magnitude += (r >> 8 & 7) - 3;
    else
        magnitude += ((r >> 8 & 3) - 1) << f.frac;
    return ((magnitude & low_mask(f.bits - 1)) | sign) & low_mask(f.bits);
}

// Operand number index of a row (seed: any number that tells rows apart).
static inline void make_operands(uint64_t in[3], const char *kinds, unsigned seed, unsigned index)
{
    size_t count = strlen(kinds);
    in[0] = in[1] = in[2] = 0;
    unsigned specials[2] = {1, 1};
    for (size_t i = 0; i < count && i < 2; i++)
        specials[i] = is_float_kind(kinds[i]) ? FLOAT_SPECIALS : INT_SPECIALS;
    if (count < 3 && index < specials[0] * specials[1]) {
        unsigned which[2] = {index % specials[0], index / specials[0]};
        for (size_t i = 0; i < count; i++) {
            struct shape f = shape_of(kinds[i]);
            in[i] = is_float_kind(kinds[i]) ? float_special(f, which[i])
                                            : int_special(f.bits, which[i]);
        }
        return;
    }
    uint64_t state = (UINT64_C(0x9e3779b97f4a7c15) * (seed + 1)) ^ ((uint64_t)index << 20) ^ 0x5bd1;
    random_next(&state);
    for (size_t i = 0; i < count; i++) {
        struct shape f = shape_of(kinds[i]);
        in[i] = is_float_kind(kinds[i]) ? random_float(&state, f) : random_int(&state, f.bits);
        if (i == 1 && kinds[1] == kinds[0] && (random_next(&state) & 3) == 0)
            in[1] = related(&state, f, in[0]);
    }
    // An addend near the product, where everything cancels.
    if (count == 3 && kinds[2] == kinds[0] && (random_next(&state) & 1)) {
        struct shape f = shape_of(kinds[0]);
        uint64_t field = low_mask(f.bits - 1) & ~low_mask(f.frac);
        int e = (int)((in[0] & field) >> f.frac) + (int)((in[1] & field) >> f.frac) - f.bias;
        e += (int)(random_next(&state) % 5) - 2;
        uint64_t sign = random_next(&state) & 1; // one call a statement: the order matters
        in[2] = float_value(f, e - f.bias, random_next(&state)) | sign << (f.bits - 1);
        if (random_next(&state) & 1) { // a square of a short number: the product is exact
            in[1] = in[0] &= ~low_mask(f.frac / 2 + 1);
            in[2] &= ~low_mask(f.frac / 2);
        }
    }
}

static inline unsigned operand_count(const char *kinds, unsigned randoms)
{
    unsigned n = 1;
    for (const char *k = kinds; *k; k++)
        n *= is_float_kind(*k) ? FLOAT_SPECIALS : INT_SPECIALS;
    return strlen(kinds) < 3 ? n + randoms : 8 * randoms;
}

#endif
