// SPDX-License-Identifier: GPL-3.0-or-later
// Which vector operation of the IR an instruction is, for those that are one, or one after a small
// preparation of their operands: ONE ROW A NAME, with the forms it comes in.
#include "frontend/tr_simd.h"

// clang-format off
#define V(arm, ir)   [A64_##arm##_V] = IRV_##ir,
#define S(arm, ir)   [A64_##arm##_S] = IRV_##ir,
#define H(arm, ir)   [A64_##arm##_VH] = IRV_##ir,
#define SH(arm, ir)  [A64_##arm##_SH] = IRV_##ir,
#define X(arm, ir)   [A64_##arm##_VX] = IRV_##ir,
#define SX(arm, ir)  [A64_##arm##_SX] = IRV_##ir,
#define XH(arm, ir)  [A64_##arm##_VXH] = IRV_##ir, [A64_##arm##_SXH] = IRV_##ir,
#define I(arm, ir)   [A64_##arm##_VI] = IRV_##ir,
#define SI(arm, ir)  [A64_##arm##_SI] = IRV_##ir,
#define G(arm, ir)   [A64_##arm] = IRV_##ir,
#define VS(arm)      V(arm, arm) S(arm, arm)
#define VH(arm)      V(arm, arm) H(arm, arm)
#define VHS(arm)     VH(arm) S(arm, arm) SH(arm, arm)
#define XS(arm)      X(arm, arm) SX(arm, arm)
#define IS(arm, ir)  I(arm, ir) SI(arm, ir)

