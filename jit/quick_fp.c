// SPDX-License-Identifier: GPL-3.0-or-later
// Floating-point arithmetic and comparisons, by the host's under the guest's MXCSR (fp_host.c says
// why that is right and where it is not).
//
// The host may do it while env->host says FP_HOST_FAST, which a mode with FPCR zero promises and
// others are asked for. A result that is NaN, or may have underflowed, is made again by the op's
// function out of line, from the operands, which still are what they were. Zeros made of zeros are
// common, and right: the cold path looks for them first.
#include "jit/quick_vec.h"

#include "jit/fp_host.h"

#include <string.h>

// What the cold path looks for before it calls (quick_cold.kind).
enum { DOUBT_ALL, DOUBT_UNLESS_A_ZERO, DOUBT_UNLESS_A_OR_B_ZERO };

unsigned quick_fp_suffix(unsigned lane, unsigned shape)
{
    return shape == IR_SCALAR ? (lane == IR_LANE64 ? X86_SD : X86_SS)
                              : (lane == IR_LANE64 ? X86_PD : X86_PS);
}

static bool wide(const struct ir_insn *i)
{
    return quick_vec_lane(i) == IR_LANE64;
}

static unsigned suffix(const struct ir_insn *i)
{
    return quick_fp_suffix(quick_vec_lane(i), quick_vec_shape(i));
}

// An operand for an instruction on all of a register, or on lane 0: nothing that does not count
// may raise flags, so half vectors are loaded.
static struct x86_rm operand(struct quick_tr *t, const struct ir_insn *i, ir_val v, int scratch)
{
    switch (quick_vec_shape(i)) {
    case IR_FULL:
        return quick_vec_rm(t, i, v, scratch);
    case IR_SCALAR:
        return quick_vec_scalar(t, wide(i) ? 8 : 4, v, scratch);
    }
    quick_vec_load(t, i, scratch, v);
    return x86_r(scratch);
}

// Out of line
// --------------------------------------------------------------------------------------

bool quick_fp_room(const struct quick_tr *t)
{
    return t->nr_cold < QUICK_MAX_COLD / 2;
}

// Is a result of lane 0 in xmm0 right since an operand is zero, and the result no NaN?
static void look_at_scalar(struct quick_tr *t, const struct ir_insn *i, struct quick_cold *c)
{
    struct x86_asm *as = &t->as;
    unsigned compare = wide(i) ? X86_UCOMISD : X86_UCOMISS;
    quick_vec_rr(t, compare, 0, 0);
    uint8_t *nan = x86_jcc_ahead(as, CC_P);
    quick_vec_rr(t, X86_PXOR, 1, 1);
    quick_vec_op(t, compare, 1, operand(t, i, i->a, 2));
    x86_jcc(as, CC_E, c->right);
    if (c->kind == DOUBT_UNLESS_A_OR_B_ZERO) {
        quick_vec_op(t, compare, 1, operand(t, i, i->b, 2));
        x86_jcc(as, CC_E, c->right);
    }
    x86_here(as, nan);
}

// The same of all lanes; those in doubt are marked in xmm4.
static void look_at_lanes(struct quick_tr *t, const struct ir_insn *i, struct quick_cold *c)
{
    struct x86_asm *as = &t->as;
    unsigned compare = X86_CMPF | suffix(i);
    quick_vec_rr(t, X86_PXOR, 1, 1);
    quick_vec_load(t, i, 2, i->a);
    quick_vec_imm(t, compare, 2, x86_r(1), 0); // equal
    if (c->kind == DOUBT_UNLESS_A_OR_B_ZERO) {
        quick_vec_load(t, i, 3, i->b);
        quick_vec_imm(t, compare, 3, x86_r(1), 0);
        quick_vec_rr(t, X86_POR, 2, 3);
    }
    quick_vec_rr(t, X86_PANDN, 2, 4);
    quick_vec_rr(t, X86_MOVAPS, 1, 0);
    quick_vec_imm(t, compare, 1, x86_r(0), 3); // unordered
    quick_vec_rr(t, X86_POR, 2, 1);
    if (quick_vec_shape(i) == IR_HALF)
        quick_vec_rr(t, X86_MOVQ, 2, 2);
    quick_vec_rr(t, wide(i) ? X86_MOVMSKPD : X86_MOVMSKPS, RAX, 2);
    x86_rr(as, X86_TEST, false, RAX, RAX);
    x86_jcc(as, CC_E, c->right);
}

