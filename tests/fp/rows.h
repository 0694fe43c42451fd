// SPDX-License-Identifier: GPL-3.0-or-later
// Every floating-point operation once: the A64 instruction that the oracle executes and the call
// that must give the same bits and the same FPSR.
//
// Row: X(name, kinds of the operands, width of the result, where, assembly, call)
// The assembly finds operand 1, 2, 3 in v1, v2, v0 (zero-extended) and operand 1 in x9 as well, and
// leaves its result in v0 (where is FPR) or x0 (GPR). In the call e is the environment, a, b, c are
// the operands.
#ifndef TESTS_FP_ROWS_H
#define TESTS_FP_ROWS_H

#define FLAG(width, relation) (-(uint64_t)(relation)&low_mask(width))

#define ROWS_FLOAT(X, N, K)                                                                        \
    X(add##N, K K, N, FPR, "fadd " K "0, " K "1, " K "2", fp##N##_add(e, a, b))                    \
    X(sub##N, K K, N, FPR, "fsub " K "0, " K "1, " K "2", fp##N##_sub(e, a, b))                    \
    X(mul##N, K K, N, FPR, "fmul " K "0, " K "1, " K "2", fp##N##_mul(e, a, b))                    \
    X(div##N, K K, N, FPR, "fdiv " K "0, " K "1, " K "2", fp##N##_div(e, a, b))                    \
    X(mulx##N, K K, N, FPR, "fmulx " K "0, " K "1, " K "2", fp##N##_mulx(e, a, b))                 \
    X(max##N, K K, N, FPR, "fmax " K "0, " K "1, " K "2", fp##N##_max(e, a, b))                    \
    X(min##N, K K, N, FPR, "fmin " K "0, " K "1, " K "2", fp##N##_min(e, a, b))                    \
    X(maxnm##N, K K, N, FPR, "fmaxnm " K "0, " K "1, " K "2", fp##N##_maxnm(e, a, b))              \
    X(minnm##N, K K, N, FPR, "fminnm " K "0, " K "1, " K "2", fp##N##_minnm(e, a, b))              \
    X(recps##N, K K, N, FPR, "frecps " K "0, " K "1, " K "2", fp##N##_recip_step(e, a, b))         \
    X(rsqrts##N, K K, N, FPR, "frsqrts " K "0, " K "1, " K "2", fp##N##_rsqrt_step(e, a, b))       \
    X(madd##N, K K K, N, FPR, "fmadd " K "0, " K "1, " K "2, " K "0", fp##N##_muladd(e, c, a, b))  \
    X(msub##N, K K K, N, FPR, "fmsub " K "0, " K "1, " K "2, " K "0",                              \
      fp##N##_muladd(e, c, fp##N##_neg(a), b))                                                     \
    X(nmadd##N, K K K, N, FPR, "fnmadd " K "0, " K "1, " K "2, " K "0",                            \
      fp##N##_muladd(e, fp##N##_neg(c), fp##N##_neg(a), b))                                        \
    X(sqrt##N, K, N, FPR, "fsqrt " K "0, " K "1", fp##N##_sqrt(e, a))                              \
    X(abs##N, K, N, FPR, "fabs " K "0, " K "1", fp##N##_abs(a))                                    \
    X(neg##N, K, N, FPR, "fneg " K "0, " K "1", fp##N##_neg(a))                                    \
    X(recpe##N, K, N, FPR, "frecpe " K "0, " K "1", fp##N##_recip_estimate(e, a))                  \
    X(rsqrte##N, K, N, FPR, "frsqrte " K "0, " K "1", fp##N##_rsqrt_estimate(e, a))                \
    X(recpx##N, K, N, FPR, "frecpx " K "0, " K "1", fp##N##_recpx(e, a))                           \
    X(cmp##N, K K, 32, GPR, "fcmp " K "1, " K "2\n mrs x0, nzcv",                                  \
      fp##N##_compare(e, a, b, false) << 28)                                                       \
    X(cmpe##N, K K, 32, GPR, "fcmpe " K "1, " K "2\n mrs x0, nzcv",                                \
      fp##N##_compare(e, a, b, true) << 28)                                                        \
    X(cmeq##N, K K, N, FPR, "fcmeq " K "0, " K "1, " K "2", FLAG(N, fp##N##_compare_eq(e, a, b)))  \
    X(cmge##N, K K, N, FPR, "fcmge " K "0, " K "1, " K "2", FLAG(N, fp##N##_compare_ge(e, a, b)))  \
    X(cmgt##N, K K, N, FPR, "fcmgt " K "0, " K "1, " K "2", FLAG(N, fp##N##_compare_gt(e, a, b)))  \
    X(acge##N, K K, N, FPR, "facge " K "0, " K "1, " K "2", FLAG(N, fp##N##_acge(e, a, b)))        \
    X(acgt##N, K K, N, FPR, "facgt " K "0, " K "1, " K "2", FLAG(N, fp##N##_acgt(e, a, b)))        \
    X(rintn##N, K, N, FPR, "frintn " K "0, " K "1", fp##N##_round_int(e, a, FP_TIEEVEN, false))    \
    X(rintp##N, K, N, FPR, "frintp " K "0, " K "1", fp##N##_round_int(e, a, FP_POSINF, false))     \
    X(rintm##N, K, N, FPR, "frintm " K "0, " K "1", fp##N##_round_int(e, a, FP_NEGINF, false))     \
    X(rintz##N, K, N, FPR, "frintz " K "0, " K "1", fp##N##_round_int(e, a, FP_ZERO, false))       \
    X(rinta##N, K, N, FPR, "frinta " K "0, " K "1", fp##N##_round_int(e, a, FP_TIEAWAY, false))    \
    X(rintx##N, K, N, FPR, "frintx " K "0, " K "1", fp##N##_round_int(e, a, fp_rounding(e), true)) \
    X(rinti##N, K, N, FPR, "frinti " K "0, " K "1",                                                \
      fp##N##_round_int(e, a, fp_rounding(e), false))                                              \
    ROWS_TO_INT(X, N, K, 32, "w")                                                                  \
    ROWS_TO_INT(X, N, K, 64, "x")                                                                  \
    ROWS_FROM_INT(X, N, K, 32, "w")                                                                \
    ROWS_FROM_INT(X, N, K, 64, "x")                                                                \
    ROW_FIXED(X, N, K, 32, "w", 1)                                                                 \
    ROW_FIXED(X, N, K, 32, "w", 13)                                                                \
    ROW_FIXED(X, N, K, 32, "w", 32)                                                                \
    ROW_FIXED(X, N, K, 64, "x", 1)                                                                 \
    ROW_FIXED(X, N, K, 64, "x", 33)                                                                \
    ROW_FIXED(X, N, K, 64, "x", 64)

#define ROW_TO_INT(X, N, K, W, R, mode, rounding)                                                  \
    X(cvt##mode##s##W##_##N, K, 64, GPR, "fcvt" #mode "s " R "0, " K "1",                          \
      fp##N##_to_fixed(e, a, 0, W, false, rounding))                                               \
    X(cvt##mode##u##W##_##N, K, 64, GPR, "fcvt" #mode "u " R "0, " K "1",                          \
      fp##N##_to_fixed(e, a, 0, W, true, rounding))

#define ROWS_TO_INT(X, N, K, W, R)                                                                 \
    ROW_TO_INT(X, N, K, W, R, n, FP_TIEEVEN)                                                       \
    ROW_TO_INT(X, N, K, W, R, p, FP_POSINF)                                                        \
    ROW_TO_INT(X, N, K, W, R, m, FP_NEGINF)                                                        \
    ROW_TO_INT(X, N, K, W, R, z, FP_ZERO)                                                          \
    ROW_TO_INT(X, N, K, W, R, a, FP_TIEAWAY)

#define ROWS_FROM_INT(X, N, K, W, R)                                                               \
    X(scvtf##W##_##N, R, N, FPR, "scvtf " K "0, " R "9", fp##N##_from_fixed(e, a, 0, W, false))    \
    X(ucvtf##W##_##N, R, N, FPR, "ucvtf " K "0, " R "9", fp##N##_from_fixed(e, a, 0, W, true))

#define ROW_FIXED(X, N, K, W, R, B)                                                                \
    X(fixs##W##_##B##_##N, K, 64, GPR, "fcvtzs " R "0, " K "1, #" #B,                              \
      fp##N##_to_fixed(e, a, B, W, false, FP_ZERO))                                                \
    X(fixu##W##_##B##_##N, K, 64, GPR, "fcvtzu " R "0, " K "1, #" #B,                              \
      fp##N##_to_fixed(e, a, B, W, true, FP_ZERO))                                                 \
    X(sfix##W##_##B##_##N, R, N, FPR, "scvtf " K "0, " R "9, #" #B,                                \
      fp##N##_from_fixed(e, a, B, W, false))                                                       \
    X(ufix##W##_##B##_##N, R, N, FPR, "ucvtf " K "0, " R "9, #" #B,                                \
      fp##N##_from_fixed(e, a, B, W, true))

// Vector lanes of 16 bits, through their scalar forms.
#define ROWS_HALF_INT(X)                                                                           \
    X(lanens16, "h", 16, FPR, "fcvtns h0, h1", fp16_to_fixed(e, a, 0, 16, false, FP_TIEEVEN))      \
    X(lanepu16, "h", 16, FPR, "fcvtpu h0, h1", fp16_to_fixed(e, a, 0, 16, true, FP_POSINF))        \
    X(lanems16, "h", 16, FPR, "fcvtms h0, h1", fp16_to_fixed(e, a, 0, 16, false, FP_NEGINF))       \
    X(lanezu16, "h", 16, FPR, "fcvtzu h0, h1", fp16_to_fixed(e, a, 0, 16, true, FP_ZERO))          \
    X(laneau16, "h", 16, FPR, "fcvtau h0, h1", fp16_to_fixed(e, a, 0, 16, true, FP_TIEAWAY))       \
    X(lanefixs16, "h", 16, FPR, "fcvtzs h0, h1, #7", fp16_to_fixed(e, a, 7, 16, false, FP_ZERO))   \
    X(lanefixu16, "h", 16, FPR, "fcvtzu h0, h1, #16", fp16_to_fixed(e, a, 16, 16, true, FP_ZERO))  \
    X(lanes16, "i", 16, FPR, "scvtf h0, h1", fp16_from_fixed(e, a, 0, 16, false))                  \
    X(laneu16, "i", 16, FPR, "ucvtf h0, h1", fp16_from_fixed(e, a, 0, 16, true))                   \
    X(lanesfix16, "i", 16, FPR, "scvtf h0, h1, #16", fp16_from_fixed(e, a, 16, 16, false))         \
    X(laneufix16, "i", 16, FPR, "ucvtf h0, h1, #3", fp16_from_fixed(e, a, 3, 16, true))

#define ROWS_CONVERT(X)                                                                            \
    X(h_to_s, "h", 32, FPR, "fcvt s0, h1", fp16_to_fp32(e, a))                                     \
    X(h_to_d, "h", 64, FPR, "fcvt d0, h1", fp16_to_fp64(e, a))                                     \
    X(s_to_h, "s", 16, FPR, "fcvt h0, s1", fp32_to_fp16(e, a))                                     \
    X(s_to_d, "s", 64, FPR, "fcvt d0, s1", fp32_to_fp64(e, a))                                     \
    X(d_to_h, "d", 16, FPR, "fcvt h0, d1", fp64_to_fp16(e, a))                                     \
    X(d_to_s, "d", 32, FPR, "fcvt s0, d1", fp64_to_fp32(e, a))                                     \
    X(d_to_s_odd, "d", 32, FPR, "fcvtxn s0, d1", fp64_to_fp32_odd(e, a))                           \
    X(js, "d", 64, GPR,                                                                            \
      "fjcvtzs w0, d1\n mrs x13, nzcv\n ubfx x13, x13, #30, #1\n"                                  \
      " orr x0, x0, x13, lsl #32",                                                                 \
      fp64_to_int32_js(e, a))                                                                      \
    X(mlal, "hhs", 32, FPR, "fmlal v0.2s, v1.2h, v2.2h", fp32_muladd_half(e, c, a, b))             \
    X(mlsl, "hhs", 32, FPR, "fmlsl v0.2s, v1.2h, v2.2h", fp32_muladd_half(e, c, fp16_neg(a), b))   \
    X(urecpe, "w", 32, FPR, "urecpe v0.2s, v1.2s", fp_urecip_estimate(a))                          \
    X(ursqrte, "w", 32, FPR, "ursqrte v0.2s, v1.2s", fp_ursqrt_estimate(a))

#define ROWS_INT_N(X, N, K)                                                                        \
    X(rint32x##N, K, N, FPR, "frint32x " K "0, " K "1",                                            \
      fp##N##_round_int_n(e, a, fp_rounding(e), 32))                                               \
    X(rint32z##N, K, N, FPR, "frint32z " K "0, " K "1", fp##N##_round_int_n(e, a, FP_ZERO, 32))    \
    X(rint64x##N, K, N, FPR, "frint64x " K "0, " K "1",                                            \
      fp##N##_round_int_n(e, a, fp_rounding(e), 64))                                               \
    X(rint64z##N, K, N, FPR, "frint64z " K "0, " K "1", fp##N##_round_int_n(e, a, FP_ZERO, 64))

#define FP_ROWS(X)                                                                                 \
    ROWS_FLOAT(X, 16, "h")                                                                         \
    ROWS_FLOAT(X, 32, "s")                                                                         \
    ROWS_FLOAT(X, 64, "d")                                                                         \
    ROWS_HALF_INT(X)                                                                               \
    ROWS_CONVERT(X)                                                                                \
    ROWS_INT_N(X, 32, "s")                                                                         \
    ROWS_INT_N(X, 64, "d")

// FPCR values under which every row runs: RMode is bits 23:22, then FZ16, FZ, DN, AHP.
#define FPCR_RUNS                                                                                  \
    {                                                                                              \
        0, 1u << 22, 2u << 22, 3u << 22, 1u << 24, 1u << 24 | 1u << 22, 1u << 19,                  \
            1u << 19 | 2u << 22, 1u << 25, 1u << 26, 1u << 26 | 1u << 22,                          \
            1u << 26 | 1u << 25 | 1u << 24 | 1u << 19 | 2u << 22, 1u << 24 | 1u << 19 | 3u << 22   \
    }

#endif
