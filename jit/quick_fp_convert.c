// SPDX-License-Identifier: GPL-3.0-or-later
// Floating-point conversions and rounding to integers, by the host's (see quick_fp.c).
//
// To integers only what is sure to fit, which its exponent says beforehand: a conversion that
// saturates raises other flags than one that rounds. Ties away from zero, odd rounding, fraction
// bits and half precision are left to the functions.
#include "jit/quick_vec.h"

#include "jit/fp.h"

// As in MXCSR and in the immediate of ROUNDSx, where bit 2 means MXCSR's, bit 3 without inexact.
enum { HOST_MXCSR = 4, HOST_EXACT = 8, HOST_NONE = 16 };

static unsigned host_rounding(unsigned rounding)
{
    switch (rounding) {
    case FP_TIEEVEN:
        return 0;
    case FP_NEGINF:
        return 1;
    case FP_POSINF:
        return 2;
    case FP_ZERO:
        return 3;
    case IRV_ROUND_FPCR:
        return HOST_MXCSR;
    default:
        return HOST_NONE;
    }
}

static bool wide(const struct ir_insn *i)
{
    return quick_vec_lane(i) == IR_LANE64;
}

static uint32_t round_op(const struct ir_insn *i)
{
    bool scalar = quick_vec_shape(i) == IR_SCALAR;
    return wide(i) ? (scalar ? X86_ROUNDSD : X86_ROUNDPD) : (scalar ? X86_ROUNDSS : X86_ROUNDPS);
}

static bool round_int(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned rounding = host_rounding(i->imm & 7);
    if (rounding == HOST_NONE)
        return false;
    struct quick_cold *c = quick_fp_begin(t, i);
    quick_vec_load(t, i, 0, i->a);
    quick_vec_imm(t, round_op(i), 0, x86_r(0), rounding | (i->imm & 8 ? 0 : HOST_EXACT));
    quick_fp_check_nan(t, c, quick_vec_lane(i), quick_vec_shape(i));
    quick_vec_store_all(t, i->d, 0);
    quick_fp_end(t, c);
    return true;
}

// To integers
// --------------------------------------------------------------------------------------

struct to_int {
    unsigned rounding;   // host_rounding()
    bool is_unsigned, w; // to 64 bits
};

static bool to_int_form(const struct ir_insn *i, bool w, struct to_int *f)
{
    f->rounding = host_rounding(i->imm >> 9 & 7);
    f->is_unsigned = i->imm >> 8 & 1;
    f->w = w;
    return !(i->imm & 0xff) && f->rounding != HOST_NONE;
}

// Exponents from here on may not fit. Rounded other than to zero, a value may grow to the next
// power of two. Unsigned words fit 64 bits.
static unsigned too_large(const struct to_int *f)
{
    unsigned bits = f->w ? 63 : f->is_unsigned ? 32 : 31;
    return f->rounding == 3 ? bits : bits - 1;
}

// rax = lane 0 of a as an integer, zero-extended, or goes to c.
static void to_int(struct quick_tr *t, const struct ir_insn *i, struct quick_cold *c,
                   const struct to_int *f)
{
    struct x86_asm *as = &t->as;
    bool d = wide(i);
    int host = quick_host_of(t, i->a);
    struct x86_rm a = host != X86_NO_REG ? x86_r(host) : quick_vec_mem(t, i->a);
    // The exponent; with the sign above it nothing negative is small.
    x86_emit(as, X86_MOV, d, RAX, a, 0);
    if (!f->is_unsigned)
        x86_rr(as, X86_ADD, d, RAX, RAX);
    x86_shift_imm(as, X86_G_SHR, d, x86_r(RAX), (d ? 52 : 23) + !f->is_unsigned);
    x86_alu_imm(as, X86_G_CMP, false, x86_r(RAX), (int32_t)((d ? 1023 : 127) + too_large(f)));
    c->from[1] = x86_jcc_ahead(as, CC_AE);
    quick_vec_load(t, i, 0, i->a);
    if (f->rounding != 3)
        quick_vec_imm(t, round_op(i), 0, x86_r(0), f->rounding);
    x86_emit(as, X86_CVTTF2SI | quick_fp_suffix(quick_vec_lane(i), IR_SCALAR),
             f->w || f->is_unsigned, RAX, x86_r(0), 0);
}

static bool to_word(struct quick_tr *t, const struct ir_insn *i)
{
    struct to_int f;
    if (!to_int_form(i, i->imm >> 12 & 1, &f))
        return false;
    struct quick_cold *c = quick_fp_begin(t, i);
    to_int(t, i, c, &f);
    quick_store(t, i->d, RAX);
    quick_fp_end(t, c);
    return true;
}