static void emit_again(struct quick_tr *t, struct quick_cold *c)
{
    struct x86_asm *as = &t->as;
    const struct ir_insn *i = &t->ir->insn[c->imm];
    const struct ir_vop_info *info = &ir_vop_info[i->attr];
    unsigned nzcv =
        info->flags & (IR_F_RD_NZCV | IR_F_WR_NZCV) ? HELPER_READS_NZCV | HELPER_WRITES_NZCV : 0;
    if (!c->from[0] && !c->from[1])
        return;
    if (c->from[1]) {
        x86_here(as, c->from[1]);
        if (c->kind != DOUBT_ALL && quick_vec_shape(i) == IR_SCALAR)
            look_at_scalar(t, i, c);
        else if (c->kind != DOUBT_ALL)
            look_at_lanes(t, i, c);
    }
    if (c->from[0])
        x86_here(as, c->from[0]);
    quick_call_fn(t, i, ir_vec_fn[i->attr][i->type], nzcv, i->imm);
    quick_vec_reload(t, c);
    x86_jmp(as, c->back);
}

struct quick_cold *quick_fp_begin(struct quick_tr *t, const struct ir_insn *i)
{
    const struct guest *g = t->ir->guest;
    struct quick_cold *c = quick_cold(t, emit_again);
    c->imm = i - t->ir->insn;
    if (!g->mode_fpcr_zero || !g->mode_fpcr_zero(t->ir->mode)) {
        x86_emit(&t->as, X86_TEST8_IMM, false, 0, Q_STATE(fp.host), 1);
        x86_byte(&t->as, FP_HOST_FAST);
        c->from[0] = x86_jcc_ahead(&t->as, CC_E);
    }
    return c;
}

void quick_fp_end(struct quick_tr *t, struct quick_cold *c)
{
    c->back = t->as.p;
    memcpy(c->held, t->held, sizeof c->held);
    if (c->from[0] || c->from[1])
        t->as.eflags = false;
}

// Results in doubt
// ---------------------------------------------------------------------------------

static struct x86_rm magnitude(struct quick_tr *t, unsigned lane)
{
    return quick_vec_splat(t, lane, lane == IR_LANE64 ? ~BIT(63) : ~BIT(31));
}

static void branch_on_lanes(struct quick_tr *t, struct quick_cold *c, unsigned lane, unsigned shape,
                            int xmm)
{
    quick_vec_rr(t, lane == IR_LANE64 ? X86_MOVMSKPD : X86_MOVMSKPS, RAX, xmm);
    if (shape == IR_HALF) { // two lanes count
        x86_emit(&t->as, X86_TEST8_IMM, false, 0, x86_r(RAX), 1);
        x86_byte(&t->as, 3);
    } else {
        x86_rr(&t->as, X86_TEST, false, RAX, RAX);
    }
    c->from[1] = x86_jcc_ahead(&t->as, CC_NE);
}

void quick_fp_check_nan(struct quick_tr *t, struct quick_cold *c, unsigned lane, unsigned shape)
{
    if (shape == IR_SCALAR) {
        quick_vec_rr(t, lane == IR_LANE64 ? X86_UCOMISD : X86_UCOMISS, 0, 0);
        c->from[1] = x86_jcc_ahead(&t->as, CC_P);
    } else {
        quick_vec_rr(t, X86_MOVAPS, 4, 0);
        quick_vec_imm(t, X86_CMPF | quick_fp_suffix(lane, shape), 4, x86_r(0), 3);
        branch_on_lanes(t, c, lane, shape, 4);
    }
    c->right = t->as.p;
}

// Up to the smallest normal (it may have been rounded up to), or a NaN. Lanes: twice the bits, so
// that the sign goes, less the smallest that are sure, is as an unsigned number beyond the range of
// those; signed comparison wants its sign bit turned, which is part of the constants.
void quick_fp_check_tiny(struct quick_tr *t, struct quick_cold *c, unsigned lane, unsigned shape)
{
    bool d = lane == IR_LANE64;
    uint64_t least = d ? BIT(52) : BIT(23), infinity = d ? UINT64_C(0x7ff) << 52 : 0x7f800000;
    if (shape == IR_SCALAR) {
        quick_vec_op(t, X86_MOVAPS, 4, magnitude(t, lane));
        quick_vec_rr(t, X86_PAND, 4, 0);
        quick_vec_op(t, d ? X86_UCOMISD : X86_UCOMISS, 4, quick_vec_splat(t, lane, least));
        c->from[1] = x86_jcc_ahead(&t->as, CC_BE);
    } else {
        uint64_t turn = d ? BIT(63) : BIT(31), sure = 2 * (least + 1);
        quick_vec_rr(t, X86_MOVAPS, 4, 0);
        quick_vec_rr(t, quick_vec_padd[lane], 4, 4);
        quick_vec_op(t, quick_vec_padd[lane], 4, quick_vec_splat(t, lane, turn - sure));
        quick_vec_op(t, d ? X86_PCMPGTQ : X86_PCMPGTD, 4,
                     quick_vec_splat(t, lane, turn + 2 * infinity - sure));
        branch_on_lanes(t, c, lane, shape, 4);
    }
    c->right = t->as.p;
}

