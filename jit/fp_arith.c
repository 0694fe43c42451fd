// SPDX-License-Identifier: GPL-3.0-or-later
// Addition, subtraction, multiplication, division, square root, fused multiply-add and the fused
// Newton steps (FPAdd .. FPMulAdd, FPMulX, FPRecipStepFused, FPRSqrtStepFused), integer-only.
//
// The num_* functions compute on unpacked numbers and know no format: their result is exact or
// jammed and not yet rounded. The functions below them add what the Arm ARM says of NaNs,
// infinities and zeros.
#include "jit/fp_format.h"

// A number from a non-zero 64-bit significand that need not be normalized.
FP_INLINE struct fp_num num_normal(bool sign, int exp, uint64_t sig)
{
    unsigned shift = (unsigned)__builtin_clzll(sig);
    return (struct fp_num){sig << shift, exp - (int)shift, sign, FP_CLASS_NUMBER};
}

// The same from 128 bits: sig * 2^(exp - 127).
FP_INLINE struct fp_num num_normal128(bool sign, int exp, fp_u128 sig)
{
    uint64_t hi = (uint64_t)(sig >> 64);
    unsigned shift = hi ? clz64(hi) : 64 + clz64((uint64_t)sig);
    sig <<= shift;
    return (struct fp_num){(uint64_t)(sig >> 64) | ((uint64_t)sig != 0), exp - (int)shift, sign,
                           FP_CLASS_NUMBER};
}

// x - x: the zero whose sign is the rounding mode's.
FP_INLINE struct fp_num num_cancelled(const struct fp_env *env)
{
    return (struct fp_num){.class = FP_CLASS_ZERO, .sign = fp_rounding(env) == FP_NEGINF};
}

// a + b, both as unpacked from a format: their low ten bits are clear, so one may be lost to
// headroom and the others guard.
FP_INLINE struct fp_num num_add(const struct fp_env *env, struct fp_num a, struct fp_num b)
{
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct fp_num t = a;
        a = b;
        b = t;
    }
    uint64_t x = a.sig >> 1, y = fp_shift_jam64(b.sig >> 1, (unsigned)(a.exp - b.exp));
    uint64_t sum = a.sign == b.sign ? x + y : x - y;
    return sum ? num_normal(a.sign, a.exp + 1, sum) : num_cancelled(env);
}

FP_INLINE struct fp_num num_mul(struct fp_num a, struct fp_num b)
{
    fp_u128 product = (fp_u128)a.sig * b.sig;
    uint64_t hi = (uint64_t)(product >> 64) | ((uint64_t)product != 0);
    return num_normal(a.sign ^ b.sign, a.exp + b.exp + 1, hi);
}

// hi:lo / d, hi < d; the quotient, and the remainder in *rest.
FP_INLINE uint64_t divide128(uint64_t hi, uint64_t lo, uint64_t d, uint64_t *rest)
{
    uint64_t q;
    __asm__("divq %4" : "=a"(q), "=d"(*rest) : "0"(lo), "1"(hi), "r"(d) : "cc");
    return q;
}

FP_INLINE struct fp_num num_div(struct fp_num a, struct fp_num b)
{
    // a.sig / 2 < b.sig: the quotient has 63 or 64 bits.
    uint64_t rest, q = divide128(a.sig >> 1, a.sig << 63, b.sig, &rest);
    return num_normal(a.sign ^ b.sign, a.exp - b.exp, q | (rest != 0));
}