// Goes to c unless all lanes of xmm0 are small enough. Half vectors have zeros above.
static void fitting_lanes(struct quick_tr *t, const struct ir_insn *i, struct quick_cold *c,
                          const struct to_int *f)
{
    unsigned lane = quick_vec_lane(i);
    uint64_t least =
        wide(i) ? (uint64_t)(1023 + too_large(f)) << 52 : (uint64_t)(127 + too_large(f)) << 23;
    quick_vec_op(t, X86_MOVAPS, 1, quick_vec_splat(t, lane, wide(i) ? ~BIT(63) : ~BIT(31)));
    quick_vec_rr(t, X86_PAND, 1, 0);
    quick_vec_op(t, wide(i) ? X86_PCMPGTQ : X86_PCMPGTD, 1, quick_vec_splat(t, lane, least - 1));
    quick_vec_rr(t, wide(i) ? X86_MOVMSKPD : X86_MOVMSKPS, RAX, 1);
    x86_rr(&t->as, X86_TEST, false, RAX, RAX);
    c->from[1] = x86_jcc_ahead(&t->as, CC_NE);
}

// xmm0 = its doubles as words of 64 bits.
static void words_of_doubles(struct quick_tr *t)
{
    quick_vec_imm(t, X86_PSHUFD, 1, x86_r(0), 0x4e);
    x86_emit(&t->as, X86_CVTTF2SI | X86_SD, true, RAX, x86_r(0), 0);
    x86_emit(&t->as, X86_CVTTF2SI | X86_SD, true, RCX, x86_r(1), 0);
    x86_emit(&t->as, X86_MOVD, true, 0, x86_r(RAX), 0);
    x86_emit(&t->as, X86_MOVD, true, 1, x86_r(RCX), 0);
    quick_vec_rr(t, X86_PUNPCKLQDQ, 0, 1);
}

// Lanes, signed; scalars of the lane's width.
static bool to_lanes(struct quick_tr *t, const struct ir_insn *i)
{
    struct to_int f;
    if (!to_int_form(i, wide(i), &f))
        return false;
    if (quick_vec_shape(i) == IR_SCALAR) {
        struct quick_cold *c = quick_fp_begin(t, i);
        to_int(t, i, c, &f);
        x86_emit(&t->as, X86_MOVD, wide(i), 0, x86_r(RAX), 0);
        quick_vec_store_all(t, i->d, 0);
        quick_fp_end(t, c);
        return true;
    }
    if (f.is_unsigned)
        return false;
    struct quick_cold *c = quick_fp_begin(t, i);
    quick_vec_load(t, i, 0, i->a);
    fitting_lanes(t, i, c, &f);
    if (f.rounding != 3)
        quick_vec_imm(t, round_op(i), 0, x86_r(0), f.rounding);
    if (wide(i))
        words_of_doubles(t);
    else
        quick_vec_rr(t, X86_CVTTPS2DQ, 0, 0);
    quick_vec_store_all(t, i->d, 0);
    quick_fp_end(t, c);
    return true;
}

// From integers
// ------------------------------------------------------------------------------------

// xmm0 = lane 0 of a or a word, which is of 64 bits if w; unsigned ones of 64 bits are left to c
// when they are large.
static void from_int(struct quick_tr *t, const struct ir_insn *i, struct quick_cold *c,
                     bool is_unsigned, bool w)
{
    struct x86_asm *as = &t->as;
    int host = quick_host_of(t, i->a);
    struct x86_rm a = host != X86_NO_REG ? x86_r(host) : quick_vec_mem(t, i->a);
    if (is_unsigned) {
        x86_emit(as, X86_MOV, w, RAX, a, 0);
        a = x86_r(RAX);
    }
    if (is_unsigned && w) {
        x86_rr(as, X86_TEST, true, RAX, RAX);
        c->from[1] = x86_jcc_ahead(as, CC_S);
    }
    quick_vec_rr(t, X86_PXOR, 0, 0);
    x86_emit(as, X86_CVTSI2F | quick_fp_suffix(quick_vec_lane(i), IR_SCALAR), w || is_unsigned, 0,
             a, 0);
}

static bool from_word(struct quick_tr *t, const struct ir_insn *i)
{
    if (i->imm & 0xff)
        return false;
    struct quick_cold *c = quick_fp_begin(t, i);
    from_int(t, i, c, i->imm >> 8 & 1, i->imm >> 12 & 1);
    quick_vec_store_all(t, i->d, 0);
    quick_fp_end(t, c);
    return true;
}

