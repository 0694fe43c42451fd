// SPDX-License-Identifier: GPL-3.0-or-later
// Between the formats (FPConvert), to and from integers and fixed point (FPToFixed, FixedToFP,
// FPToFixedJS), and to integral values (FPRoundInt, FPRoundIntN).
#include "jit/fp_format.h"

// The magnitude of n * 2^fbits as an integer, rounded by the full set of modes. Returns false if
// it does not fit 64 bits; *inexact if anything was cut off.
FP_INLINE bool num_to_integer(struct fp_num n, unsigned fbits, enum fp_rounding rounding,
                              uint64_t *magnitude, bool *inexact)
{
    int exp = n.exp + (int)fbits;
    uint64_t rest; // in units of 2^-64
    *magnitude = 0;
    *inexact = false;
    if (n.class == FP_CLASS_ZERO)
        return true;
    if (exp > 63)
        return false;
    if (exp >= 0) {
        *magnitude = n.sig >> (63 - exp);
        rest = exp == 63 ? 0 : n.sig << (exp + 1);
    } else {
        rest = exp == -1 ? n.sig : 1; // at least a half; or something below it
    }
    bool half = rest == BIT(63), above = rest > BIT(63), up = false;
    switch (rounding) {
    case FP_TIEEVEN:
        up = above || (half && (*magnitude & 1));
        break;
    case FP_TIEAWAY:
        up = above || half;
        break;
    case FP_POSINF:
        up = rest && !n.sign;
        break;
    case FP_NEGINF:
        up = rest && n.sign;
        break;
    default:
        break;
    }
    *magnitude += up; // cannot carry out: with a rest, exp is below 63
    *inexact = rest != 0;
    return true;
}

// An integer magnitude, already representable or to be rounded by the caller, as a number.
FP_INLINE struct fp_num num_from_integer(bool sign, uint64_t magnitude)
{
    struct fp_num n = {.sign = sign, .class = FP_CLASS_ZERO};
    if (magnitude) {
        unsigned shift = (unsigned)__builtin_clzll(magnitude);
        n = (struct fp_num){magnitude << shift, 63 - (int)shift, sign, FP_CLASS_NUMBER};
    }
    return n;
}

// FPToFixed.
FP_INLINE uint64_t to_fixed(struct fp_env *env, const struct fp_format *f, uint64_t a,
                            unsigned fbits, unsigned width, bool is_unsigned,
                            enum fp_rounding rounding)
{
    struct fp_num n = fp_unpack(env, f, a);
    if (unlikely(n.class & FP_CLASS_NAN)) {
        fp_raise(env, FPSR_IOC);
        return 0;
    }
    // The largest magnitude of this sign.
    uint64_t limit = !is_unsigned ? mask64(width - 1) + n.sign : n.sign ? 0 : mask64(width);
    uint64_t magnitude;
    bool inexact;
    if (n.class == FP_CLASS_INF || !num_to_integer(n, fbits, rounding, &magnitude, &inexact) ||
        magnitude > limit) {
        fp_raise(env, FPSR_IOC);
        magnitude = limit;
    } else if (inexact) {
        fp_raise(env, FPSR_IXC);
    }
    return (n.sign ? -magnitude : magnitude) & mask64(width);
}

uint64_t fp64_to_int32_js(struct fp_env *env, uint64_t a)
{
    struct fp_num n = fp_unpack(env, &fp_format64, a);
    if (n.class & (FP_CLASS_NAN | FP_CLASS_INF)) {
        fp_raise(env, FPSR_IOC);
        return 0;
    }
    if (n.class == FP_CLASS_ZERO) // only +0 converts exactly: not -0, not a flushed denormal
        return a == 0 ? BIT(32) : 0;
    uint64_t magnitude;
    bool inexact;
    if (!num_to_integer(n, 0, FP_ZERO, &magnitude, &inexact)) {
        // Beyond 2^64 a double is an integer: its value modulo 2^32.
        magnitude = n.exp < 63 + 32 ? n.sig << (n.exp - 63) : 0;
        fp_raise(env, FPSR_IOC);
        return (uint32_t)(n.sign ? -magnitude : magnitude);
    }
    bool exact = false;
    if (magnitude > mask64(31) + n.sign)
        fp_raise(env, FPSR_IOC);
    else if (inexact)
        fp_raise(env, FPSR_IXC);
    else
        exact = true;
    return (uint32_t)(n.sign ? -magnitude : magnitude) | (uint64_t)exact << 32;
}

// FixedToFP.
FP_INLINE uint64_t from_fixed(struct fp_env *env, const struct fp_format *f, uint64_t v,
                              unsigned fbits, unsigned width, bool is_unsigned)
{
    v = is_unsigned ? v & mask64(width) : (uint64_t)sext64(v, width);
    bool sign = !is_unsigned && (int64_t)v < 0;
    struct fp_num n = num_from_integer(sign, sign ? -v : v);
    n.exp -= (int)fbits;
    return fp_round(env, f, n);
}

// FPRoundInt.
FP_INLINE uint64_t round_int(struct fp_env *env, const struct fp_format *f, uint64_t a,
                             enum fp_rounding rounding, bool exact)
{
    struct fp_num n = fp_unpack(env, f, a);
    if (unlikely(n.class & FP_CLASS_NAN))
        return fp_process_nan(env, f, a);
    if (n.class == FP_CLASS_ZERO)
        return fp_zero(f, n.sign);
    if (n.class == FP_CLASS_INF || n.exp >= (int)f->frac_bits)
        return a;
    uint64_t magnitude;
    bool inexact;
    num_to_integer(n, 0, rounding, &magnitude, &inexact);
    if (inexact && exact)
        fp_raise(env, FPSR_IXC);
    return fp_round(env, f, num_from_integer(n.sign, magnitude));
}