// Arithmetic
// ---------------------------------------------------------------------------------------

enum { NEGATED = 1, MAGNITUDE = 2 };

// clang-format off
static const struct arithmetic {
    uint32_t op;
    uint8_t operands; // 1, 2, or 3: fused, c the accumulator
    bool tiny;        // else a NaN is the only doubt
    uint8_t doubt;    // enum above
    uint8_t then;
} arithmetics[IR_NR_VOPS] = {
    [IRV_FADD] = { X86_ADDF, 2, false, DOUBT_ALL, 0 },
    [IRV_FSUB] = { X86_SUBF, 2, false, DOUBT_ALL, 0 },
    [IRV_FABD] = { X86_SUBF, 2, false, DOUBT_ALL, MAGNITUDE },
    [IRV_FMUL] = { X86_MULF, 2, true, DOUBT_UNLESS_A_OR_B_ZERO, 0 },
    [IRV_FNMUL] = { X86_MULF, 2, true, DOUBT_UNLESS_A_OR_B_ZERO, NEGATED },
    [IRV_FDIV] = { X86_DIVF, 2, true, DOUBT_UNLESS_A_ZERO, 0 },
    [IRV_FSQRT] = { X86_SQRTF, 1, false, DOUBT_ALL, 0 },
    // What is added to a product of zero is the exact result.
    [IRV_FMLA] = { X86_VFMADD231, 3, true, DOUBT_UNLESS_A_OR_B_ZERO, 0 },
    [IRV_FMLS] = { X86_VFNMADD231, 3, true, DOUBT_UNLESS_A_OR_B_ZERO, 0 },
    [IRV_FNMLA] = { X86_VFNMSUB231, 3, true, DOUBT_UNLESS_A_OR_B_ZERO, 0 },
    [IRV_FNMLS] = { X86_VFMSUB231, 3, true, DOUBT_UNLESS_A_OR_B_ZERO, 0 },
};
// clang-format on

// d = -d or |d| by the sign bits, of what the shape has.
static void sign(struct quick_tr *t, const struct ir_insn *i, unsigned then)
{
    unsigned lane = quick_vec_lane(i);
    uint64_t bit = wide(i) ? BIT(63) : BIT(31);
    if (then == MAGNITUDE)
        quick_vec_op(t, X86_PAND, 0, magnitude(t, lane));
    else if (then && quick_vec_shape(i) == IR_SCALAR)
        quick_vec_op(t, X86_PXOR, 0, quick_vec_const(t, bit, 0));
    else if (then)
        quick_vec_op(t, X86_PXOR, 0, quick_vec_splat(t, lane, bit));
}

static void put(struct quick_tr *t, const struct ir_insn *i)
{
    if (quick_vec_shape(i) == IR_HALF)
        quick_vec_rr(t, X86_MOVQ, 0, 0);
    quick_vec_store_all(t, i->d, 0);
}

static void compute(struct quick_tr *t, const struct ir_insn *i, const struct arithmetic *r)
{
    unsigned shape = quick_vec_shape(i);
    if (r->operands == 3) {
        quick_vec_load(t, i, 0, i->c);
        quick_vec_load(t, i, 1, i->a);
        x86_emit3(&t->as, r->op + (shape == IR_SCALAR), wide(i), 0, 1, operand(t, i, i->b, 2), 0);
        return;
    }
    quick_vec_load(t, i, 0, i->a);
    struct x86_rm b = r->operands == 2 ? operand(t, i, i->b, 1) : x86_r(0);
    if (i->attr == IRV_FDIV && shape == IR_HALF) // by one what does not count
        quick_vec_op(t, X86_POR, 1, quick_vec_const(t, 0, UINT64_C(0x3f8000003f800000)));
    quick_vec_op(t, r->op | suffix(i), 0, b);
}