// floor(sqrt(x)), x >= 2^126. A reciprocal square root of some 28 bits by Newton, two corrections
// with it, and the last unit by trial, so that no result depends on the error analysis.
static uint64_t square_root128(fp_u128 x)
{
    uint64_t top = (uint64_t)(x >> 64); // in [2^62, 2^64): x / 2^126 = v is in [1, 4)
    uint64_t v = top >> 32;             // v * 2^30
    // 1/sqrt(v) * 2^32 from a chord (v below 2: 1.25 - 0.25v; else 0.89 - 0.1v; all times 2^32),
    // then r * (3 - v r^2) / 2, which squares the relative error of at most 0.1 each time.
    uint64_t r = v < UINT64_C(2) << 30 ? (UINT64_C(5) << 30) - v - 1 : 3822520893u - v * 2 / 5;
    for (int i = 0; i < 4; i++) {
        uint64_t square = (r * r) >> 32;          // r^2 * 2^32, at most 1
        uint64_t vr2 = (v * (square >> 1)) >> 29; // v r^2 * 2^32
        r = ((r >> 1) * (((UINT64_C(3) << 32) - vr2) >> 2)) >> 30;
    }
    fp_u128 first = (fp_u128)top * r; // sqrt(v) = v / sqrt(v); scaled 2^94
    uint64_t s = first >> 95 ? UINT64_MAX : (uint64_t)(first >> 31);
    for (int i = 0; i < 2; i++) {
        // s + error / (2 s); error is below 2^101 in size, 1 / (2 s) = r / 2^96.
        __int128 error = (__int128)(x - (fp_u128)s * s);
        __int128 t = (__int128)s + (((error >> 40) * (__int128)r) >> 56);
        s = t > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)t;
    }
    while ((fp_u128)s * s > x)
        s--;
    while (s < UINT64_MAX && (fp_u128)(s + 1) * (s + 1) <= x)
        s++;
    return s;
}

FP_INLINE struct fp_num num_sqrt(struct fp_num a)
{
    fp_u128 x = (fp_u128)a.sig << (a.exp & 1 ? 64 : 63);
    uint64_t s = square_root128(x);
    bool inexact = (fp_u128)s * s != x;
    return num_normal(false, (a.exp - (a.exp & 1)) / 2, s | inexact);
}

// c + a * b for numbers a and b; c may be a ZERO too. All as unpacked from a format, so the 22 low
// bits of the product are clear.
FP_INLINE struct fp_num num_muladd(const struct fp_env *env, struct fp_num c, struct fp_num a,
                                   struct fp_num b)
{
    fp_u128 x = (fp_u128)a.sig * b.sig;
    int x_exp = a.exp + b.exp + 1; // x * 2^(x_exp - 127)
    bool x_sign = a.sign ^ b.sign;
    if (c.class == FP_CLASS_ZERO)
        return num_normal128(x_sign, x_exp, x);
    if (!(x >> 127)) {
        x <<= 1;
        x_exp--;
    }
    fp_u128 y = (fp_u128)c.sig << 64;
    int y_exp = c.exp;
    bool y_sign = c.sign;
    if (x_exp < y_exp || (x_exp == y_exp && x < y)) {
        fp_u128 sig = x;
        x = y, y = sig;
        int exp = x_exp;
        x_exp = y_exp, y_exp = exp;
        bool sign = x_sign;
        x_sign = y_sign, y_sign = sign;
    }
    x >>= 1;
    y = fp_shift_jam128(y >> 1, (unsigned)(x_exp - y_exp));
    fp_u128 sum = x_sign == y_sign ? x + y : x - y;
    return sum ? num_normal128(x_sign, x_exp + 1, sum) : num_cancelled(env);
}

// FPAdd, and FPSub with b's sign inverted (a NaN's sign excepted, which is why it is done here).
FP_INLINE uint64_t add_or_sub(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b,
                              bool subtract)
{
    struct fp_num x = fp_unpack(env, f, a), y = fp_unpack(env, f, b);
    y.sign ^= subtract;
    unsigned classes = x.class | y.class;
    if (likely(classes == FP_CLASS_NUMBER))
        return fp_round(env, f, num_add(env, x, y));
    if (classes & FP_CLASS_NAN)
        return fp_process_nans(env, f, a, b);
    if (classes & FP_CLASS_INF) {
        if (classes == FP_CLASS_INF && x.sign != y.sign)
            return fp_invalid(env, f);
        return fp_infinity(f, x.class == FP_CLASS_INF ? x.sign : y.sign);
    }
    if (classes == FP_CLASS_ZERO)
        return fp_round(env, f, x.sign == y.sign ? x : num_cancelled(env));
    return fp_round(env, f, x.class == FP_CLASS_NUMBER ? x : y);
}

FP_INLINE uint64_t add(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return add_or_sub(env, f, a, b, false);
}

FP_INLINE uint64_t sub(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return add_or_sub(env, f, a, b, true);
}

