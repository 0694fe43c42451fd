// SPDX-License-Identifier: GPL-3.0-or-later
// Operations whose result has lanes of another width or another place: widening, narrowing, pairs
// of neighbours, folds.
#include "jit/quick_vec.h"

static const uint32_t extend_s[4] = {X86_PMOVSXBW, X86_PMOVSXWD, X86_PMOVSXDQ},
                      extend_u[4] = {X86_PMOVZXBW, X86_PMOVZXWD, X86_PMOVZXDQ};
static const uint32_t smax[4] = {X86_PMAXSB, X86_PMAXSW, X86_PMAXSD},
                      umax[4] = {X86_PMAXUB, X86_PMAXUW, X86_PMAXUD};
static const uint32_t smin[4] = {X86_PMINSB, X86_PMINSW, X86_PMINSD},
                      umin[4] = {X86_PMINUB, X86_PMINUW, X86_PMINUD};

// Widening ----------------------------------------------------------------------------------------

enum { SIGNED = 1, WIDE_A = 2, SUBTRACT = 4, ACCUMULATE = 8 };
enum long_kind { LONG_NONE, LONG_ADD, LONG_DIFFERENCE, LONG_MUL, LONG_SHIFT };

struct long_row {
    uint8_t kind, flags;
};

// clang-format off
static const struct long_row long_rows[IR_NR_VOPS] = {
    [IRV_SADDL] = { LONG_ADD, SIGNED }, [IRV_UADDL] = { LONG_ADD, 0 },
    [IRV_SSUBL] = { LONG_ADD, SIGNED | SUBTRACT }, [IRV_USUBL] = { LONG_ADD, SUBTRACT },
    [IRV_SADDW] = { LONG_ADD, SIGNED | WIDE_A }, [IRV_UADDW] = { LONG_ADD, WIDE_A },
    [IRV_SSUBW] = { LONG_ADD, SIGNED | WIDE_A | SUBTRACT }, [IRV_USUBW] = { LONG_ADD, WIDE_A | SUBTRACT },
    [IRV_SABDL] = { LONG_DIFFERENCE, SIGNED }, [IRV_UABDL] = { LONG_DIFFERENCE, 0 },
    [IRV_SABAL] = { LONG_DIFFERENCE, SIGNED | ACCUMULATE }, [IRV_UABAL] = { LONG_DIFFERENCE, ACCUMULATE },
    [IRV_SMULL] = { LONG_MUL, SIGNED }, [IRV_UMULL] = { LONG_MUL, 0 },
    [IRV_SMLAL] = { LONG_MUL, SIGNED | ACCUMULATE }, [IRV_UMLAL] = { LONG_MUL, ACCUMULATE },
    [IRV_SMLSL] = { LONG_MUL, SIGNED | ACCUMULATE | SUBTRACT }, [IRV_UMLSL] = { LONG_MUL, ACCUMULATE | SUBTRACT },
    [IRV_SSHLLI] = { LONG_SHIFT, SIGNED }, [IRV_USHLLI] = { LONG_SHIFT, 0 },
};
// clang-format on

// The half of an operand that a widening operation takes in.
static struct x86_rm half(struct quick_tr *t, const struct ir_insn *i, ir_val v)
{
    return i->imm >> 8 & 1 ? quick_vec_further(quick_vec_mem(t, v), 8) : quick_vec_full(t, v);
}

// xmm0 = the larger less the smaller, which fits lanes of the operands' width, then widened.
static void long_difference(struct quick_tr *t, const struct ir_insn *i, bool sign)
{
    unsigned lane = quick_vec_lane(i);
    quick_vec_op(t, X86_MOVQ, 0, half(t, i, i->a));
    quick_vec_op(t, X86_MOVQ, 2, half(t, i, i->b));
    quick_vec_rr(t, X86_MOVAPS, 1, 0);
    quick_vec_rr(t, (sign ? smax : umax)[lane], 0, 2);
    quick_vec_rr(t, (sign ? smin : umin)[lane], 1, 2);
    quick_vec_rr(t, quick_vec_psub[lane], 0, 1);
    quick_vec_rr(t, extend_u[lane], 0, 0);
}

