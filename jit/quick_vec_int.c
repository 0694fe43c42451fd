// SPDX-License-Identifier: GPL-3.0-or-later
// Operations on integer lanes, each lane of the result made of the same lane of the operands.
#include "jit/quick_vec.h"

struct row {
    bool (*fn)(struct quick_tr *t, const struct ir_insn *i, const struct row *r);
    uint32_t op[4]; // by lane width; 0: there is none
    uint32_t arg;
};

// d = op(a, b)
static bool two(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_load(t, i, 0, i->a);
    quick_vec_op(t, r->op[quick_vec_lane(i)], 0, quick_vec_rm(t, i, i->b, 1));
    quick_vec_store(t, i, 0);
    return true;
}

static bool two_swapped(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_load(t, i, 0, i->b);
    quick_vec_op(t, r->op[quick_vec_lane(i)], 0, quick_vec_rm(t, i, i->a, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// d = op(a)
static bool one(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_op(t, r->op[quick_vec_lane(i)], 0, quick_vec_rm(t, i, i->a, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// xmm = ~xmm. xmm5 is lost.
static void invert(struct quick_tr *t, int xmm)
{
    quick_vec_rr(t, X86_PCMPEQD, 5, 5);
    quick_vec_rr(t, X86_PXOR, xmm, 5);
}

static bool invert_all(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    (void)r;
    quick_vec_load(t, i, 0, i->a);
    invert(t, 0);
    quick_vec_store(t, i, 0);
    return true;
}

static bool orn(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    (void)r;
    quick_vec_load(t, i, 0, i->b);
    invert(t, 0);
    quick_vec_op(t, X86_POR, 0, quick_vec_rm(t, i, i->a, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// ((a ^ b) & c) ^ b
static bool bit_select(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    (void)r;
    quick_vec_load(t, i, 0, i->a);
    struct x86_rm b = quick_vec_rm(t, i, i->b, 1), c = quick_vec_rm(t, i, i->c, 2);
    quick_vec_op(t, X86_PXOR, 0, b);
    quick_vec_op(t, X86_PAND, 0, c);
    quick_vec_op(t, X86_PXOR, 0, b);
    quick_vec_store(t, i, 0);
    return true;
}

// a ^ op(c, b)
static bool xor3(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_load(t, i, 0, i->c);
    quick_vec_op(t, r->arg, 0, quick_vec_rm(t, i, i->b, 1));
    quick_vec_op(t, X86_PXOR, 0, quick_vec_rm(t, i, i->a, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// xmm0 rotated to the right. xmm1 is lost.
static void rotate(struct quick_tr *t, unsigned n)
{
    if (!n)
        return;
    quick_vec_rr(t, X86_MOVAPS, 1, 0);
    quick_vec_shift(t, X86_G_PSRL, IR_LANE64, 0, n);
    quick_vec_shift(t, X86_G_PSLL, IR_LANE64, 1, 64 - n);
    quick_vec_rr(t, X86_POR, 0, 1);
}

static bool rax1(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    (void)r;
    quick_vec_load(t, i, 0, i->b);
    rotate(t, 63);
    quick_vec_op(t, X86_PXOR, 0, quick_vec_rm(t, i, i->a, 1));
    quick_vec_store(t, i, 0);
    return true;
}

static bool xar(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    (void)r;
    quick_vec_load(t, i, 0, i->a);
    quick_vec_op(t, X86_PXOR, 0, quick_vec_rm(t, i, i->b, 1));
    rotate(t, i->imm & 63);
    quick_vec_store(t, i, 0);
    return true;
}

static bool neg(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_rr(t, X86_PXOR, 0, 0);
    quick_vec_op(t, r->op[quick_vec_lane(i)], 0, quick_vec_rm(t, i, i->a, 1));
    quick_vec_store(t, i, 0);
    return true;
}

static bool absolute(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    if (quick_vec_lane(i) != IR_LANE64)
        return one(t, i, r);
    quick_vec_load(t, i, 0, i->a);
    quick_vec_rr(t, X86_PXOR, 1, 1);
    quick_vec_rr(t, X86_PCMPGTQ, 1, 0); // all ones where negative
    quick_vec_rr(t, X86_PXOR, 0, 1);
    quick_vec_rr(t, X86_PSUBQ, 0, 1);
    quick_vec_store(t, i, 0);
    return true;
}

// By a table of nibbles: bits set, or bits reversed.
static bool nibbles(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    bool reverse = r->arg;
    struct x86_rm low = quick_vec_splat(t, IR_LANE8, 0x0f);
    struct x86_rm table =
        reverse ? quick_vec_const(t, UINT64_C(0xe060a020c0408000), UINT64_C(0xf070b030d0509010))
                : quick_vec_const(t, UINT64_C(0x0302020102010100), UINT64_C(0x0403030203020201));
    struct x86_rm upper =
        reverse ? quick_vec_const(t, UINT64_C(0x0e060a020c040800), UINT64_C(0x0f070b030d050901))
                : table;
    quick_vec_load(t, i, 2, i->a);
    quick_vec_rr(t, X86_MOVAPS, 3, 2);
    quick_vec_imm(t, X86_PSHIFTW, X86_G_PSRL, x86_r(3), 4);
    quick_vec_op(t, X86_PAND, 2, low);
    quick_vec_op(t, X86_PAND, 3, low);
    quick_vec_op(t, X86_MOVAPS, 0, table);
    quick_vec_op(t, X86_MOVAPS, 1, upper);
    quick_vec_rr(t, X86_PSHUFB, 0, 2);
    quick_vec_rr(t, X86_PSHUFB, 1, 3);
    quick_vec_rr(t, reverse ? X86_POR : X86_PADDB, 0, 1);
    quick_vec_store(t, i, 0);
    return true;
}

// Comparisons -------------------------------------------------------------------------------------

static bool cmtst(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_load(t, i, 0, i->a);
    quick_vec_op(t, X86_PAND, 0, quick_vec_rm(t, i, i->b, 1));
    quick_vec_rr(t, X86_PXOR, 1, 1);
    quick_vec_rr(t, r->op[quick_vec_lane(i)], 0, 1);
    invert(t, 0);
    quick_vec_store(t, i, 0);
    return true;
}

// a >= b: not b > a
static bool cmge(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_load(t, i, 0, i->b);
    quick_vec_op(t, r->op[quick_vec_lane(i)], 0, quick_vec_rm(t, i, i->a, 1));
    invert(t, 0);
    quick_vec_store(t, i, 0);
    return true;
}

// Unsigned. CMHS: max(a, b) == a; CMHI: not CMHS(b, a). 64 bits: signed, with the sign bits turned.
static bool unsigned_compare(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    static const uint32_t equal[4] = {X86_PCMPEQB, X86_PCMPEQW, X86_PCMPEQD};
    bool higher = i->attr == IRV_CMHI;
    unsigned lane = quick_vec_lane(i);
    ir_val a = higher ? i->b : i->a, b = higher ? i->a : i->b;
    if (lane == IR_LANE64) {
        struct x86_rm sign = quick_vec_splat(t, lane, BIT(63));
        quick_vec_load(t, i, 0, b);
        quick_vec_load(t, i, 1, a);
        quick_vec_op(t, X86_PXOR, 0, sign);
        quick_vec_op(t, X86_PXOR, 1, sign);
        quick_vec_rr(t, X86_PCMPGTQ, 0, 1); // b > a
        if (!higher)
            invert(t, 0);
    } else {
        quick_vec_load(t, i, 0, a);
        quick_vec_rr(t, X86_MOVAPS, 1, 0);
        quick_vec_op(t, r->op[lane], 0, quick_vec_rm(t, i, b, 2));
        quick_vec_rr(t, equal[lane], 0, 1);
        if (higher)
            invert(t, 0);
    }
    quick_vec_store(t, i, 0);
    return true;
}

// Arithmetic --------------------------------------------------------------------------------------

// xmm0 = xmm0 * b. xmm1 to xmm3 are lost.
static void multiply(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lane = quick_vec_lane(i);
    struct x86_rm b = quick_vec_rm(t, i, i->b, 3);
    if (lane != IR_LANE8) {
        quick_vec_op(t, lane == IR_LANE16 ? X86_PMULLW : X86_PMULLD, 0, b);
        return;
    }
    // Even bytes; odd ones, a's moved down and b's left where they are.
    quick_vec_rr(t, X86_MOVAPS, 1, 0);
    quick_vec_imm(t, X86_PSHIFTW, X86_G_PSRL, x86_r(1), 8);
    quick_vec_op(t, X86_MOVAPS, 2, quick_vec_splat(t, IR_LANE16, 0xff00));
    quick_vec_op(t, X86_PAND, 2, b);
    quick_vec_rr(t, X86_PMULLW, 1, 2);
    quick_vec_op(t, X86_PMULLW, 0, b);
    quick_vec_op(t, X86_PAND, 0, quick_vec_splat(t, IR_LANE16, 0x00ff));
    quick_vec_rr(t, X86_POR, 0, 1);
}

static bool mul(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    unsigned lane = quick_vec_lane(i);
    quick_vec_load(t, i, 0, i->a);
    multiply(t, i);
    if (r->arg == IRV_MLA) {
        quick_vec_op(t, quick_vec_padd[lane], 0, quick_vec_rm(t, i, i->c, 1));
        quick_vec_store(t, i, 0);
    } else if (r->arg == IRV_MLS) {
        quick_vec_load(t, i, 1, i->c);
        quick_vec_rr(t, quick_vec_psub[lane], 1, 0);
        quick_vec_store(t, i, 1);
    } else {
        quick_vec_store(t, i, 0);
    }
    return true;
}

// The larger less the smaller; arg: plus c.
static bool difference(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    static const uint32_t smin[4] = {X86_PMINSB, X86_PMINSW, X86_PMINSD},
                          umin[4] = {X86_PMINUB, X86_PMINUW, X86_PMINUD};
    unsigned lane = quick_vec_lane(i);
    bool sign = i->attr == IRV_SABD || i->attr == IRV_SABA;
    struct x86_rm b = quick_vec_rm(t, i, i->b, 2);
    quick_vec_load(t, i, 0, i->a);
    quick_vec_rr(t, X86_MOVAPS, 1, 0);
    quick_vec_op(t, r->op[lane], 0, b);
    quick_vec_op(t, sign ? smin[lane] : umin[lane], 1, b);
    quick_vec_rr(t, quick_vec_psub[lane], 0, 1);
    if (r->arg)
        quick_vec_op(t, quick_vec_padd[lane], 0, quick_vec_rm(t, i, i->c, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// Half a sum: the bits of both, and half of those of one. Rounded up: those of any, less that half.
static bool half_sum(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    bool up = i->attr == IRV_SRHADD || i->attr == IRV_URHADD,
         sign = i->attr == IRV_SRHADD || i->attr == IRV_SHADD;
    unsigned lane = quick_vec_lane(i);
    if (i->attr == IRV_URHADD && r->op[lane])
        return two(t, i, r);
    struct x86_rm b = quick_vec_rm(t, i, i->b, 2);
    quick_vec_load(t, i, 0, i->a);
    quick_vec_rr(t, X86_MOVAPS, 1, 0);
    quick_vec_op(t, up ? X86_POR : X86_PAND, 0, b);
    quick_vec_op(t, X86_PXOR, 1, b);
    quick_vec_shift(t, sign ? X86_G_PSRA : X86_G_PSRL, lane, 1, 1);
    quick_vec_rr(t, (up ? quick_vec_psub : quick_vec_padd)[lane], 0, 1);
    quick_vec_store(t, i, 0);
    return true;
}

// Dot products of bytes: even ones and odd ones as words, products of words added in pairs.
static void dot_part(struct quick_tr *t, bool sign, bool odd, int xmm)
{
    if (!odd && sign)
        quick_vec_imm(t, X86_PSHIFTW, X86_G_PSLL, x86_r(xmm), 8);
    if (odd || sign)
        quick_vec_imm(t, X86_PSHIFTW, sign ? X86_G_PSRA : X86_G_PSRL, x86_r(xmm), 8);
    else
        quick_vec_op(t, X86_PAND, xmm, quick_vec_splat(t, IR_LANE16, 0x00ff));
}

static bool dot(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    quick_vec_load(t, i, 0, i->a);
    quick_vec_load(t, i, 1, i->b);
    quick_vec_rr(t, X86_MOVAPS, 2, 0);
    quick_vec_rr(t, X86_MOVAPS, 3, 1);
    for (int xmm = 0; xmm < 4; xmm++)
        dot_part(t, r->arg, xmm >= 2, xmm);
    quick_vec_rr(t, X86_PMADDWD, 0, 1);
    quick_vec_rr(t, X86_PMADDWD, 2, 3);
    quick_vec_rr(t, X86_PADDD, 0, 2);
    quick_vec_op(t, X86_PADDD, 0, quick_vec_rm(t, i, i->c, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// Shifts ------------------------------------------------------------------------------------------

enum { SHIFT_ROUND = 16, SHIFT_ADD = 32 }; // | a group

static bool shift(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    unsigned lane = quick_vec_lane(i), group = r->arg & 15, n = i->imm & 0xff;
    quick_vec_load(t, i, 0, i->a);
    if (r->arg & SHIFT_ROUND)
        quick_vec_shift_round(t, group == X86_G_PSRA, lane, 0, n);
    else
        quick_vec_shift(t, group, lane, 0, n);
    if (r->arg & SHIFT_ADD)
        quick_vec_op(t, quick_vec_padd[lane], 0, quick_vec_rm(t, i, i->c, 1));
    quick_vec_store(t, i, 0);
    return true;
}

// Shifted bits beside c's.
static bool shift_insert(struct quick_tr *t, const struct ir_insn *i, const struct row *r)
{
    unsigned lane = quick_vec_lane(i), n = i->imm & 0xff, bits = 8u << lane;
    uint64_t keep = r->arg == X86_G_PSLL ? mask64(n)
                    : n < bits           ? ~(mask64(bits) >> n)
                                         : mask64(bits);
    quick_vec_load(t, i, 0, i->a);
    quick_vec_shift(t, r->arg, lane, 0, n);
    quick_vec_load(t, i, 1, i->c);
    quick_vec_op(t, X86_PAND, 1, quick_vec_splat(t, lane, keep));
    quick_vec_rr(t, X86_POR, 0, 1);
    quick_vec_store(t, i, 0);
    return true;
}

// clang-format off
#define ALL(op) { op, op, op, op }
static const struct row rows[IR_NR_VOPS] = {
    [IRV_AND] = { two, ALL(X86_PAND) }, [IRV_OR] = { two, ALL(X86_POR) }, [IRV_XOR] = { two, ALL(X86_PXOR) },
    [IRV_ANDN] = { two_swapped, ALL(X86_PANDN) }, [IRV_ORN] = { orn, ALL(1) }, [IRV_NOT] = { invert_all, ALL(1) },
    [IRV_SELECT] = { bit_select, ALL(1) }, [IRV_XOR3] = { xor3, ALL(1), X86_PXOR },
    [IRV_XORANDN] = { xor3, ALL(1), X86_PANDN }, [IRV_RAX1] = { rax1, ALL(1) }, [IRV_XAR] = { xar, ALL(1) },
    [IRV_CNT] = { nibbles, { 1 }, false }, [IRV_RBIT] = { nibbles, { 1 }, true },
    [IRV_ADD] = { two, { X86_PADDB, X86_PADDW, X86_PADDD, X86_PADDQ } },
    [IRV_SUB] = { two, { X86_PSUBB, X86_PSUBW, X86_PSUBD, X86_PSUBQ } },
    [IRV_NEG] = { neg, { X86_PSUBB, X86_PSUBW, X86_PSUBD, X86_PSUBQ } },
    [IRV_ABS] = { absolute, { X86_PABSB, X86_PABSW, X86_PABSD, 1 } },
    [IRV_MUL] = { mul, { 1, 1, 1 }, IRV_MUL }, [IRV_MLA] = { mul, { 1, 1, 1 }, IRV_MLA }, [IRV_MLS] = { mul, { 1, 1, 1 }, IRV_MLS },
    [IRV_SMAX] = { two, { X86_PMAXSB, X86_PMAXSW, X86_PMAXSD } }, [IRV_SMIN] = { two, { X86_PMINSB, X86_PMINSW, X86_PMINSD } },
    [IRV_UMAX] = { two, { X86_PMAXUB, X86_PMAXUW, X86_PMAXUD } }, [IRV_UMIN] = { two, { X86_PMINUB, X86_PMINUW, X86_PMINUD } },
    [IRV_SABD] = { difference, { X86_PMAXSB, X86_PMAXSW, X86_PMAXSD }, 0 },
    [IRV_UABD] = { difference, { X86_PMAXUB, X86_PMAXUW, X86_PMAXUD }, 0 },
    [IRV_SABA] = { difference, { X86_PMAXSB, X86_PMAXSW, X86_PMAXSD }, 1 },
    [IRV_UABA] = { difference, { X86_PMAXUB, X86_PMAXUW, X86_PMAXUD }, 1 },
    [IRV_SHADD] = { half_sum, { 1, 1, 1 } }, [IRV_UHADD] = { half_sum, { 1, 1, 1 } }, [IRV_SRHADD] = { half_sum, { 1, 1, 1 } },
    [IRV_URHADD] = { half_sum, { X86_PAVGB, X86_PAVGW, 0 } },
    [IRV_SDOT] = { dot, { 0, 0, 1 }, true }, [IRV_UDOT] = { dot, { 0, 0, 1 }, false },
    [IRV_CMEQ] = { two, { X86_PCMPEQB, X86_PCMPEQW, X86_PCMPEQD, X86_PCMPEQQ } },
    [IRV_CMTST] = { cmtst, { X86_PCMPEQB, X86_PCMPEQW, X86_PCMPEQD, X86_PCMPEQQ } },
    [IRV_CMGT] = { two, { X86_PCMPGTB, X86_PCMPGTW, X86_PCMPGTD, X86_PCMPGTQ } },
    [IRV_CMGE] = { cmge, { X86_PCMPGTB, X86_PCMPGTW, X86_PCMPGTD, X86_PCMPGTQ } },
    [IRV_CMHI] = { unsigned_compare, { X86_PMAXUB, X86_PMAXUW, X86_PMAXUD, 1 } },
    [IRV_CMHS] = { unsigned_compare, { X86_PMAXUB, X86_PMAXUW, X86_PMAXUD, 1 } },
    [IRV_SHLI] = { shift, ALL(1), X86_G_PSLL },
    [IRV_SSHRI] = { shift, ALL(1), X86_G_PSRA }, [IRV_USHRI] = { shift, ALL(1), X86_G_PSRL },
    [IRV_SRSHRI] = { shift, ALL(1), X86_G_PSRA | SHIFT_ROUND }, [IRV_URSHRI] = { shift, ALL(1), X86_G_PSRL | SHIFT_ROUND },
    [IRV_SSRAI] = { shift, ALL(1), X86_G_PSRA | SHIFT_ADD }, [IRV_USRAI] = { shift, ALL(1), X86_G_PSRL | SHIFT_ADD },
    [IRV_SRSRAI] = { shift, ALL(1), X86_G_PSRA | SHIFT_ROUND | SHIFT_ADD },
    [IRV_URSRAI] = { shift, ALL(1), X86_G_PSRL | SHIFT_ROUND | SHIFT_ADD },
    [IRV_SLII] = { shift_insert, ALL(1), X86_G_PSLL }, [IRV_SRII] = { shift_insert, ALL(1), X86_G_PSRL },
};
// clang-format on

bool quick_vec_int(struct quick_tr *t, const struct ir_insn *i)
{
    const struct row *r = &rows[i->attr];
    // URHADD has a form of its own for some lanes, and the general one for the rest.
    if (!r->fn || (!r->op[quick_vec_lane(i)] && r->fn != half_sum))
        return false;
    return r->fn(t, i, r);
}