static bool arithmetic(struct quick_tr *t, const struct ir_insn *i, const struct arithmetic *r)
{
    if (r->operands == 3 && !t->q->fma)
        return false;
    struct quick_cold *c = quick_fp_begin(t, i);
    c->kind = r->doubt;
    compute(t, i, r);
    (r->tiny ? quick_fp_check_tiny : quick_fp_check_nan)(t, c, quick_vec_lane(i),
                                                         quick_vec_shape(i));
    sign(t, i, r->then);
    put(t, i);
    quick_fp_end(t, c);
    return true;
}

static bool sign_only(struct quick_tr *t, const struct ir_insn *i)
{
    quick_vec_load(t, i, 0, i->a);
    sign(t, i, i->attr == IRV_FNEG ? NEGATED : MAGNITUDE);
    put(t, i);
    return true;
}

// Sums of neighbours.
static bool add_pairs(struct quick_tr *t, const struct ir_insn *i)
{
    struct quick_cold *c = quick_fp_begin(t, i);
    if (quick_vec_shape(i) == IR_HALF) {
        quick_vec_op(t, X86_MOVQ, 0, quick_vec_mem(t, i->a));
        quick_vec_op(t, X86_MOVHPS, 0, quick_vec_mem(t, i->b));
        quick_vec_rr(t, X86_HADDPS, 0, 0);
    } else {
        quick_vec_op(t, X86_MOVAPS, 0, quick_vec_mem(t, i->a));
        quick_vec_op(t, wide(i) ? X86_HADDPD : X86_HADDPS, 0, quick_vec_mem(t, i->b));
    }
    quick_fp_check_nan(t, c, quick_vec_lane(i), quick_vec_shape(i));
    put(t, i);
    quick_fp_end(t, c);
    return true;
}

// The host's give their second operand where both are equal: both orders, and of zeros with unlike
// signs the right one by the bits. NaNs are left to the function beforehand.
static bool extreme(struct quick_tr *t, const struct ir_insn *i)
{
    bool max = i->attr == IRV_FMAX || i->attr == IRV_FMAXNM;
    unsigned op = (max ? X86_MAXF : X86_MINF) | suffix(i), lane = quick_vec_lane(i),
             shape = quick_vec_shape(i);
    struct quick_cold *c = quick_fp_begin(t, i);
    quick_vec_load(t, i, 0, i->a);
    quick_vec_load(t, i, 1, i->b);
    if (shape == IR_SCALAR) {
        quick_vec_rr(t, wide(i) ? X86_UCOMISD : X86_UCOMISS, 0, 1);
        c->from[1] = x86_jcc_ahead(&t->as, CC_P);
    } else {
        quick_vec_rr(t, X86_MOVAPS, 4, 0);
        quick_vec_imm(t, X86_CMPF | suffix(i), 4, x86_r(1), 3);
        branch_on_lanes(t, c, lane, shape, 4);
    }
    quick_vec_rr(t, X86_MOVAPS, 2, 0);
    quick_vec_rr(t, op, 0, 1);
    quick_vec_rr(t, op, 1, 2);
    quick_vec_rr(t, max ? X86_PAND : X86_POR, 0, 1);
    put(t, i);
    quick_fp_end(t, c);
    return true;
}

// Comparisons
// --------------------------------------------------------------------------------------

// To masks. Equality signals for signalling NaNs, the others for all, with Arm as with x86.
static bool compare_lanes(struct quick_tr *t, const struct ir_insn *i)
{
    enum { EQ, LT, LE };
    bool magnitudes = i->attr == IRV_FACGE || i->attr == IRV_FACGT;
    unsigned predicate = i->attr == IRV_FCMEQ                           ? EQ
                         : i->attr == IRV_FCMGT || i->attr == IRV_FACGT ? LT
                                                                        : LE;
    struct quick_cold *c = quick_fp_begin(t, i);
    quick_vec_load(t, i, 0, i->b);
    quick_vec_load(t, i, 1, i->a);
    if (magnitudes) {
        struct x86_rm mask = magnitude(t, quick_vec_lane(i));
        quick_vec_op(t, X86_PAND, 0, mask);
        quick_vec_op(t, X86_PAND, 1, mask);
    }
    quick_vec_imm(t, X86_CMPF | suffix(i), 0, x86_r(1), predicate);
    put(t, i);
    quick_fp_end(t, c);
    return true;
}