const uint8_t tr_vop[A64_OP_COUNT] = {
    // three registers, integer
    V(SHADD, SHADD) V(UHADD, UHADD) V(SRHADD, SRHADD) V(URHADD, URHADD) V(SHSUB, SHSUB) V(UHSUB, UHSUB)
    VS(SQADD) VS(UQADD) VS(SQSUB) VS(UQSUB)
    VS(CMGT) VS(CMHI) VS(CMGE) VS(CMHS) VS(CMTST) VS(CMEQ)
    VS(SSHL) VS(USHL) VS(SQSHL) VS(UQSHL) VS(SRSHL) VS(URSHL) VS(SQRSHL) VS(UQRSHL)
    V(SMAX, SMAX) V(UMAX, UMAX) V(SMIN, SMIN) V(UMIN, UMIN)
    V(SABD, SABD) V(UABD, UABD) V(SABA, SABA) V(UABA, UABA)
    VS(ADD) VS(SUB) V(MLA, MLA) V(MLS, MLS) V(MUL, MUL) V(PMUL, PMUL)
    V(SMAXP, SMAXP) V(UMAXP, UMAXP) V(SMINP, SMINP) V(UMINP, UMINP) V(ADDP, ADDP) S(ADDP, ADD)
    VS(SQDMULH) VS(SQRDMULH) VS(SQRDMLAH) VS(SQRDMLSH) V(SDOT, SDOT) V(UDOT, UDOT)
    // three registers, floating point
    VH(FMAXNM) VH(FMLA) VH(FADD) VHS(FMULX) VHS(FCMEQ) VH(FMAX) VHS(FRECPS) VH(FMINNM) VH(FMLS)
    VH(FSUB) VH(FMIN) VHS(FRSQRTS) VH(FMAXNMP) VH(FADDP) VH(FMUL) VHS(FCMGE) VHS(FACGE) VH(FMAXP)
    VH(FDIV) VH(FMINNMP) VHS(FABD) VHS(FCMGT) VHS(FACGT) VH(FMINP)
    V(FMLAL, FMLAL) V(FMLAL2, FMLAL) V(FMLSL, FMLSL) V(FMLSL2, FMLSL)
    // three registers, of different width
    V(SADDL, SADDL) V(UADDL, UADDL) V(SADDW, SADDW) V(UADDW, UADDW)
    V(SSUBL, SSUBL) V(USUBL, USUBL) V(SSUBW, SSUBW) V(USUBW, USUBW)
    V(ADDHN, ADDHN) V(RADDHN, RADDHN) V(SUBHN, SUBHN) V(RSUBHN, RSUBHN)
    V(SABAL, SABAL) V(UABAL, UABAL) V(SABDL, SABDL) V(UABDL, UABDL)
    V(SMLAL, SMLAL) V(UMLAL, UMLAL) V(SMLSL, SMLSL) V(UMLSL, UMLSL) V(SMULL, SMULL) V(UMULL, UMULL)
    V(SQDMULL, SQDMULL) S(SQDMULL, SQDMULL)
    // two registers, integer
    V(CLS, CLS) V(CLZ, CLZ) V(CNT, CNT) V(URECPE, URECPE) V(URSQRTE, URSQRTE)
    VS(SUQADD) VS(USQADD) VS(SQABS) VS(SQNEG) VS(ABS) VS(NEG)
    V(SADDLP, SADDLP) V(UADDLP, UADDLP) V(SADALP, SADALP) V(UADALP, UADALP)
    V(XTN, XTN) VS(SQXTN) VS(UQXTN) VS(SQXTUN)
    // two registers, floating point
    VH(FABS) VH(FNEG) VH(FSQRT) VHS(FRECPE) VHS(FRSQRTE) S(FRECPX, FRECPX) SH(FRECPX, FRECPX)
    // across lanes, pairs
    G(SADDLV, SADDLV) G(UADDLV, UADDLV) G(ADDV, ADDV) G(SMAXV, SMAXV) G(SMINV, SMINV) G(UMAXV, UMAXV)
    G(UMINV, UMINV) G(FMAXV, FMAXV) G(FMINV, FMINV) G(FMAXNMV, FMAXNMV) G(FMINNMV, FMINNMV)
    G(FMAXV_H, FMAXV) G(FMINV_H, FMINV) G(FMAXNMV_H, FMAXNMV) G(FMINNMV_H, FMINNMV)
    S(FADDP, FADD) S(FMAXP, FMAX) S(FMINP, FMIN) S(FMAXNMP, FMAXNM) S(FMINNMP, FMINNM)
    SH(FADDP, FADD) SH(FMAXP, FMAX) SH(FMINP, FMIN) SH(FMAXNMP, FMAXNM) SH(FMINNMP, FMINNM)
    // by element
    X(MUL, MUL) X(MLA, MLA) X(MLS, MLS) XS(SQDMULH) XS(SQRDMULH) XS(SQRDMLAH) XS(SQRDMLSH)
    X(SMLAL, SMLAL) X(SMLSL, SMLSL) X(SMULL, SMULL) X(UMLAL, UMLAL) X(UMLSL, UMLSL) X(UMULL, UMULL)
    XS(SQDMULL) XS(FMLA) XS(FMLS) XS(FMUL) XS(FMULX)
    XH(FMLA, FMLA) XH(FMLS, FMLS) XH(FMUL, FMUL) XH(FMULX, FMULX)
    X(SDOT, SDOT) X(UDOT, UDOT) X(FMLAL, FMLAL) X(FMLAL2, FMLAL) X(FMLSL, FMLSL) X(FMLSL2, FMLSL)
    // shifts by immediate
    IS(SSHR, SSHRI) IS(USHR, USHRI) IS(SSRA, SSRAI) IS(USRA, USRAI) IS(SRSHR, SRSHRI) IS(URSHR, URSHRI)
    IS(SRSRA, SRSRAI) IS(URSRA, URSRAI) IS(SRI, SRII) IS(SHL, SHLI) IS(SLI, SLII)
    IS(SQSHLU, SQSHLUI) IS(SQSHL, SQSHLI) IS(UQSHL, UQSHLI) I(SHRN, SHRNI) I(RSHRN, RSHRNI)
    IS(SQSHRN, SQSHRNI) IS(SQRSHRN, SQRSHRNI) IS(SQSHRUN, SQSHRUNI) IS(SQRSHRUN, SQRSHRUNI)
    IS(UQSHRN, UQSHRNI) IS(UQRSHRN, UQRSHRNI) I(SSHLL, SSHLLI) I(USHLL, USHLLI)
    // permutations
    G(UZP1, UZP1) G(UZP2, UZP2) G(ZIP1, ZIP1) G(ZIP2, ZIP2) G(TRN1, TRN1) G(TRN2, TRN2)
    // scalar floating point
    G(FADD, FADD) G(FSUB, FSUB) G(FMUL, FMUL) G(FDIV, FDIV) G(FNMUL, FNMUL) G(FMAX, FMAX) G(FMIN, FMIN)
    G(FMAXNM, FMAXNM) G(FMINNM, FMINNM) G(FMADD, FMLA) G(FMSUB, FMLS) G(FNMADD, FNMLA) G(FNMSUB, FNMLS)
    G(FABS, FABS) G(FNEG, FNEG) G(FSQRT, FSQRT)
};
// clang-format on