static bool lower_long(struct quick_tr *t, const struct ir_insn *i, const struct long_row *r)
{
    unsigned lane = quick_vec_lane(i);
    bool sign = r->flags & SIGNED;
    const uint32_t *extend = sign ? extend_s : extend_u;
    const uint32_t mul[4] = {X86_PMULLW, X86_PMULLD, sign ? X86_PMULDQ : X86_PMULUDQ};
    uint32_t add = (r->flags & SUBTRACT ? quick_vec_psub : quick_vec_padd)[lane + 1];
    if (r->kind == LONG_DIFFERENCE) {
        long_difference(t, i, sign);
    } else {
        if (r->flags & WIDE_A)
            quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->a));
        else
            quick_vec_op(t, extend[lane], 0, half(t, i, i->a));
        if (r->kind == LONG_SHIFT) {
            quick_vec_shift(t, X86_G_PSLL, lane + 1, 0, i->imm & 0xff);
        } else {
            quick_vec_op(t, extend[lane], 1, half(t, i, i->b));
            quick_vec_rr(t, r->kind == LONG_MUL ? mul[lane] : add, 0, 1);
        }
    }
    if (r->flags & ACCUMULATE) {
        quick_vec_op(t, X86_MOVAPS, 1, quick_vec_full(t, i->c));
        quick_vec_rr(t, add, 1, 0);
    }
    quick_vec_store_all(t, i->d, r->flags & ACCUMULATE ? 1 : 0);
    return true;
}

// Narrowing ---------------------------------------------------------------------------------------

// xmm0's lanes of twice the width become narrow in its lower half.
static void narrow(struct quick_tr *t, unsigned lane)
{
    static const uint64_t low[3] = {UINT64_C(0x0e0c0a0806040200), UINT64_C(0x0d0c090805040100),
                                    UINT64_C(0x0b0a090803020100)};
    quick_vec_op(t, X86_PSHUFB, 0, quick_vec_const(t, low[lane], UINT64_C(0x8080808080808080)));
}

static bool lower_narrow(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lane = quick_vec_lane(i), vop = i->attr, n = i->imm & 0xff;
    bool sum = vop == IRV_ADDHN || vop == IRV_RADDHN,
         difference = vop == IRV_SUBHN || vop == IRV_RSUBHN;
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->a));
    if (sum || difference) {
        quick_vec_op(t, (sum ? quick_vec_padd : quick_vec_psub)[lane + 1], 0,
                     quick_vec_full(t, i->b));
        if (vop == IRV_RADDHN || vop == IRV_RSUBHN)
            quick_vec_op(t, quick_vec_padd[lane + 1], 0,
                         quick_vec_splat(t, lane + 1, BIT((8u << lane) - 1)));
        quick_vec_shift(t, X86_G_PSRL, lane + 1, 0, 8u << lane);
    } else if (vop == IRV_SHRNI) {
        quick_vec_shift(t, X86_G_PSRL, lane + 1, 0, n);
    } else if (vop == IRV_RSHRNI) {
        quick_vec_shift_round(t, false, lane + 1, 0, n);
    }
    narrow(t, lane);
    if (i->imm >> 8 & 1) { // above c's lower half
        quick_vec_op(t, X86_MOVQ, 1, quick_vec_full(t, i->c));
        quick_vec_rr(t, X86_PUNPCKLQDQ, 1, 0);
        quick_vec_store_all(t, i->d, 1);
    } else {
        quick_vec_store_all(t, i->d, 0);
    }
    return true;
}

// Neighbours --------------------------------------------------------------------------------------

// d = op(even lanes, odd lanes) of a and b.
static bool pairwise(struct quick_tr *t, const struct ir_insn *i, uint32_t op)
{
    if (!op)
        return false;
    quick_vec_permute(t, i, IRV_UZP1, i->a, i->b);
    quick_vec_rr(t, X86_MOVAPS, 2, 0);
    quick_vec_permute(t, i, IRV_UZP2, i->a, i->b);
    quick_vec_rr(t, op, 2, 0);
    quick_vec_store_all(t, i->d, 2);
    return true;
}

