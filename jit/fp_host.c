// SPDX-License-Identifier: GPL-3.0-or-later
// The fast path: the host's SSE and FMA instructions where their result and flags are Arm's.
//
// Taken only while MXCSR is the guest's and FPCR.FZ is 0. Then the two differ in
//  - NaN results (which operand, its payload; the sign of the default NaN): redone by the
//  reference;
//  - underflow (x86 sees tininess after rounding): a result at or below the smallest normal is
//    redone by the reference, which raises UFC; UE is never folded. Sums are exact there, so
//    addition and subtraction need no such check;
//  - conversions to integers out of range: the reference, without trying.
// An operation that is redone has left sticky bits in MXCSR. They are always among those the
// reference raises: IE is raised by x86 for signalling NaNs and invalid operations just as IOC is
// (except infinity times zero plus a quiet NaN, where x86 raises nothing and Arm IOC), PE with FZ
// clear means an inexact result for both, ZE and OE agree. DE is ignored: without flushing, Arm has
// no flag for a denormal operand. tests/fp/host.c holds all of this against the reference.
//
// Every instruction is a volatile asm: GCC moves floating-point operations across reads of MXCSR,
// and deletes those whose flags alone matter. This is the only file of jit/ that may touch SSE
// registers in C; it holds no floating-point expression.
#include "jit/fp_host.h"

#include "jit/fp_format.h"

#include <string.h>

#define MXCSR_IE       (1u << 0)
#define MXCSR_ZE       (1u << 2)
#define MXCSR_OE       (1u << 3)
#define MXCSR_PE       (1u << 5)
#define MXCSR_STICKY   0x3fu
#define MXCSR_DEFAULT  0x1f80u // all masked, to nearest
#define MXCSR_RC_SHIFT 13

static uint32_t read_mxcsr(void)
{
    uint32_t v;
    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v;
}

static void write_mxcsr(uint32_t v)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(v));
}

static void load_fpcr(struct fp_env *env)
{
    static const uint8_t rounding_control[4] = {
        [FP_TIEEVEN] = 0, [FP_POSINF] = 2, [FP_NEGINF] = 1, [FP_ZERO] = 3};
    write_mxcsr(MXCSR_DEFAULT | (uint32_t)rounding_control[fp_rounding(env)] << MXCSR_RC_SHIFT);
    env->host = FP_HOST_LOADED;
    if (!(env->fpcr & FPCR_FZ))
        env->host |= FP_HOST_FAST | (__builtin_cpu_supports("fma") ? FP_HOST_FMA : 0);
}

static void fold(struct fp_env *env, uint32_t mxcsr)
{
    if (mxcsr & MXCSR_IE)
        fp_raise(env, FPSR_IOC);
    if (mxcsr & MXCSR_ZE)
        fp_raise(env, FPSR_DZC);
    if (mxcsr & MXCSR_OE)
        fp_raise(env, FPSR_OFC);
    if (mxcsr & MXCSR_PE)
        fp_raise(env, FPSR_IXC);
}

void fp_host_enter(struct fp_env *env)
{
    load_fpcr(env);
}

void fp_host_leave(struct fp_env *env)
{
    if (!env->host)
        return;
    fold(env, read_mxcsr());
    write_mxcsr(MXCSR_DEFAULT);
    env->host = 0;
}

void fp_host_sync(struct fp_env *env)
{
    if (!env->host)
        return;
    uint32_t mxcsr = read_mxcsr();
    if (mxcsr & MXCSR_STICKY) {
        fold(env, mxcsr);
        write_mxcsr(mxcsr & ~MXCSR_STICKY);
    }
}

void fp_host_set_fpcr(struct fp_env *env, uint32_t fpcr)
{
    env->fpcr = fpcr & FPCR_MASK;
    if (env->host) {
        fold(env, read_mxcsr());
        load_fpcr(env);
    }
}

// Bits to a register and back, without an operation.

FP_INLINE float float_of(uint32_t a)
{
    float x;
    memcpy(&x, &a, sizeof x);
    return x;
}

FP_INLINE double double_of(uint64_t a)
{
    double x;
    memcpy(&x, &a, sizeof x);
    return x;
}

FP_INLINE uint32_t bits_of_float(float x)
{
    uint32_t a;
    memcpy(&a, &x, sizeof a);
    return a;
}

FP_INLINE uint64_t bits_of_double(double x)
{
    uint64_t a;
    memcpy(&a, &x, sizeof a);
    return a;
}

FP_INLINE bool fast(const struct fp_env *env)
{
    return likely(env->host & FP_HOST_FAST);
}

// Not a NaN.
FP_INLINE bool is_value(const struct fp_format *f, uint64_t r)
{
    return likely(fp_magnitude(f, r) <= fp_infinity(f, false));
}

// Neither a NaN nor possibly tiny: above the smallest normal.
FP_INLINE bool is_sure(const struct fp_format *f, uint64_t r)
{
    uint64_t above = BIT(f->frac_bits) + 1;
    return likely(fp_magnitude(f, r) - above <= fp_infinity(f, false) - above);
}

FP_INLINE bool is_zero(const struct fp_format *f, uint64_t a)
{
    return fp_magnitude(f, a) == 0;
}

// One row an instruction form: format, type, its float type and letter.
// clang-format off
#define HOST_FORMATS(X) X(32, uint32_t, float, "ss") X(64, uint64_t, double, "sd")
// clang-format on