// The host's comparison sets CF where less, ZF where equal, all where unordered. Made a subtraction
// of bytes it leaves EFLAGS as one of integers does, which is how the guest's are kept: greater
// 1 - 0, equal 0 - 0, less 0 - 1; and -128 - 1 where unordered, which overflows without a borrow.
static void emit_unordered(struct quick_tr *t, struct quick_cold *c)
{
    x86_here(&t->as, c->from[0]);
    x86_mov_imm(&t->as, RAX, 0x80);
    x86_mov_imm(&t->as, RDX, 1);
    x86_jmp(&t->as, c->back);
}

static void compare_flags(struct quick_tr *t, const struct ir_insn *i, bool signals)
{
    struct x86_asm *as = &t->as;
    unsigned op =
        signals ? (wide(i) ? X86_COMISD : X86_COMISS) : (wide(i) ? X86_UCOMISD : X86_UCOMISS);
    struct quick_cold *unordered = quick_cold(t, emit_unordered);
    quick_vec_load(t, i, 0, i->a);
    quick_vec_op(t, op, 0, operand(t, i, i->b, 1));
    unordered->from[0] = x86_jcc_ahead(as, CC_P);
    x86_setcc(as, CC_A, RAX);
    x86_setcc(as, CC_B, RDX);
    unordered->back = as->p;
    x86_emit(as, X86_CMP8, false, RAX, x86_r(RDX), 0);
    quick_flags_keep(t);
}

static bool compare(struct quick_tr *t, const struct ir_insn *i)
{
    struct quick_cold *c = quick_fp_begin(t, i);
    compare_flags(t, i, i->imm & 1);
    quick_fp_end(t, c);
    return true;
}

// Only if a condition holds; else the flags are a constant.
static bool compare_if(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_asm *as = &t->as;
    struct quick_cold *c = quick_fp_begin(t, i);
    enum x86_cc cc = quick_condition(t, i->imm & 0xffff);
    uint8_t *otherwise = cc == CC_ALWAYS ? NULL : x86_jcc_ahead(as, x86_cc_not(cc)), *done = NULL;
    compare_flags(t, i, i->imm >> 20 & 1);
    if (otherwise) {
        done = x86_jmp_ahead(as);
        x86_here(as, otherwise);
        x86_emit(as, X86_MOV_IMM, false, 0, Q_STATE(qflags), 4);
        x86_imm32(as, quick_flags_from((uint32_t)i->imm >> 16 & 15));
        x86_here(as, done);
    }
    quick_fp_end(t, c);
    return true;
}

// Of general registers, which have conditional moves.
static bool choose(struct quick_tr *t, const struct ir_insn *i)
{
    struct x86_asm *as = &t->as;
    enum x86_cc cc = quick_condition(t, i->imm & 0xffff);
    const ir_val operands[2] = {i->a, i->b};
    struct x86_rm rm[2];
    for (unsigned n = 0; n < 2; n++) {
        int host = quick_host_of(t, operands[n]);
        rm[n] = host != X86_NO_REG ? x86_r(host) : quick_vec_mem(t, operands[n]);
    }
    x86_emit(as, X86_MOV, wide(i), RAX, rm[0], 0);
    if (cc != CC_ALWAYS)
        x86_cmov(as, x86_cc_not(cc), wide(i), RAX, rm[1]);
    x86_emit(as, X86_MOVD, wide(i), 0, x86_r(RAX), 0);
    quick_vec_store_all(t, i->d, 0);
    return true;
}

bool quick_fp(struct quick_tr *t, const struct ir_insn *i)
{
    if (quick_vec_lane(i) < IR_LANE32)
        return false;
    if (i->attr == IRV_FNEG || i->attr == IRV_FABS)
        return sign_only(t, i);
    if (i->attr == IRV_FCSEL)
        return choose(t, i);
    if (!quick_fp_room(t))
        return false;
    const struct arithmetic *r = &arithmetics[i->attr];
    if (r->operands)
        return arithmetic(t, i, r);
    switch (i->attr) {
    case IRV_FADDP:
        return add_pairs(t, i);
    case IRV_FMAX:
    case IRV_FMIN:
    case IRV_FMAXNM:
    case IRV_FMINNM:
        return extreme(t, i);
    case IRV_FCMEQ:
    case IRV_FCMGE:
    case IRV_FCMGT:
    case IRV_FACGE:
    case IRV_FACGT:
        return compare_lanes(t, i);
    case IRV_FCMP:
        return compare(t, i);
    case IRV_FCCMP:
        return compare_if(t, i);
    }
    return false;
}