// Sums of neighbours as lanes of twice the width, perhaps added to c.
static bool pairwise_long(struct quick_tr *t, const struct ir_insn *i, bool sign, bool accumulate)
{
    unsigned lane = quick_vec_lane(i), bits = 8u << lane;
    quick_vec_load(t, i, 0, i->a);
    if (sign && lane == IR_LANE16) {
        quick_vec_op(t, X86_PMADDWD, 0, quick_vec_splat(t, IR_LANE16, 1));
    } else {
        uint32_t group = sign ? X86_G_PSRA : X86_G_PSRL;
        quick_vec_rr(t, X86_MOVAPS, 1, 0);
        quick_vec_shift(t, group, lane + 1, 0, bits);
        quick_vec_shift(t, X86_G_PSLL, lane + 1, 1, bits);
        quick_vec_shift(t, group, lane + 1, 1, bits);
        quick_vec_rr(t, quick_vec_padd[lane + 1], 0, 1);
    }
    if (accumulate)
        quick_vec_op(t, quick_vec_padd[lane + 1], 0, quick_vec_rm(t, i, i->c, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// Folds: order does not matter.
static bool fold(struct quick_tr *t, const struct ir_insn *i, uint32_t op)
{
    unsigned lane = quick_vec_lane(i);
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->a));
    if (quick_vec_shape(i) == IR_FULL) {
        quick_vec_imm(t, X86_PSHUFD, 1, x86_r(0), 0x4e);
        quick_vec_rr(t, op, 0, 1);
    }
    quick_vec_imm(t, X86_PSHUFD, 1, x86_r(0), 0xb1);
    quick_vec_rr(t, op, 0, 1);
    if (lane <= IR_LANE16) {
        quick_vec_imm(t, X86_PSHUFLW, 1, x86_r(0), 0xb1);
        quick_vec_rr(t, op, 0, 1);
    }
    if (lane == IR_LANE8) {
        quick_vec_rr(t, X86_MOVAPS, 1, 0);
        quick_vec_imm(t, X86_PSHIFTW, X86_G_PSRL, x86_r(1), 8);
        quick_vec_rr(t, op, 0, 1);
    }
    quick_vec_op(t, X86_PAND, 0, quick_vec_const(t, mask64(8u << lane), 0));
    quick_vec_store_all(t, i->d, 0);
    return true;
}

// The sum of unsigned bytes, which fits 16 bits.
static bool sum_bytes(struct quick_tr *t, const struct ir_insn *i)
{
    if (quick_vec_lane(i) != IR_LANE8)
        return false;
    quick_vec_load(t, i, 0, i->a);
    quick_vec_rr(t, X86_PXOR, 1, 1);
    quick_vec_rr(t, X86_PSADBW, 0, 1);
    if (quick_vec_shape(i) == IR_FULL) {
        quick_vec_imm(t, X86_PSHUFD, 1, x86_r(0), 0x4e);
        quick_vec_rr(t, X86_PADDQ, 0, 1);
        quick_vec_rr(t, X86_MOVQ, 0, 0);
    }
    quick_vec_store_all(t, i->d, 0);
    return true;
}

bool quick_vec_wide(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lane = quick_vec_lane(i);
    const struct long_row *r = &long_rows[i->attr];
    if (r->kind)
        return lower_long(t, i, r);
    switch (i->attr) {
    case IRV_XTN:
    case IRV_SHRNI:
    case IRV_RSHRNI:
    case IRV_ADDHN:
    case IRV_SUBHN:
    case IRV_RADDHN:
    case IRV_RSUBHN:
        return lower_narrow(t, i);
    case IRV_ADDP:
        return pairwise(t, i, quick_vec_padd[lane]);
    case IRV_SMAXP:
        return pairwise(t, i, smax[lane]);
    case IRV_SMINP:
        return pairwise(t, i, smin[lane]);
    case IRV_UMAXP:
        return pairwise(t, i, umax[lane]);
    case IRV_UMINP:
        return pairwise(t, i, umin[lane]);
    case IRV_SADDLP:
        return pairwise_long(t, i, true, false);
    case IRV_UADDLP:
        return pairwise_long(t, i, false, false);
    case IRV_SADALP:
        return pairwise_long(t, i, true, true);
    case IRV_UADALP:
        return pairwise_long(t, i, false, true);
    case IRV_ADDV:
        return fold(t, i, quick_vec_padd[lane]);
    case IRV_SMAXV:
        return fold(t, i, smax[lane]);
    case IRV_SMINV:
        return fold(t, i, smin[lane]);
    case IRV_UMAXV:
        return fold(t, i, umax[lane]);
    case IRV_UMINV:
        return fold(t, i, umin[lane]);
    case IRV_UADDLV:
        return sum_bytes(t, i);
    }
    return false;
}