#define BINARY(N, T, F, S, op, keep)                                                               \
    T fp##N##_##op(struct fp_env *env, T a, T b)                                                   \
    {                                                                                              \
        if (fast(env)) {                                                                           \
            const struct fp_format *f = &fp_format##N;                                             \
            F x = F##_of(a);                                                                       \
            __asm__ volatile(#op S " %1, %0" : "+x"(x) : "x"(F##_of(b)));                          \
            T r = bits_of_##F(x);                                                                  \
            if (keep)                                                                              \
                return r;                                                                          \
        }                                                                                          \
        return fp##N##_##op##_ref(env, a, b);                                                      \
    }

#define SQRT(N, T, F, S)                                                                           \
    T fp##N##_sqrt(struct fp_env *env, T a)                                                        \
    {                                                                                              \
        if (fast(env)) {                                                                           \
            F x = F##_of(a);                                                                       \
            __asm__ volatile("sqrt" S " %0, %0" : "+x"(x));                                        \
            T r = bits_of_##F(x);                                                                  \
            if (is_value(&fp_format##N, r))                                                        \
                return r;                                                                          \
        }                                                                                          \
        return fp##N##_sqrt_ref(env, a);                                                           \
    }

#define MULADD(N, T, F, S)                                                                         \
    T fp##N##_muladd(struct fp_env *env, T addend, T a, T b)                                       \
    {                                                                                              \
        if (likely(env->host & FP_HOST_FMA)) {                                                     \
            F x = F##_of(addend);                                                                  \
            __asm__ volatile("vfmadd231" S " %2, %1, %0"                                           \
                             : "+x"(x)                                                             \
                             : "x"(F##_of(a)), "x"(F##_of(b)));                                    \
            T r = bits_of_##F(x);                                                                  \
            if (is_sure(&fp_format##N, r))                                                         \
                return r;                                                                          \
        }                                                                                          \
        return fp##N##_muladd_ref(env, addend, a, b);                                              \
    }

// An integer that a signed 64-bit register holds.
#define FROM_FIXED(N, T, F, S)                                                                     \
    T fp##N##_from_fixed(struct fp_env *env, uint64_t v, unsigned fbits, unsigned width,           \
                         bool is_unsigned)                                                         \
    {                                                                                              \
        int64_t i = is_unsigned ? (int64_t)(v & mask64(width)) : sext64(v, width);                 \
        if (fast(env) && !fbits && (!is_unsigned || i >= 0)) {                                     \
            F x = F##_of(0);                                                                       \
            __asm__ volatile("cvtsi2" S "q %1, %0" : "+x"(x) : "r"(i));                            \
            return bits_of_##F(x);                                                                 \
        }                                                                                          \
        return fp##N##_from_fixed_ref(env, v, fbits, width, is_unsigned);                          \
    }

#define INSTANCE(N, T, F, S)                                                                       \
    BINARY(N, T, F, S, add, is_value(f, r))                                                        \
    BINARY(N, T, F, S, sub, is_value(f, r))                                                        \
    BINARY(N, T, F, S, mul, is_sure(f, r) || (is_zero(f, r) && (is_zero(f, a) || is_zero(f, b))))  \
    BINARY(N, T, F, S, div, is_sure(f, r) || (is_zero(f, r) && is_zero(f, a)))                     \
    SQRT(N, T, F, S)                                                                               \
    MULADD(N, T, F, S)                                                                             \
    FROM_FIXED(N, T, F, S)

HOST_FORMATS(INSTANCE)

uint64_t fp32_to_fp64(struct fp_env *env, uint32_t a)
{
    if (fast(env)) {
        double x = double_of(0);
        __asm__ volatile("cvtss2sd %1, %0" : "+x"(x) : "x"(float_of(a)));
        uint64_t r = bits_of_double(x);
        if (is_value(&fp_format64, r))
            return r;
    }
    return fp32_to_fp64_ref(env, a);
}

uint32_t fp64_to_fp32(struct fp_env *env, uint64_t a)
{
    if (fast(env)) {
        float x = float_of(0);
        __asm__ volatile("cvtsd2ss %1, %0" : "+x"(x) : "x"(double_of(a)));
        uint32_t r = bits_of_float(x);
        if (is_sure(&fp_format32, r) || is_zero(&fp_format64, a))
            return r;
    }
    return fp64_to_fp32_ref(env, a);
}

// Truncation of what is sure to fit: the biased exponent says that |a| is below 2^(width - 1), and
// nothing negative goes to an unsigned integer.

uint64_t fp32_to_fixed(struct fp_env *env, uint32_t a, unsigned fbits, unsigned width,
                       bool is_unsigned, enum fp_rounding rounding)
{
    if (fast(env) && rounding == FP_ZERO && !fbits && (a >> 23 & 0xff) < 127 + width - 1 &&
        !(is_unsigned && a >> 31)) {
        int64_t i;
        __asm__ volatile("cvttss2siq %1, %0" : "=r"(i) : "x"(float_of(a)));
        return (uint64_t)i & mask64(width);
    }
    return fp32_to_fixed_ref(env, a, fbits, width, is_unsigned, rounding);
}

uint64_t fp64_to_fixed(struct fp_env *env, uint64_t a, unsigned fbits, unsigned width,
                       bool is_unsigned, enum fp_rounding rounding)
{
    if (fast(env) && rounding == FP_ZERO && !fbits && (a >> 52 & 0x7ff) < 1023 + width - 1 &&
        !(is_unsigned && a >> 63)) {
        int64_t i;
        __asm__ volatile("cvttsd2siq %1, %0" : "=r"(i) : "x"(double_of(a)));
        return (uint64_t)i & mask64(width);
    }
    return fp64_to_fixed_ref(env, a, fbits, width, is_unsigned, rounding);
}
