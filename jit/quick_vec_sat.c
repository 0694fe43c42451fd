// SPDX-License-Identifier: GPL-3.0-or-later
// Saturating operations on bytes and 16-bit lanes.
//
// The host saturates as Arm does but does not say so: the result is compared with one that did
// not, and where they differ FPSR.QC is set out of line.
#include "jit/quick_vec.h"

static void emit_saturated(struct quick_tr *t, struct quick_cold *c)
{
    x86_here(&t->as, c->from[0]);
    x86_emit(&t->as, X86_ALU_IMM32, false, X86_G_OR, Q_STATE(fp.fpsr), 4);
    x86_imm32(&t->as, FPSR_QC);
    x86_jmp(&t->as, c->back);
}

// xmm, an equality's result, is all ones unless something saturated. rax is lost.
static void note(struct quick_tr *t, int xmm)
{
    struct quick_cold *c = quick_cold(t, emit_saturated);
    quick_vec_rr(t, X86_PMOVMSKB, RAX, xmm);
    x86_alu_imm(&t->as, X86_G_CMP, false, x86_r(RAX), 0xffff);
    c->from[0] = x86_jcc_ahead(&t->as, CC_NE);
    c->back = t->as.p;
}

// Sums and differences
// -----------------------------------------------------------------------------

static bool sum(struct quick_tr *t, const struct ir_insn *i, const uint32_t saturating[2],
                const uint32_t *plain)
{
    unsigned lane = quick_vec_lane(i);
    if (lane > IR_LANE16 || quick_vec_shape(i) == IR_SCALAR)
        return false;
    quick_vec_load(t, i, 0, i->a);
    quick_vec_load(t, i, 2, i->b);
    quick_vec_rr(t, X86_MOVAPS, 1, 0);
    quick_vec_rr(t, saturating[lane], 0, 2);
    quick_vec_rr(t, plain[lane], 1, 2);
    quick_vec_rr(t, X86_PCMPEQB, 1, 0);
    note(t, 1);
    quick_vec_store_all(t, i->d, 0);
    return true;
}

// Narrowing
// ----------------------------------------------------------------------------------------

enum { FROM_UNSIGNED = 1, TO_UNSIGNED = 2, SHIFTED = 4, ROUNDED = 8 };

// xmm0 = its lanes, of twice the width, saturated into the lower half; the upper half is the same.
// xmm1 = where that is exact.
static void narrow(struct quick_tr *t, unsigned lane, unsigned how)
{
    static const uint32_t pack_s[2] = {X86_PACKSSWB, X86_PACKSSDW},
                          pack_u[2] = {X86_PACKUSWB, X86_PACKUSDW};
    static const uint32_t extend_s[2] = {X86_PMOVSXBW, X86_PMOVSXWD},
                          extend_u[2] = {X86_PMOVZXBW, X86_PMOVZXWD};
    static const uint32_t min[2] = {X86_PMINUW, X86_PMINUD}, equal[2] = {X86_PCMPEQW, X86_PCMPEQD};
    quick_vec_rr(t, X86_MOVAPS, 2, 0);
    if (how & FROM_UNSIGNED) // the host takes signed lanes
        quick_vec_op(t, min[lane], 0, quick_vec_splat(t, lane + 1, mask64(8u << lane)));
    quick_vec_rr(t, (how & TO_UNSIGNED ? pack_u : pack_s)[lane], 0, 0);
    quick_vec_rr(t, (how & TO_UNSIGNED ? extend_u : extend_s)[lane], 1, 0);
    quick_vec_rr(t, equal[lane], 1, 2);
}

static bool lower_narrow(struct quick_tr *t, const struct ir_insn *i, unsigned how)
{
    unsigned lane = quick_vec_lane(i), n = i->imm & 0xff;
    bool is_unsigned = how & FROM_UNSIGNED;
    if (lane > IR_LANE16 || quick_vec_shape(i) != IR_FULL)
        return false;
    quick_vec_load(t, i, 0, i->a);
    if (how & ROUNDED)
        quick_vec_shift_round(t, !is_unsigned, lane + 1, 0, n);
    else if (how & SHIFTED)
        quick_vec_shift(t, is_unsigned ? X86_G_PSRL : X86_G_PSRA, lane + 1, 0, n);
    narrow(t, lane, how);
    note(t, 1);
    if (i->imm >> 8 & 1) { // above c's lower half
        quick_vec_op(t, X86_MOVQ, 1, quick_vec_full(t, i->c));
        quick_vec_rr(t, X86_PUNPCKLQDQ, 1, 0);
        quick_vec_store_all(t, i->d, 1);
    } else {
        quick_vec_rr(t, X86_MOVQ, 0, 0);
        quick_vec_store_all(t, i->d, 0);
    }
    return true;
}

bool quick_vec_sat(struct quick_tr *t, const struct ir_insn *i)
{
    static const uint32_t sqadd[2] = {X86_PADDSB, X86_PADDSW},
                          uqadd[2] = {X86_PADDUSB, X86_PADDUSW};
    static const uint32_t sqsub[2] = {X86_PSUBSB, X86_PSUBSW},
                          uqsub[2] = {X86_PSUBUSB, X86_PSUBUSW};
    if (!quick_fp_room(t))
        return false;
    switch (i->attr) {
    case IRV_SQADD:
        return sum(t, i, sqadd, quick_vec_padd);
    case IRV_UQADD:
        return sum(t, i, uqadd, quick_vec_padd);
    case IRV_SQSUB:
        return sum(t, i, sqsub, quick_vec_psub);
    case IRV_UQSUB:
        return sum(t, i, uqsub, quick_vec_psub);
    case IRV_SQXTN:
        return lower_narrow(t, i, 0);
    case IRV_UQXTN:
        return lower_narrow(t, i, FROM_UNSIGNED | TO_UNSIGNED);
    case IRV_SQXTUN:
        return lower_narrow(t, i, TO_UNSIGNED);
    case IRV_SQSHRNI:
        return lower_narrow(t, i, SHIFTED);
    case IRV_UQSHRNI:
        return lower_narrow(t, i, SHIFTED | FROM_UNSIGNED | TO_UNSIGNED);
    case IRV_SQSHRUNI:
        return lower_narrow(t, i, SHIFTED | TO_UNSIGNED);
    case IRV_SQRSHRNI:
        return lower_narrow(t, i, ROUNDED);
    case IRV_UQRSHRNI:
        return lower_narrow(t, i, ROUNDED | FROM_UNSIGNED | TO_UNSIGNED);
    case IRV_SQRSHRUNI:
        return lower_narrow(t, i, ROUNDED | TO_UNSIGNED);
    }
    return false;
}
