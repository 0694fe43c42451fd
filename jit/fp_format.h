// SPDX-License-Identifier: GPL-3.0-or-later
// Inside jit/fp*.c only: the three formats as data, and values taken apart.
//
// Every operation is written once, as an always-inlined function of a format, and instantiated for
// 16, 32 and 64 bits with the format a constant, so that one meaning becomes three fast functions.
//
// An unpacked number is sig * 2^(exp - 63) with bit 63 of sig set, whatever its format. Results
// that need more bits are jammed: bit 0 of sig is the OR of all bits below it, which is enough to
// round correctly because every format leaves at least ten bits below its last one.
#ifndef JIT_FP_FORMAT_H
#define JIT_FP_FORMAT_H

#include "base/bits.h"
#include "jit/fp.h"

#define FP_INLINE static inline __attribute__((always_inline))

typedef unsigned __int128 fp_u128;

struct fp_format {
    unsigned bits;      // width
    unsigned frac_bits; // of the fraction field
    int bias;
    unsigned exp_max;    // the exponent field all ones: infinities and NaNs
    uint32_t flush;      // the FPCR bit that flushes denormals
    uint32_t flush_flag; // what flushing an input raises
};

static const struct fp_format fp_format16 = {16, 10, 15, 0x1f, FPCR_FZ16, 0};
static const struct fp_format fp_format32 = {32, 23, 127, 0xff, FPCR_FZ, FPSR_IDC};
static const struct fp_format fp_format64 = {64, 52, 1023, 0x7ff, FPCR_FZ, FPSR_IDC};

// Bits, so that the classes of several operands can be or-ed and asked at once.
enum fp_class {
    FP_CLASS_ZERO = 1,
    FP_CLASS_NUMBER = 2,
    FP_CLASS_INF = 4,
    FP_CLASS_QNAN = 8,
    FP_CLASS_SNAN = 16,
    FP_CLASS_NAN = FP_CLASS_QNAN | FP_CLASS_SNAN,
};

struct fp_num {
    uint64_t sig; // bit 63 set for a NUMBER, 0 for a ZERO, else meaningless
    int exp;
    bool sign;
    unsigned class; // one FP_CLASS_* bit
};

FP_INLINE void fp_raise(struct fp_env *env, uint32_t flags)
{
    env->fpsr |= flags;
}

// Bit patterns of a format.

FP_INLINE uint64_t fp_sign_bit(const struct fp_format *f)
{
    return BIT(f->bits - 1);
}

FP_INLINE uint64_t fp_magnitude(const struct fp_format *f, uint64_t a)
{
    return a & (fp_sign_bit(f) - 1);
}

FP_INLINE bool fp_sign(const struct fp_format *f, uint64_t a)
{
    return a >> (f->bits - 1) & 1;
}

FP_INLINE uint64_t fp_zero(const struct fp_format *f, bool sign)
{
    return (uint64_t)sign << (f->bits - 1);
}

FP_INLINE uint64_t fp_infinity(const struct fp_format *f, bool sign)
{
    return fp_zero(f, sign) | (uint64_t)f->exp_max << f->frac_bits;
}

FP_INLINE uint64_t fp_max_normal(const struct fp_format *f, bool sign)
{
    return fp_infinity(f, sign) - 1;
}

FP_INLINE uint64_t fp_quiet_bit(const struct fp_format *f)
{
    return BIT(f->frac_bits - 1);
}

FP_INLINE uint64_t fp_default_nan(const struct fp_format *f)
{
    return fp_infinity(f, false) | fp_quiet_bit(f);
}

// The default NaN of an invalid operation.
FP_INLINE uint64_t fp_invalid(struct fp_env *env, const struct fp_format *f)
{
    fp_raise(env, FPSR_IOC);
    return fp_default_nan(f);
}

FP_INLINE bool fp_is_nan(const struct fp_format *f, uint64_t a)
{
    return fp_magnitude(f, a) > fp_infinity(f, false);
}

FP_INLINE bool fp_is_snan(const struct fp_format *f, uint64_t a)
{
    return fp_is_nan(f, a) && !(a & fp_quiet_bit(f));
}

// A denormal becomes a zero of its sign where FPCR says so.
FP_INLINE uint64_t fp_flush_input(struct fp_env *env, const struct fp_format *f, uint64_t a)
{
    uint64_t magnitude = fp_magnitude(f, a);
    if (unlikely(env->fpcr & f->flush) && magnitude && magnitude < BIT(f->frac_bits)) {
        fp_raise(env, f->flush_flag);
        return fp_zero(f, fp_sign(f, a));
    }
    return a;
}

