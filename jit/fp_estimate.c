// SPDX-License-Identifier: GPL-3.0-or-later
// The architected 8-bit estimates of reciprocals and reciprocal square roots (FPRecipEstimate,
// FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate, UnsignedRSqrtEstimate). They are exact tables in
// disguise: every implementation gives the same bits.
#include "jit/fp_format.h"

// RecipEstimate: a in 256..511 stands for [0.5, 1), the result in 256..511 for [1, 2).
static unsigned recip_estimate_9(unsigned a)
{
    a = a * 2 + 1;
    unsigned b = (1u << 19) / a;
    return (b + 1) / 2;
}

// RecipSqrtEstimate: a in 128..511 stands for [0.25, 1), the result in 256..511 for [1, 2).
static unsigned rsqrt_estimate_9(unsigned a)
{
    a = a < 256 ? a * 2 + 1 : ((a & ~1u) + 1) * 2;
    unsigned b = 0; // the largest with a * b^2 < 2^28: below 1024
    for (unsigned bit = 512; bit; bit >>= 1) {
        if ((uint64_t)a * (b + bit) * (b + bit) < BIT(28))
            b += bit;
    }
    return (b + 1) / 2;
}

uint32_t fp_urecip_estimate(uint32_t a)
{
    return a >> 31 ? recip_estimate_9(a >> 23) << 23 : UINT32_MAX;
}

uint32_t fp_ursqrt_estimate(uint32_t a)
{
    return a >> 30 ? rsqrt_estimate_9(a >> 23) << 23 : UINT32_MAX;
}

FP_INLINE uint64_t recip_estimate(struct fp_env *env, const struct fp_format *f, uint64_t a)
{
    struct fp_num n = fp_unpack(env, f, a);
    if (n.class & FP_CLASS_NAN)
        return fp_process_nan(env, f, a);
    if (n.class == FP_CLASS_INF)
        return fp_zero(f, n.sign);
    if (n.class == FP_CLASS_ZERO) {
        fp_raise(env, FPSR_DZC);
        return fp_infinity(f, n.sign);
    }
    if (n.exp < -1 - f->bias) { // the reciprocal is beyond the format
        enum fp_rounding r = fp_rounding(env);
        bool infinite = r == FP_TIEEVEN || r == (n.sign ? FP_NEGINF : FP_POSINF);
        fp_raise(env, FPSR_OFC | FPSR_IXC);
        return infinite ? fp_infinity(f, n.sign) : fp_max_normal(f, n.sign);
    }
    if ((env->fpcr & f->flush) && n.exp >= f->bias - 1) { // it would be denormal
        fp_raise(env, FPSR_UFC);
        return fp_zero(f, n.sign);
    }
    // 1 / (1.x * 2^exp) is in [1, 2) * 2^(-1 - exp) (at 2 exactly, the estimate falls short).
    uint64_t estimate = recip_estimate_9(n.sig >> 55) & 0xff;
    int biased = f->bias - 1 - n.exp;
    uint64_t sig = (BIT(8) | estimate) << (f->frac_bits - 8);
    if (biased < 1) // 0 or -1: a denormal, truncated
        return fp_zero(f, n.sign) | sig >> (1 - biased);
    return fp_zero(f, n.sign) | (((uint64_t)(biased - 1) << f->frac_bits) + sig);
}

FP_INLINE uint64_t rsqrt_estimate(struct fp_env *env, const struct fp_format *f, uint64_t a)
{
    struct fp_num n = fp_unpack(env, f, a);
    if (n.class & FP_CLASS_NAN)
        return fp_process_nan(env, f, a);
    if (n.class == FP_CLASS_ZERO) {
        fp_raise(env, FPSR_DZC);
        return fp_infinity(f, n.sign);
    }
    if (n.sign)
        return fp_invalid(env, f);
    if (n.class == FP_CLASS_INF)
        return fp_zero(f, false);
    // The operand as [0.25, 1) times an even power of two: 1.x * 2^exp = 0.1x * 2^(exp + 1).
    bool quarter = !(n.exp & 1);
    uint64_t estimate = rsqrt_estimate_9((unsigned)(n.sig >> (quarter ? 56 : 55))) & 0xff;
    int power = n.exp + 1 + quarter; // even
    int biased = f->bias - power / 2;
    return (uint64_t)biased << f->frac_bits | estimate << (f->frac_bits - 8);
}

// FPRecpX: a power of two near the reciprocal, by inverting the exponent.
FP_INLINE uint64_t recpx(struct fp_env *env, const struct fp_format *f, uint64_t a)
{
    struct fp_num n = fp_unpack(env, f, a);
    if (n.class & FP_CLASS_NAN)
        return fp_process_nan(env, f, a);
    uint64_t exp = a >> f->frac_bits & f->exp_max;
    exp = exp ? ~exp & f->exp_max : f->exp_max - 1;
    return fp_zero(f, n.sign) | exp << f->frac_bits;
}

// clang-format off
#define UNARY(N, T, op) T fp##N##_##op(struct fp_env *env, T a) { return (T)op(env, &fp_format##N, a); }
#define INSTANCE(N, T)          \
    UNARY(N, T, recip_estimate) \
    UNARY(N, T, rsqrt_estimate) \
    UNARY(N, T, recpx)
FP_FORMATS(INSTANCE)
// clang-format on
