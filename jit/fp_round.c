// SPDX-License-Identifier: GPL-3.0-or-later
// FPRoundBase: an exact (or jammed) number to a format, the one place where arithmetic and
// conversions round, overflow, underflow and flush their results.
#include "jit/fp_format.h"

// What to add to a truncated significand; rest is what was cut off, half is half a unit of it.
FP_INLINE bool rounds_up(enum fp_rounding rounding, bool sign, uint64_t rest, uint64_t half,
                         bool odd)
{
    switch (rounding) {
    case FP_TIEEVEN:
        return rest > half || (rest == half && odd);
    case FP_POSINF:
        return rest && !sign;
    case FP_NEGINF:
        return rest && sign;
    default:
        return false;
    }
}

FP_INLINE bool overflows_to_infinity(enum fp_rounding rounding, bool sign)
{
    return rounding == FP_TIEEVEN || (rounding == FP_POSINF && !sign) ||
           (rounding == FP_NEGINF && sign);
}

FP_INLINE uint64_t round_to(struct fp_env *env, const struct fp_format *f, bool sign, int exp,
                            uint64_t sig, enum fp_rounding rounding, uint32_t fpcr)
{
    bool alternative = f->bits == 16 && (fpcr & FPCR_AHP);
    unsigned drop = 63 - f->frac_bits;
    int biased = exp + f->bias;
    bool tiny = biased < 1;
    if (unlikely(tiny)) {
        if (fpcr & f->flush) {
            fp_raise(env, FPSR_UFC); // and not IXC
            return fp_zero(f, sign);
        }
        sig = fp_shift_jam64(sig, 1 - biased);
        biased = 1;
    }

    // The leading one of a normal number adds 1 to the exponent field, a carry out of the
    // fraction another one: both wanted.
    uint64_t kept = sig >> drop, rest = sig & (BIT(drop) - 1);
    uint64_t magnitude = ((uint64_t)(biased - 1) << f->frac_bits) + kept;
    magnitude += rounds_up(rounding, sign, rest, BIT(drop - 1), kept & 1);
    if (rest) {
        if (rounding == FP_ODD)
            magnitude |= 1;
        if (tiny)
            fp_raise(env, FPSR_UFC);
    }

    if (unlikely(alternative ? magnitude >= fp_sign_bit(f) : magnitude >= fp_infinity(f, false))) {
        if (alternative) {
            fp_raise(env, FPSR_IOC); // and not IXC
            return fp_zero(f, sign) | (fp_sign_bit(f) - 1);
        }
        fp_raise(env, FPSR_OFC | FPSR_IXC);
        return overflows_to_infinity(rounding, sign) ? fp_infinity(f, sign)
                                                     : fp_max_normal(f, sign);
    }
    if (rest)
        fp_raise(env, FPSR_IXC);
    return fp_zero(f, sign) | magnitude;
}

uint64_t fp_round16(struct fp_env *env, bool sign, int exp, uint64_t sig, enum fp_rounding rounding,
                    uint32_t fpcr)
{
    return round_to(env, &fp_format16, sign, exp, sig, rounding, fpcr);
}

uint64_t fp_round32(struct fp_env *env, bool sign, int exp, uint64_t sig, enum fp_rounding rounding,
                    uint32_t fpcr)
{
    return round_to(env, &fp_format32, sign, exp, sig, rounding, fpcr);
}

uint64_t fp_round64(struct fp_env *env, bool sign, int exp, uint64_t sig, enum fp_rounding rounding,
                    uint32_t fpcr)
{
    return round_to(env, &fp_format64, sign, exp, sig, rounding, fpcr);
}