// FPMul, and FPMulX, for which infinity times zero is 2.
FP_INLINE uint64_t multiply(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b,
                            bool extended)
{
    struct fp_num x = fp_unpack(env, f, a), y = fp_unpack(env, f, b);
    bool sign = x.sign ^ y.sign;
    unsigned classes = x.class | y.class;
    if (likely(classes == FP_CLASS_NUMBER))
        return fp_round(env, f, num_mul(x, y));
    if (classes & FP_CLASS_NAN)
        return fp_process_nans(env, f, a, b);
    if (classes == (FP_CLASS_INF | FP_CLASS_ZERO)) {
        uint64_t two = (uint64_t)(f->bias + 1) << f->frac_bits;
        return extended ? fp_zero(f, sign) | two : fp_invalid(env, f);
    }
    return classes & FP_CLASS_INF ? fp_infinity(f, sign) : fp_zero(f, sign);
}

FP_INLINE uint64_t mul(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return multiply(env, f, a, b, false);
}

FP_INLINE uint64_t mulx(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return multiply(env, f, a, b, true);
}

FP_INLINE uint64_t div(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    struct fp_num x = fp_unpack(env, f, a), y = fp_unpack(env, f, b);
    bool sign = x.sign ^ y.sign;
    unsigned classes = x.class | y.class;
    if (likely(classes == FP_CLASS_NUMBER))
        return fp_round(env, f, num_div(x, y));
    if (classes & FP_CLASS_NAN)
        return fp_process_nans(env, f, a, b);
    if (classes == FP_CLASS_INF || classes == FP_CLASS_ZERO)
        return fp_invalid(env, f);
    if (x.class == FP_CLASS_INF)
        return fp_infinity(f, sign);
    if (y.class == FP_CLASS_ZERO) {
        fp_raise(env, FPSR_DZC);
        return fp_infinity(f, sign);
    }
    return fp_zero(f, sign);
}

FP_INLINE uint64_t square_root(struct fp_env *env, const struct fp_format *f, uint64_t a)
{
    struct fp_num x = fp_unpack(env, f, a);
    if (x.class & FP_CLASS_NAN)
        return fp_process_nan(env, f, a);
    if (x.class == FP_CLASS_ZERO)
        return fp_zero(f, x.sign);
    if (x.sign)
        return fp_invalid(env, f);
    if (x.class == FP_CLASS_INF)
        return fp_infinity(f, false);
    return fp_round(env, f, num_sqrt(x));
}

// c + x * y where none is a NaN: the common part of FPMulAdd and FPMulAddH; f is c's format.
FP_INLINE uint64_t muladd_nums(struct fp_env *env, const struct fp_format *f, struct fp_num c,
                               struct fp_num x, struct fp_num y)
{
    bool sign = x.sign ^ y.sign;
    unsigned factors = x.class | y.class;
    if (likely(factors == FP_CLASS_NUMBER && c.class != FP_CLASS_INF))
        return fp_round(env, f, num_muladd(env, c, x, y));
    if (factors == (FP_CLASS_INF | FP_CLASS_ZERO) ||
        ((factors & FP_CLASS_INF) && c.class == FP_CLASS_INF && c.sign != sign))
        return fp_invalid(env, f);
    if (c.class == FP_CLASS_INF)
        return fp_infinity(f, c.sign);
    if (factors & FP_CLASS_INF)
        return fp_infinity(f, sign);
    // The product is zero.
    if (c.class == FP_CLASS_ZERO && c.sign != sign)
        c = num_cancelled(env);
    return fp_round(env, f, c);
}

FP_INLINE uint64_t muladd(struct fp_env *env, const struct fp_format *f, uint64_t addend,
                          uint64_t a, uint64_t b)
{
    struct fp_num c = fp_unpack(env, f, addend);
    struct fp_num x = fp_unpack(env, f, a), y = fp_unpack(env, f, b);
    if (unlikely((c.class | x.class | y.class) & FP_CLASS_NAN)) {
        uint64_t nan = fp_process_nans3(env, f, addend, a, b);
        // A quiet NaN does not hide the invalid product beside it.
        if (c.class == FP_CLASS_QNAN && (x.class | y.class) == (FP_CLASS_INF | FP_CLASS_ZERO))
            return fp_invalid(env, f);
        return nan;
    }
    return muladd_nums(env, f, c, x, y);
}

// FPConvertNaN from half to single, after FPProcessNaN.
static uint32_t process_half_nan(struct fp_env *env, uint16_t a)
{
    uint32_t nan = (uint32_t)fp_process_nan(env, &fp_format16, a);
    return (nan & 0x8000) << 16 | 0x7f800000 | (nan & 0x3ff) << 13;
}

