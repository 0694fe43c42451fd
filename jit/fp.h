// SPDX-License-Identifier: GPL-3.0-or-later
// Floating point exactly as the Arm architecture defines it (Armv8.2-A, AArch64, with FP16): the
// one meaning of every floating-point operation for all engines.
//
// Values are raw bits: uint16_t, uint32_t, uint64_t for half, single and double precision. What
// FPCR says is read from the environment, what an operation signals is or-ed into its fpsr; there
// is no other state. Semantics follow the shared pseudocode of the Arm ARM (the functions named in
// the rows below): NaNs propagate by FPProcessNaNs, the default NaN is positive, tininess is
// detected before rounding. Honoured in FPCR: AHP, DN, FZ, RMode, FZ16. Trapped exceptions are not
// implemented; the caller keeps FPCR's enable bits RAZ/WI.
//
// Two layers. The reference is integer-only: it needs no host floating point, may be called from
// anywhere, and its flags go straight to env->fpsr. The operations in FP_HOST_* rows also have a
// fast path through SSE (fp_host.c), taken only between fp_host_enter() and fp_host_leave() and
// only where it cannot be told from the reference, which stays reachable as fpN_name_ref(). On the
// fast path the flags gather in MXCSR until fp_host_sync() (see fp_host.h).
//
// Threads: an environment belongs to one thread at a time. There are no errors.
#ifndef JIT_FP_H
#define JIT_FP_H

#include <stdbool.h>
#include <stdint.h>

struct fp_env {
    uint32_t fpcr; // Arm layout; while fp_host is entered, change it by fp_host_set_fpcr()
    uint32_t fpsr; // Arm layout: cumulative flags and QC
    uint32_t host; // FP_HOST_*: set by fp_host.c alone; 0 outside fp_host_enter()/leave()
};

// FPCR.
#define FPCR_FZ16        (1u << 19) // flush half-precision denormals to zero
#define FPCR_RMODE_SHIFT 22
#define FPCR_RMODE       (3u << FPCR_RMODE_SHIFT)
#define FPCR_FZ          (1u << 24) // flush single and double denormals to zero
#define FPCR_DN          (1u << 25) // every NaN result is the default NaN
#define FPCR_AHP         (1u << 26) // alternative half precision in conversions
#define FPCR_MASK        (FPCR_FZ16 | FPCR_RMODE | FPCR_FZ | FPCR_DN | FPCR_AHP)

// FPSR.
#define FPSR_IOC  (1u << 0)  // invalid operation
#define FPSR_DZC  (1u << 1)  // division by zero
#define FPSR_OFC  (1u << 2)  // overflow
#define FPSR_UFC  (1u << 3)  // underflow
#define FPSR_IXC  (1u << 4)  // inexact
#define FPSR_IDC  (1u << 7)  // input denormal
#define FPSR_QC   (1u << 27) // integer saturation; never touched here
#define FPSR_MASK (FPSR_IOC | FPSR_DZC | FPSR_OFC | FPSR_UFC | FPSR_IXC | FPSR_IDC | FPSR_QC)

// The first four are FPCR.RMode's encoding.
enum fp_rounding {
    FP_TIEEVEN, // RN
    FP_POSINF,  // RP
    FP_NEGINF,  // RM
    FP_ZERO,    // RZ
    FP_TIEAWAY, // to nearest, ties away: conversions to integers only
    FP_ODD,     // FCVTXN only
};

static inline enum fp_rounding fp_rounding(const struct fp_env *env)
{
    return (enum fp_rounding)((env->fpcr & FPCR_RMODE) >> FPCR_RMODE_SHIFT);
}

// One row a format: width, type.
#define FP_FORMATS(X) X(16, uint16_t) X(32, uint32_t) X(64, uint64_t)

// One row an operation: name, the Arm ARM's function. HOST rows have a fast path for 32 and 64.

// T fpN_name(struct fp_env *, T a, T b)
#define FP_HOST_BINARY(X)                                                                          \
    X(add, "FPAdd")                                                                                \
    X(sub, "FPSub")                                                                                \
    X(mul, "FPMul")                                                                                \
    X(div, "FPDiv")

// T fpN_name(struct fp_env *, T a)
#define FP_HOST_UNARY(X) X(sqrt, "FPSqrt")

// T fpN_name(struct fp_env *, T addend, T a, T b): addend + a * b, rounded once
#define FP_HOST_TERNARY(X) X(muladd, "FPMulAdd")

// T fpN_name(struct fp_env *, T a, T b)
#define FP_BINARY(X)                                                                               \
    X(mulx, "FPMulX")                                                                              \
    X(max, "FPMax")                                                                                \
    X(min, "FPMin")                                                                                \
    X(maxnm, "FPMaxNum")                                                                           \
    X(minnm, "FPMinNum")                                                                           \
    X(recip_step, "FPRecipStepFused") /* 2 - a * b, rounded once */                                \
    X(rsqrt_step, "FPRSqrtStepFused") /* (3 - a * b) / 2, rounded once */