// FPUnpackBase: fpcr is the caller's choice of control bits (conversions ignore some of them); AHP
// in it means that a half has neither infinities nor NaNs.
FP_INLINE struct fp_num fp_unpack_as(struct fp_env *env, const struct fp_format *f, uint64_t a,
                                     uint32_t fpcr)
{
    struct fp_num n = {.sign = fp_sign(f, a)};
    unsigned e = a >> f->frac_bits & f->exp_max;
    uint64_t frac = a & (BIT(f->frac_bits) - 1);
    if (likely(e - 1 < f->exp_max - 1) || (e && f->bits == 16 && (fpcr & FPCR_AHP))) {
        n.class = FP_CLASS_NUMBER;
        n.sig = (BIT(f->frac_bits) | frac) << (63 - f->frac_bits);
        n.exp = (int)e - f->bias;
    } else if (e) {
        n.class = !frac ? FP_CLASS_INF : frac & fp_quiet_bit(f) ? FP_CLASS_QNAN : FP_CLASS_SNAN;
    } else if (!frac) {
        n.class = FP_CLASS_ZERO;
    } else if (fpcr & f->flush) {
        n.class = FP_CLASS_ZERO;
        fp_raise(env, f->flush_flag);
    } else {
        unsigned shift = clz64(frac);
        n.class = FP_CLASS_NUMBER;
        n.sig = frac << shift;
        n.exp = 1 - f->bias + (int)(63 - f->frac_bits) - (int)shift;
    }
    return n;
}

// FPUnpack: what arithmetic sees.
FP_INLINE struct fp_num fp_unpack(struct fp_env *env, const struct fp_format *f, uint64_t a)
{
    return fp_unpack_as(env, f, a, env->fpcr & ~FPCR_AHP);
}

// FPProcessNaN.
FP_INLINE uint64_t fp_process_nan(struct fp_env *env, const struct fp_format *f, uint64_t a)
{
    if (!(a & fp_quiet_bit(f)))
        fp_raise(env, FPSR_IOC);
    return env->fpcr & FPCR_DN ? fp_default_nan(f) : a | fp_quiet_bit(f);
}

// FPProcessNaNs: at least one of the two is a NaN; the first signalling one counts, else the first.
FP_INLINE uint64_t fp_process_nans(struct fp_env *env, const struct fp_format *f, uint64_t a,
                                   uint64_t b)
{
    uint64_t chosen = fp_is_snan(f, a) ? a : fp_is_snan(f, b) ? b : fp_is_nan(f, a) ? a : b;
    return fp_process_nan(env, f, chosen);
}

// FPProcessNaNs3.
FP_INLINE uint64_t fp_process_nans3(struct fp_env *env, const struct fp_format *f, uint64_t a,
                                    uint64_t b, uint64_t c)
{
    uint64_t chosen = fp_is_snan(f, a)   ? a
                      : fp_is_snan(f, b) ? b
                      : fp_is_snan(f, c) ? c
                      : fp_is_nan(f, a)  ? a
                      : fp_is_nan(f, b)  ? b
                                         : c;
    return fp_process_nan(env, f, chosen);
}

// FPRoundBase (fp_round.c): a NUMBER in the format, with the flags that rounding it raises. For 16
// bits, AHP in fpcr chooses the alternative format; arithmetic passes it clear.
uint64_t fp_round16(struct fp_env *env, bool sign, int exp, uint64_t sig, enum fp_rounding rounding,
                    uint32_t fpcr);
uint64_t fp_round32(struct fp_env *env, bool sign, int exp, uint64_t sig, enum fp_rounding rounding,
                    uint32_t fpcr);
uint64_t fp_round64(struct fp_env *env, bool sign, int exp, uint64_t sig, enum fp_rounding rounding,
                    uint32_t fpcr);

FP_INLINE uint64_t fp_round_as(struct fp_env *env, const struct fp_format *f, struct fp_num n,
                               enum fp_rounding rounding, uint32_t fpcr)
{
    return f->bits == 16   ? fp_round16(env, n.sign, n.exp, n.sig, rounding, fpcr)
           : f->bits == 32 ? fp_round32(env, n.sign, n.exp, n.sig, rounding, fpcr)
                           : fp_round64(env, n.sign, n.exp, n.sig, rounding, fpcr);
}

// FPRound: a computed ZERO or NUMBER under FPCR. A zero here is an exact difference; its sign was
// set by whoever computed it.
FP_INLINE uint64_t fp_round(struct fp_env *env, const struct fp_format *f, struct fp_num n)
{
    if (n.class == FP_CLASS_ZERO)
        return fp_zero(f, n.sign);
    return fp_round_as(env, f, n, fp_rounding(env), env->fpcr & ~FPCR_AHP);
}

// v >> n, every bit shifted out or-ed into bit 0; n may be anything.
FP_INLINE uint64_t fp_shift_jam64(uint64_t v, unsigned n)
{
    if (n > 63)
        return v != 0;
    return v >> n | ((v & (BIT(n) - 1)) != 0);
}

FP_INLINE fp_u128 fp_shift_jam128(fp_u128 v, unsigned n)
{
    if (n > 127)
        return v != 0;
    return v >> n | ((v & (((fp_u128)1 << n) - 1)) != 0);
}

#endif
