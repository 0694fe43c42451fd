// SPDX-License-Identifier: GPL-3.0-or-later
// The integer rows of ir_vec.def as functions. Compiled with SSE2 and -O3: the loops over lanes
// become vector instructions where the compiler can. No floating point here.
#include "jit/ir_vec_expand.h"

#include <string.h>

// A wide value as a lane; q remembers that it did not fit.
#define SAT_S(v)                                                                                   \
    ({                                                                                             \
        const __typeof__(v) wide_ = (v);                                                           \
        const ST max_ = (ST)((T)-1 >> 1), min_ = (ST)(-max_ - 1);                                  \
        const ST lane_ = wide_ > max_ ? max_ : wide_ < min_ ? min_ : (ST)wide_;                    \
        q |= (T)(lane_ != wide_);                                                                  \
        (T) lane_;                                                                                 \
    })
#define SAT_U(v)                                                                                   \
    ({                                                                                             \
        const __typeof__(v) wide_ = (v);                                                           \
        const T lane_ = wide_ < 0 ? 0 : wide_ > (T)-1 ? (T)-1 : (T)wide_;                          \
        q |= (T)((__typeof__(v))lane_ != wide_);                                                   \
        lane_;                                                                                     \
    })
// The same of an unsigned value.
#define SATN_U(v)                                                                                  \
    ({                                                                                             \
        const DT wide_ = (v);                                                                      \
        const T lane_ = wide_ > (T)-1 ? (T)-1 : (T)wide_;                                          \
        q |= (T)(lane_ != wide_);                                                                  \
        lane_;                                                                                     \
    })

static inline uint8_t popcount8(uint8_t x)
{
    x = (uint8_t)(x - (x >> 1 & 0x55));
    x = (uint8_t)((x & 0x33) + (x >> 2 & 0x33));
    return (uint8_t)(x + (x >> 4)) & 0x0f;
}

static inline uint8_t rbit8(uint8_t x)
{
    x = (uint8_t)((x & 0x55) << 1 | (x >> 1 & 0x55));
    x = (uint8_t)((x & 0x33) << 2 | (x >> 2 & 0x33));
    return (uint8_t)(x << 4 | x >> 4);
}

// Carry-less product.
static inline uint16_t pmul8(uint8_t x, uint8_t y)
{
    uint16_t r = 0;

    for (unsigned i = 0; i < 8; i++)
        r ^= (uint16_t)(-(y >> i & 1) & x << i);
    return r;
}

// v * 2^shift in W bits, shift -128..127; to the right it rounds half up if round. Saturates to
// W bits if sat is wanted, else truncates.
static inline uint64_t shift_s(int64_t v, int shift, unsigned W, bool round, bool saturate,
                               bool *sat)
{
    const int64_t max = (int64_t)(mask64(W) >> 1);

    if (shift < 0) {
        int s = -shift;
        int64_t r = v >> (s < 64 ? s : 63);
        return (uint64_t)r + (round ? (uint64_t)v >> (s <= 64 ? s - 1 : 63) & 1 : 0);
    }
    if (!saturate)
        return shift >= (int)W ? 0 : (uint64_t)v << shift;
    if (v != 0 && (shift >= (int)W || v > max >> shift || v < (-max - 1) >> shift)) {
        *sat = true;
        return (uint64_t)(v < 0 ? -max - 1 : max);
    }
    return v == 0 ? 0 : (uint64_t)v << shift;
}

static inline uint64_t shift_u(uint64_t v, int shift, unsigned W, bool round, bool saturate,
                               bool *sat)
{
    const uint64_t max = mask64(W);

    if (shift < 0) {
        int s = -shift;
        return (s < 64 ? v >> s : 0) + (round && s <= 64 ? v >> (s - 1) & 1 : 0);
    }
    if (!saturate)
        return shift >= (int)W ? 0 : v << shift;
    if (v != 0 && (shift >= (int)W || v > max >> shift)) {
        *sat = true;
        return max;
    }
    return v == 0 ? 0 : v << shift;
}

// Twice a product of two lanes of W bits, saturated to 2W bits.
static inline uint64_t sqdmull(int64_t product, unsigned W, bool *sat)
{
    if (product == (int64_t)1 << (2 * W - 2)) { // of the two most negative numbers alone
        *sat = true;
        return mask64(2 * W) >> 1;
    }
    return (uint64_t)product * 2;
}

static inline uint32_t dot_s(uint32_t x, uint32_t y)
{
    uint32_t r = 0;

    for (unsigned i = 0; i < 32; i += 8)
        r += (uint32_t)((int8_t)(x >> i) * (int8_t)(y >> i));
    return r;
}

static inline uint32_t dot_u(uint32_t x, uint32_t y)
{
    uint32_t r = 0;

    for (unsigned i = 0; i < 32; i += 8)
        r += (uint32_t)(uint8_t)(x >> i) * (uint8_t)(y >> i);
    return r;
}

// clang-format off
#define VOP_LANES(name, operands, set, flags, ...)  IRV_SET_##set(IRV_FN_LANES, name, __VA_ARGS__)
#define VOP_LONG(name, operands, set, flags, ...)   IRV_SET_##set(IRV_FN_LONG, name, __VA_ARGS__)
#define VOP_NARROW(name, operands, set, flags, ...) IRV_SET_##set(IRV_FN_NARROW, name, __VA_ARGS__)
#define VOP_PAIRL(name, operands, set, flags, ...)  IRV_SET_##set(IRV_FN_PAIRL, name, __VA_ARGS__)
#define VOP_FOLD(name, set, flags, R, element, ...) IRV_SET_##set(IRV_FN_FOLD, name, R, element, __VA_ARGS__)
#define VOP_TOWORD(name, operands, set, flags, ...) IRV_SET_##set(IRV_FN_TOWORD, name, __VA_ARGS__)
#define VOP_WORD(name, operands, set, flags, ...)   IRV_SET_##set(IRV_FN_WORD, name, __VA_ARGS__)
// clang-format on
#include "jit/ir_vec.def"