_Static_assert(IR_NR_VOPS <= 256, "tr_vop[] holds bytes");

// FCVT and FRINT in every form.
#define CVT(name)                                                                                  \
    case A64_FCVT##name##S:                                                                        \
    case A64_FCVT##name##U:                                                                        \
    case A64_FCVT##name##S_V:                                                                      \
    case A64_FCVT##name##U_V:                                                                      \
    case A64_FCVT##name##S_VH:                                                                     \
    case A64_FCVT##name##U_VH:                                                                     \
    case A64_FCVT##name##S_S:                                                                      \
    case A64_FCVT##name##U_S:                                                                      \
    case A64_FCVT##name##S_SH:                                                                     \
    case A64_FCVT##name##U_SH
#define RINT(name)                                                                                 \
    case A64_FRINT##name:                                                                          \
    case A64_FRINT##name##_V:                                                                      \
    case A64_FRINT##name##_VH

unsigned tr_rounding(enum a64_op op)
{
    // clang-format off
    switch (op) {
    CVT(N): RINT(N): return FP_TIEEVEN;
    CVT(P): RINT(P): return FP_POSINF;
    CVT(M): RINT(M): return FP_NEGINF;
    CVT(Z): RINT(Z): return FP_ZERO;
    CVT(A): RINT(A): return FP_TIEAWAY;
    default: return IRV_ROUND_FPCR;
    }
    // clang-format on
}

bool tr_bounded_rounding(enum a64_op op, uint64_t *imm)
{
    // clang-format off
    switch (op) {
    case A64_FRINT32Z: case A64_FRINT32Z_V: *imm = FP_ZERO; return true;
    case A64_FRINT32X: case A64_FRINT32X_V: *imm = IRV_ROUND_FPCR; return true;
    case A64_FRINT64Z: case A64_FRINT64Z_V: *imm = FP_ZERO | 1 << 8; return true;
    case A64_FRINT64X: case A64_FRINT64X_V: *imm = IRV_ROUND_FPCR | 1 << 8; return true;
    default: return false;
    }
    // clang-format on
}

uint64_t tr_fp_imm(unsigned imm8, int size)
{
    // Sign, an exponent of 3 bits (its top bit inverted and repeated), 4 bits of fraction.
    static const uint8_t exponent_bits[] = {0, 5, 8, 11};
    unsigned width = 8u << size, e = exponent_bits[size];
    uint64_t sign = imm8 >> 7, top = imm8 >> 6 & 1;
    uint64_t exponent = (top ^ 1) << (e - 1) | (top ? mask64(e - 3) << 2 : 0) | (imm8 >> 4 & 3);
    unsigned fraction_bits = width - 1 - e;

    return sign << (width - 1) | exponent << fraction_bits |
           (uint64_t)(imm8 & 15) << (fraction_bits - 4);
}