// T fpN_name(struct fp_env *, T a)
#define FP_UNARY(X)                                                                                \
    X(recip_estimate, "FPRecipEstimate")                                                           \
    X(rsqrt_estimate, "FPRSqrtEstimate")                                                           \
    X(recpx, "FPRecpX")

// bool fpN_name(struct fp_env *, T a, T b): eq is quiet, the others signal for every NaN;
// ac* compare the absolute values.
#define FP_RELATIONS(X)                                                                            \
    X(compare_eq, "FPCompareEQ")                                                                   \
    X(compare_ge, "FPCompareGE")                                                                   \
    X(compare_gt, "FPCompareGT")                                                                   \
    X(acge, "FPCompareGE of FPAbs")                                                                \
    X(acgt, "FPCompareGT of FPAbs")

// The operations above, for each format.
#define FP_DECLARE(N, T)                                                                           \
    FP_HOST_BINARY(FP_DECLARE_HOST_BINARY_##N)                                                     \
    FP_HOST_UNARY(FP_DECLARE_HOST_UNARY_##N)                                                       \
    FP_HOST_TERNARY(FP_DECLARE_HOST_TERNARY_##N)                                                   \
    FP_BINARY(FP_DECLARE_BINARY_##N)                                                               \
    FP_UNARY(FP_DECLARE_UNARY_##N)                                                                 \
    FP_RELATIONS(FP_DECLARE_RELATION_##N)

// clang-format off
#define FP_FN1(T, name) T name(struct fp_env *env, T a);
#define FP_FN2(T, name) T name(struct fp_env *env, T a, T b);
#define FP_FN3(T, name) T name(struct fp_env *env, T addend, T a, T b);

#define FP_DECLARE_HOST_BINARY_16(op, arm)  FP_FN2(uint16_t, fp16_##op) FP_FN2(uint16_t, fp16_##op##_ref)
#define FP_DECLARE_HOST_BINARY_32(op, arm)  FP_FN2(uint32_t, fp32_##op) FP_FN2(uint32_t, fp32_##op##_ref)
#define FP_DECLARE_HOST_BINARY_64(op, arm)  FP_FN2(uint64_t, fp64_##op) FP_FN2(uint64_t, fp64_##op##_ref)
#define FP_DECLARE_HOST_UNARY_16(op, arm)   FP_FN1(uint16_t, fp16_##op) FP_FN1(uint16_t, fp16_##op##_ref)
#define FP_DECLARE_HOST_UNARY_32(op, arm)   FP_FN1(uint32_t, fp32_##op) FP_FN1(uint32_t, fp32_##op##_ref)
#define FP_DECLARE_HOST_UNARY_64(op, arm)   FP_FN1(uint64_t, fp64_##op) FP_FN1(uint64_t, fp64_##op##_ref)
#define FP_DECLARE_HOST_TERNARY_16(op, arm) FP_FN3(uint16_t, fp16_##op) FP_FN3(uint16_t, fp16_##op##_ref)
#define FP_DECLARE_HOST_TERNARY_32(op, arm) FP_FN3(uint32_t, fp32_##op) FP_FN3(uint32_t, fp32_##op##_ref)
#define FP_DECLARE_HOST_TERNARY_64(op, arm) FP_FN3(uint64_t, fp64_##op) FP_FN3(uint64_t, fp64_##op##_ref)
#define FP_DECLARE_BINARY_16(op, arm)       FP_FN2(uint16_t, fp16_##op)
#define FP_DECLARE_BINARY_32(op, arm)       FP_FN2(uint32_t, fp32_##op)
#define FP_DECLARE_BINARY_64(op, arm)       FP_FN2(uint64_t, fp64_##op)
#define FP_DECLARE_UNARY_16(op, arm)        FP_FN1(uint16_t, fp16_##op)
#define FP_DECLARE_UNARY_32(op, arm)        FP_FN1(uint32_t, fp32_##op)
#define FP_DECLARE_UNARY_64(op, arm)        FP_FN1(uint64_t, fp64_##op)
#define FP_DECLARE_RELATION_16(op, arm)     bool fp16_##op(struct fp_env *env, uint16_t a, uint16_t b);
#define FP_DECLARE_RELATION_32(op, arm)     bool fp32_##op(struct fp_env *env, uint32_t a, uint32_t b);
#define FP_DECLARE_RELATION_64(op, arm)     bool fp64_##op(struct fp_env *env, uint64_t a, uint64_t b);
// clang-format on

FP_FORMATS(FP_DECLARE)

// FPCompare: NZCV as 4 bits (N is 8, V is 1). signalling (FCMPE): a quiet NaN raises IOC too.
unsigned fp16_compare(struct fp_env *env, uint16_t a, uint16_t b, bool signalling);
unsigned fp32_compare(struct fp_env *env, uint32_t a, uint32_t b, bool signalling);
unsigned fp64_compare(struct fp_env *env, uint64_t a, uint64_t b, bool signalling);

// FPRoundInt (FRINT*): to an integral value of the same format; exact (FRINTX) raises IXC.
uint16_t fp16_round_int(struct fp_env *env, uint16_t a, enum fp_rounding rounding, bool exact);
uint32_t fp32_round_int(struct fp_env *env, uint32_t a, enum fp_rounding rounding, bool exact);
uint64_t fp64_round_int(struct fp_env *env, uint64_t a, enum fp_rounding rounding, bool exact);

// FPRoundIntN (FRINT32X/Z, FRINT64X/Z): the same, bounded by an integer of intsize 32 or 64 bits.
uint32_t fp32_round_int_n(struct fp_env *env, uint32_t a, enum fp_rounding rounding,
                          unsigned intsize);
uint64_t fp64_round_int_n(struct fp_env *env, uint64_t a, enum fp_rounding rounding,
                          unsigned intsize);

// FPToFixed: a * 2^fbits as an integer of width 16, 32 or 64 bits (zero-extended here), saturated;
// fbits in 0..width, 0 for the plain conversions to integer.
uint64_t fp16_to_fixed(struct fp_env *env, uint16_t a, unsigned fbits, unsigned width,
                       bool is_unsigned, enum fp_rounding rounding);
uint64_t fp32_to_fixed(struct fp_env *env, uint32_t a, unsigned fbits, unsigned width,
                       bool is_unsigned, enum fp_rounding rounding);
uint64_t fp64_to_fixed(struct fp_env *env, uint64_t a, unsigned fbits, unsigned width,
                       bool is_unsigned, enum fp_rounding rounding);

// FixedToFP: the low width (16, 32, 64) bits of v, over 2^fbits. The rounding is FPCR's.
uint16_t fp16_from_fixed(struct fp_env *env, uint64_t v, unsigned fbits, unsigned width,
                         bool is_unsigned);
uint32_t fp32_from_fixed(struct fp_env *env, uint64_t v, unsigned fbits, unsigned width,
                         bool is_unsigned);
uint64_t fp64_from_fixed(struct fp_env *env, uint64_t v, unsigned fbits, unsigned width,
                         bool is_unsigned);

// FPConvert between formats, FPCR's rounding, alternative half precision if FPCR.AHP.
uint32_t fp16_to_fp32(struct fp_env *env, uint16_t a);
uint64_t fp16_to_fp64(struct fp_env *env, uint16_t a);
uint16_t fp32_to_fp16(struct fp_env *env, uint32_t a);
uint64_t fp32_to_fp64(struct fp_env *env, uint32_t a);
uint16_t fp64_to_fp16(struct fp_env *env, uint64_t a);
uint32_t fp64_to_fp32(struct fp_env *env, uint64_t a);

// FPConvert rounding to odd (FCVTXN).
uint32_t fp64_to_fp32_odd(struct fp_env *env, uint64_t a);

// The conversions with a fast path, without it.
uint32_t fp32_from_fixed_ref(struct fp_env *env, uint64_t v, unsigned fbits, unsigned width,
                             bool is_unsigned);
uint64_t fp64_from_fixed_ref(struct fp_env *env, uint64_t v, unsigned fbits, unsigned width,
                             bool is_unsigned);
uint64_t fp32_to_fixed_ref(struct fp_env *env, uint32_t a, unsigned fbits, unsigned width,
                           bool is_unsigned, enum fp_rounding rounding);
uint64_t fp64_to_fixed_ref(struct fp_env *env, uint64_t a, unsigned fbits, unsigned width,
                           bool is_unsigned, enum fp_rounding rounding);
uint64_t fp32_to_fp64_ref(struct fp_env *env, uint32_t a);
uint32_t fp64_to_fp32_ref(struct fp_env *env, uint64_t a);

// FPToFixedJS (FJCVTZS): bits 31:0 the result, bit 32 PSTATE.Z.
uint64_t fp64_to_int32_js(struct fp_env *env, uint64_t a);

// FPMulAddH (FMLAL, FMLSL): single addend + half a * half b, rounded once.
uint32_t fp32_muladd_half(struct fp_env *env, uint32_t addend, uint16_t a, uint16_t b);

// UnsignedRecipEstimate, UnsignedRSqrtEstimate (URECPE, URSQRTE): no environment.
uint32_t fp_urecip_estimate(uint32_t a);
uint32_t fp_ursqrt_estimate(uint32_t a);

// FPAbs, FPNeg: bit operations, no flags, NaNs included.
static inline uint16_t fp16_abs(uint16_t a)
{
    return a & 0x7fff;
}

static inline uint32_t fp32_abs(uint32_t a)
{
    return a & 0x7fffffff;
}

static inline uint64_t fp64_abs(uint64_t a)
{
    return a & ~(UINT64_C(1) << 63);
}

static inline uint16_t fp16_neg(uint16_t a)
{
    return a ^ 0x8000;
}

static inline uint32_t fp32_neg(uint32_t a)
{
    return a ^ 0x80000000;
}

static inline uint64_t fp64_neg(uint64_t a)
{
    return a ^ UINT64_C(1) << 63;
}

#endif