// FPRoundIntN: what does not fit the integer, and every NaN, becomes its most negative value.
FP_INLINE uint64_t round_int_n(struct fp_env *env, const struct fp_format *f, uint64_t a,
                               enum fp_rounding rounding, unsigned intsize)
{
    struct fp_num n = fp_unpack(env, f, a);
    uint64_t magnitude;
    bool inexact;
    if (n.class & (FP_CLASS_NAN | FP_CLASS_INF) ||
        !num_to_integer(n, 0, rounding, &magnitude, &inexact) ||
        magnitude > mask64(intsize - 1) + n.sign) {
        fp_raise(env, FPSR_IOC);
        return fp_zero(f, true) | (uint64_t)(f->bias + (int)intsize - 1) << f->frac_bits;
    }
    if (inexact)
        fp_raise(env, FPSR_IXC);
    return fp_round(env, f, num_from_integer(n.sign, magnitude));
}

// FPConvertNaN: the top of the fraction is kept, and made quiet.
FP_INLINE uint64_t convert_nan(const struct fp_format *from, const struct fp_format *to, uint64_t a)
{
    uint64_t frac = (a & (BIT(from->frac_bits) - 1)) << (63 - from->frac_bits);
    return fp_infinity(to, fp_sign(from, a)) | frac >> (63 - to->frac_bits) | fp_quiet_bit(to);
}

// FPConvert. Conversions do not flush halves (FPUnpackCV and FPRoundCV clear FZ16).
FP_INLINE uint64_t convert(struct fp_env *env, const struct fp_format *from,
                           const struct fp_format *to, uint64_t a, enum fp_rounding rounding)
{
    uint32_t fpcr = env->fpcr & ~FPCR_FZ16;
    bool alternative = to->bits == 16 && (fpcr & FPCR_AHP);
    struct fp_num n = fp_unpack_as(env, from, a, fpcr);
    if (likely(n.class == FP_CLASS_NUMBER))
        return fp_round_as(env, to, n, rounding, fpcr);
    if (n.class == FP_CLASS_ZERO)
        return fp_zero(to, n.sign);
    if (n.class == FP_CLASS_INF) {
        if (!alternative)
            return fp_infinity(to, n.sign);
        fp_raise(env, FPSR_IOC);
        return fp_zero(to, n.sign) | (fp_sign_bit(to) - 1);
    }
    if (n.class == FP_CLASS_SNAN || alternative)
        fp_raise(env, FPSR_IOC);
    if (alternative)
        return fp_zero(to, n.sign);
    return fpcr & FPCR_DN ? fp_default_nan(to) : convert_nan(from, to, a);
}

// clang-format off
#define CONVERT(T, to, name, S, from) \
    T name(struct fp_env *env, S a) { return (T)convert(env, &fp_format##from, &fp_format##to, a, fp_rounding(env)); }
CONVERT(uint32_t, 32, fp16_to_fp32, uint16_t, 16)
CONVERT(uint64_t, 64, fp16_to_fp64, uint16_t, 16)
CONVERT(uint16_t, 16, fp32_to_fp16, uint32_t, 32)
CONVERT(uint64_t, 64, fp32_to_fp64_ref, uint32_t, 32)
CONVERT(uint16_t, 16, fp64_to_fp16, uint64_t, 64)
CONVERT(uint32_t, 32, fp64_to_fp32_ref, uint64_t, 64)

#define TO_FIXED(N, T, name) \
    uint64_t name(struct fp_env *env, T a, unsigned fbits, unsigned width, bool is_unsigned, enum fp_rounding rounding) \
    { return to_fixed(env, &fp_format##N, a, fbits, width, is_unsigned, rounding); }
TO_FIXED(16, uint16_t, fp16_to_fixed)
TO_FIXED(32, uint32_t, fp32_to_fixed_ref)
TO_FIXED(64, uint64_t, fp64_to_fixed_ref)

#define FROM_FIXED(N, T, name) \
    T name(struct fp_env *env, uint64_t v, unsigned fbits, unsigned width, bool is_unsigned) \
    { return (T)from_fixed(env, &fp_format##N, v, fbits, width, is_unsigned); }
FROM_FIXED(16, uint16_t, fp16_from_fixed)
FROM_FIXED(32, uint32_t, fp32_from_fixed_ref)
FROM_FIXED(64, uint64_t, fp64_from_fixed_ref)

#define ROUND_INT(N, T) \
    T fp##N##_round_int(struct fp_env *env, T a, enum fp_rounding rounding, bool exact) \
    { return (T)round_int(env, &fp_format##N, a, rounding, exact); }
FP_FORMATS(ROUND_INT)

#define ROUND_INT_N(N, T) \
    T fp##N##_round_int_n(struct fp_env *env, T a, enum fp_rounding rounding, unsigned intsize) \
    { return (T)round_int_n(env, &fp_format##N, a, rounding, intsize); }
ROUND_INT_N(32, uint32_t)
ROUND_INT_N(64, uint64_t)
// clang-format on

uint32_t fp64_to_fp32_odd(struct fp_env *env, uint64_t a)
{
    return (uint32_t)convert(env, &fp_format64, &fp_format32, a, FP_ODD);
}