// FPProcessNaNs3H.
static uint32_t process_nans3_half(struct fp_env *env, uint32_t addend, uint16_t a, uint16_t b)
{
    const struct fp_format *f = &fp_format16;
    if (fp_is_snan(&fp_format32, addend))
        return (uint32_t)fp_process_nan(env, &fp_format32, addend);
    if (fp_is_snan(f, a) || fp_is_snan(f, b))
        return process_half_nan(env, fp_is_snan(f, a) ? a : b);
    if (fp_is_nan(&fp_format32, addend))
        return (uint32_t)fp_process_nan(env, &fp_format32, addend);
    return process_half_nan(env, fp_is_nan(f, a) ? a : b);
}

uint32_t fp32_muladd_half(struct fp_env *env, uint32_t addend, uint16_t a, uint16_t b)
{
    struct fp_num c = fp_unpack(env, &fp_format32, addend);
    struct fp_num x = fp_unpack(env, &fp_format16, a), y = fp_unpack(env, &fp_format16, b);
    if (unlikely((c.class | x.class | y.class) & FP_CLASS_NAN)) {
        uint32_t nan = process_nans3_half(env, addend, a, b);
        if (c.class == FP_CLASS_QNAN && (x.class | y.class) == (FP_CLASS_INF | FP_CLASS_ZERO))
            return (uint32_t)fp_invalid(env, &fp_format32);
        return nan;
    }
    return (uint32_t)muladd_nums(env, &fp_format32, c, x, y);
}

// constant - a * b, halved if halve; infinity times zero counts as zero.
FP_INLINE uint64_t newton_step(struct fp_env *env, const struct fp_format *f, uint64_t a,
                               uint64_t b, struct fp_num constant, bool halve)
{
    a ^= fp_sign_bit(f); // a NaN's sign too
    struct fp_num x = fp_unpack(env, f, a), y = fp_unpack(env, f, b), result = constant;
    unsigned classes = x.class | y.class;
    if (unlikely(classes & FP_CLASS_NAN))
        return fp_process_nans(env, f, a, b);
    if ((classes & FP_CLASS_INF) && !(classes & FP_CLASS_ZERO))
        return fp_infinity(f, x.sign ^ y.sign);
    if (classes == FP_CLASS_NUMBER)
        result = num_muladd(env, constant, x, y);
    result.exp -= halve;
    return fp_round(env, f, result);
}

FP_INLINE uint64_t recip_step(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    struct fp_num two = {BIT(63), 1, false, FP_CLASS_NUMBER};
    return newton_step(env, f, a, b, two, false);
}

FP_INLINE uint64_t rsqrt_step(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    struct fp_num three = {UINT64_C(3) << 62, 1, false, FP_CLASS_NUMBER};
    return newton_step(env, f, a, b, three, true);
}

// clang-format off
#define BINARY(N, T, name, op)  T fp##N##_##name(struct fp_env *env, T a, T b) { return (T)op(env, &fp_format##N, a, b); }
#define UNARY(N, T, name, op)   T fp##N##_##name(struct fp_env *env, T a) { return (T)op(env, &fp_format##N, a); }
#define TERNARY(N, T, name, op) T fp##N##_##name(struct fp_env *env, T c, T a, T b) { return (T)op(env, &fp_format##N, c, a, b); }
#define INSTANCE(N, T)               \
    BINARY(N, T, add_ref, add)       \
    BINARY(N, T, sub_ref, sub)       \
    BINARY(N, T, mul_ref, mul)       \
    BINARY(N, T, div_ref, div)       \
    UNARY(N, T, sqrt_ref, square_root) \
    TERNARY(N, T, muladd_ref, muladd) \
    BINARY(N, T, mulx, mulx)         \
    BINARY(N, T, recip_step, recip_step) \
    BINARY(N, T, rsqrt_step, rsqrt_step)
FP_FORMATS(INSTANCE)

// Half precision has no fast path.
BINARY(16, uint16_t, add, add)
BINARY(16, uint16_t, sub, sub)
BINARY(16, uint16_t, mul, mul)
BINARY(16, uint16_t, div, div)
UNARY(16, uint16_t, sqrt, square_root)
TERNARY(16, uint16_t, muladd, muladd)
// clang-format on