// xmm0 = words of 64 bits in memory as doubles.
static void doubles_of_words(struct quick_tr *t, struct x86_rm words)
{
    quick_vec_rr(t, X86_PXOR, 0, 0);
    quick_vec_rr(t, X86_PXOR, 1, 1);
    x86_emit(&t->as, X86_CVTSI2F | X86_SD, true, 0, words, 0);
    x86_emit(&t->as, X86_CVTSI2F | X86_SD, true, 1, quick_vec_further(words, 8), 0);
    quick_vec_rr(t, X86_PUNPCKLQDQ, 0, 1);
}

static bool from_lanes(struct quick_tr *t, const struct ir_insn *i)
{
    bool is_unsigned = i->imm >> 8 & 1, scalar = quick_vec_shape(i) == IR_SCALAR;
    if (i->imm & 0xff)
        return false;
    struct quick_cold *c = quick_fp_begin(t, i);
    if (scalar) {
        from_int(t, i, c, is_unsigned, wide(i));
    } else {
        quick_vec_load(t, i, 0, i->a);
        if (is_unsigned) {
            quick_vec_rr(t, wide(i) ? X86_MOVMSKPD : X86_MOVMSKPS, RAX, 0);
            x86_rr(&t->as, X86_TEST, false, RAX, RAX);
            c->from[1] = x86_jcc_ahead(&t->as, CC_NE);
        }
        if (wide(i))
            doubles_of_words(t, quick_vec_mem(t, i->a));
        else
            quick_vec_rr(t, X86_CVTDQ2PS, 0, 0);
    }
    quick_vec_store_all(t, i->d, 0);
    quick_fp_end(t, c);
    return true;
}

// Between formats
// ----------------------------------------------------------------------------------

// Single to double: exact. Lanes: the half that imm says.
static bool widen(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned shape = quick_vec_shape(i);
    struct quick_cold *c = quick_fp_begin(t, i);
    if (shape == IR_SCALAR)
        quick_vec_load(t, i, 0, i->a);
    else
        quick_vec_op(t, X86_MOVQ, 0,
                     quick_vec_further(quick_vec_mem(t, i->a), i->imm >> 8 & 1 ? 8 : 0));
    quick_vec_rr(t, X86_CVTF2F | (shape == IR_SCALAR ? X86_SS : X86_PS), 0, 0);
    quick_fp_check_nan(t, c, IR_LANE64, shape);
    quick_vec_store_all(t, i->d, 0);
    quick_fp_end(t, c);
    return true;
}

// Double to single; lanes become the lower half, or the upper one beside c's lower.
static bool narrow(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned shape = quick_vec_shape(i);
    struct quick_cold *c = quick_fp_begin(t, i);
    if (shape == IR_SCALAR) {
        int host = quick_host_of(t, i->a);
        if (host != X86_NO_REG)
            x86_emit(&t->as, X86_MOVD, true, 0, x86_r(host), 0);
        else
            quick_vec_op(t, X86_MOVQ, 0, quick_vec_mem(t, i->a));
        quick_vec_rr(t, X86_CVTF2F | X86_SD, 0, 0);
    } else {
        quick_vec_op(t, X86_CVTF2F | X86_PD, 0, quick_vec_mem(t, i->a));
    }
    quick_fp_check_tiny(t, c, IR_LANE32, shape == IR_SCALAR ? IR_SCALAR : IR_HALF);
    if (shape == IR_SCALAR)
        quick_vec_op(t, X86_PAND, 0, quick_vec_const(t, UINT32_MAX, 0)); // the double's upper half
    if (shape != IR_SCALAR && i->imm >> 8 & 1) {
        quick_vec_op(t, X86_MOVQ, 1, quick_vec_mem(t, i->c));
        quick_vec_rr(t, X86_PUNPCKLQDQ, 1, 0);
        quick_vec_store_all(t, i->d, 1);
    } else {
        quick_vec_store_all(t, i->d, 0);
    }
    quick_fp_end(t, c);
    return true;
}

bool quick_fp_convert(struct quick_tr *t, const struct ir_insn *i)
{
    if (quick_vec_lane(i) < IR_LANE32 || !quick_fp_room(t))
        return false;
    switch (i->attr) {
    case IRV_FRINT:
        return round_int(t, i);
    case IRV_FTOIW:
        return to_word(t, i);
    case IRV_FTOI:
        return to_lanes(t, i);
    case IRV_ITOFW:
        return from_word(t, i);
    case IRV_ITOF:
        return from_lanes(t, i);
    case IRV_FCVTL:
        return widen(t, i);
    case IRV_FCVTN:
        return narrow(t, i);
    }
    return false;
}
