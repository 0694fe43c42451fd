// SPDX-License-Identifier: GPL-3.0-or-later
// Comparisons, maxima and minima: no rounding, so they work on the bits, which order like
// sign-and-magnitude integers.
#include "jit/fp_format.h"

// An integer that orders as the (non-NaN) values do; both zeros give 0.
FP_INLINE int64_t order(const struct fp_format *f, uint64_t a)
{
    int64_t magnitude = (int64_t)fp_magnitude(f, a);
    return fp_sign(f, a) ? -magnitude : magnitude;
}

FP_INLINE unsigned compare(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b,
                           bool signalling)
{
    a = fp_flush_input(env, f, a);
    b = fp_flush_input(env, f, b);
    if (unlikely(fp_is_nan(f, a) || fp_is_nan(f, b))) {
        if (signalling || fp_is_snan(f, a) || fp_is_snan(f, b))
            fp_raise(env, FPSR_IOC);
        return 3; // unordered: C and V
    }
    int64_t x = order(f, a), y = order(f, b);
    return x == y ? 6 : x < y ? 8 : 2;
}

FP_INLINE bool compare_eq(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return compare(env, f, a, b, false) == 6;
}

FP_INLINE bool compare_ge(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    unsigned nzcv = compare(env, f, a, b, true);
    return nzcv == 6 || nzcv == 2;
}

FP_INLINE bool compare_gt(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return compare(env, f, a, b, true) == 2;
}

FP_INLINE bool acge(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return compare_ge(env, f, fp_magnitude(f, a), fp_magnitude(f, b));
}

FP_INLINE bool acgt(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return compare_gt(env, f, fp_magnitude(f, a), fp_magnitude(f, b));
}

// FPMax, FPMin: -0 is below +0; any NaN wins.
FP_INLINE uint64_t extreme(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b,
                           bool greatest)
{
    a = fp_flush_input(env, f, a);
    b = fp_flush_input(env, f, b);
    if (unlikely(fp_is_nan(f, a) || fp_is_nan(f, b)))
        return fp_process_nans(env, f, a, b);
    int64_t x = order(f, a), y = order(f, b);
    if (x == y) // the same, or zeros
        return greatest ? a & b : a | b;
    return (x > y) == greatest ? a : b;
}

FP_INLINE uint64_t max(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return extreme(env, f, a, b, true);
}

FP_INLINE uint64_t min(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return extreme(env, f, a, b, false);
}

// FPMaxNum, FPMinNum: a single quiet NaN loses against everything but a signalling one.
FP_INLINE uint64_t extreme_number(struct fp_env *env, const struct fp_format *f, uint64_t a,
                                  uint64_t b, bool greatest)
{
    bool quiet_a = fp_is_nan(f, a) && !fp_is_snan(f, a);
    bool quiet_b = fp_is_nan(f, b) && !fp_is_snan(f, b);
    if (quiet_a && !quiet_b)
        a = fp_infinity(f, greatest);
    else if (quiet_b && !quiet_a)
        b = fp_infinity(f, greatest);
    return extreme(env, f, a, b, greatest);
}

FP_INLINE uint64_t maxnm(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return extreme_number(env, f, a, b, true);
}

FP_INLINE uint64_t minnm(struct fp_env *env, const struct fp_format *f, uint64_t a, uint64_t b)
{
    return extreme_number(env, f, a, b, false);
}

// clang-format off
#define BINARY(N, T, op)   T fp##N##_##op(struct fp_env *env, T a, T b) { return (T)op(env, &fp_format##N, a, b); }
#define RELATION(N, T, op) bool fp##N##_##op(struct fp_env *env, T a, T b) { return op(env, &fp_format##N, a, b); }
#define COMPARE(N, T)      unsigned fp##N##_compare(struct fp_env *env, T a, T b, bool signalling) { return compare(env, &fp_format##N, a, b, signalling); }
#define INSTANCE(N, T)         \
    COMPARE(N, T)              \
    BINARY(N, T, max)          \
    BINARY(N, T, min)          \
    BINARY(N, T, maxnm)        \
    BINARY(N, T, minnm)        \
    RELATION(N, T, compare_eq) \
    RELATION(N, T, compare_ge) \
    RELATION(N, T, compare_gt) \
    RELATION(N, T, acge)       \
    RELATION(N, T, acgt)
FP_FORMATS(INSTANCE)
// clang-format on
