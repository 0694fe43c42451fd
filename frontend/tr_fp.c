// SPDX-License-Identifier: GPL-3.0-or-later
// Scalar floating point (Arm ARM C4.1.95, "Floating-point ..."): every instruction is one vector
// operation of shape SCALAR, so the rest of the register becomes zero.
#include "frontend/tr_simd.h"

static bool is_unsigned_convert(enum a64_op op)
{
    switch (op) {
    case A64_FCVTNU:
    case A64_FCVTPU:
    case A64_FCVTMU:
    case A64_FCVTZU:
    case A64_FCVTAU:
    case A64_FCVTZU_FIXED:
    case A64_UCVTF:
    case A64_UCVTF_FIXED:
        return true;
    default:
        return false;
    }
}

// Conversions and moves from and to general registers ---------------------------------------------

bool tr_fcvt_int(struct tr *t, enum a64_op op, const struct a64_fp_int *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_FTOIW, tr_scalar(f->fsize), tr_xd(f->rd), tr_v(f->rn), IR_NONE, IR_NONE,
           irv_convert(0, is_unsigned_convert(op), tr_rounding(op), f->sf));
    return true;
}

bool tr_fcvtz_fixed(struct tr *t, enum a64_op op, const struct a64_fp_fixed *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_FTOIW, tr_scalar(f->fsize), tr_xd(f->rd), tr_v(f->rn), IR_NONE, IR_NONE,
           irv_convert((unsigned)f->fbits, is_unsigned_convert(op), FP_ZERO, f->sf));
    return true;
}

bool tr_cvtf_int(struct tr *t, enum a64_op op, const struct a64_fp_int *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_ITOFW, tr_scalar(f->fsize), tr_v(f->rd), tr_x(t, f->rn), IR_NONE, IR_NONE,
           irv_convert(0, is_unsigned_convert(op), IRV_ROUND_FPCR, f->sf));
    return true;
}

bool tr_cvtf_fixed(struct tr *t, enum a64_op op, const struct a64_fp_fixed *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_ITOFW, tr_scalar(f->fsize), tr_v(f->rd), tr_x(t, f->rn), IR_NONE, IR_NONE,
           irv_convert((unsigned)f->fbits, is_unsigned_convert(op), IRV_ROUND_FPCR, f->sf));
    return true;
}

bool tr_fjcvtzs(struct tr *t, enum a64_op op, const struct a64_fp_int *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_FJCVTZS, tr_scalar(3), tr_xd(f->rd), tr_v(f->rn), IR_NONE, IR_NONE, 0);
    return true;
}

bool tr_fmov_to_gen(struct tr *t, enum a64_op op, const struct a64_fp_int *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_LANE_U, (unsigned)f->fsize | IR_FULL, tr_xd(f->rd), tr_v(f->rn), IR_NONE,
           IR_NONE, 0);
    return true;
}

bool tr_fmov_from_gen(struct tr *t, enum a64_op op, const struct a64_fp_int *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_DUPW, tr_scalar(f->fsize), tr_v(f->rd), tr_x(t, f->rn), IR_NONE, IR_NONE, 0);
    return true;
}

bool tr_fmov_top_to_gen(struct tr *t, enum a64_op op, const struct a64_fp_int *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_LANE_U, IR_LANE64 | IR_FULL, tr_xd(f->rd), tr_v(f->rn), IR_NONE, IR_NONE, 1);
    return true;
}

bool tr_fmov_gen_to_top(struct tr *t, enum a64_op op, const struct a64_fp_int *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_INSW, IR_LANE64 | IR_FULL, tr_v(f->rd), tr_x(t, f->rn), IR_NONE, tr_v(f->rd),
           1);
    return true;
}

// One source --------------------------------------------------------------------------------------

bool tr_fmov_reg(struct tr *t, enum a64_op op, const struct a64_fp_dp1 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_MOV, tr_scalar(f->fsize), f->rd, tr_v(f->rn), IR_NONE, 0);
}

bool tr_fp_dp1(struct tr *t, enum a64_op op, const struct a64_fp_dp1 *f)
{
    unsigned vop = tr_vop[op];
    uint64_t imm = 0;

    if (!tr_fp_enabled(t))
        return true;
    if (tr_bounded_rounding(op, &imm)) {
        vop = IRV_FRINTB;
    } else if (!vop) {
        vop = IRV_FRINT;
        imm = tr_rounding(op) | (op == A64_FRINTX ? 8 : 0);
    }
    return tr_vec(t, vop, tr_scalar(f->fsize), f->rd, tr_v(f->rn), IR_NONE, imm);
}

bool tr_fcvt(struct tr *t, enum a64_op op, const struct a64_fp_cvt *f)
{
    unsigned vop;
    int lane = 3;

    if (f->fsize == 1 && f->dsize == 3) {
        vop = IRV_FCVT_HD;
    } else if (f->fsize == 3 && f->dsize == 1) {
        vop = IRV_FCVT_DH;
    } else if (f->fsize < f->dsize) {
        vop = IRV_FCVTL;
        lane = f->fsize;
    } else {
        vop = IRV_FCVTN;
        lane = f->dsize;
    }
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, vop, tr_scalar(lane), tr_v(f->rd), tr_v(f->rn), IR_NONE, IR_NONE, 0);
    return true;
}

bool tr_bfcvt(struct tr *t, enum a64_op op, const struct a64_bfcvt *f)
{
    return false; // FEAT_BF16 is not offered
}

// Compare, select, immediate ----------------------------------------------------------------------

bool tr_fcmp(struct tr *t, enum a64_op op, const struct a64_fp_cmp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_FCMP, tr_scalar(f->fsize), IR_NONE, tr_v(f->rn),
           f->z ? IR_NONE : tr_v(f->rm), IR_NONE, (uint64_t)f->e);
    return true;
}

bool tr_fccmp(struct tr *t, enum a64_op op, const struct a64_fp_ccmp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_FCCMP, tr_scalar(f->fsize), IR_NONE, tr_v(f->rn), tr_v(f->rm), IR_NONE,
           tr_cond_mask((unsigned)f->cond) | (uint64_t)f->nzcv << 16 | (uint64_t)f->e << 20);
    return true;
}

bool tr_fcsel(struct tr *t, enum a64_op op, const struct a64_fp_csel *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_FCSEL, tr_scalar(f->fsize), f->rd, tr_v(f->rn), tr_v(f->rm),
                  tr_cond_mask((unsigned)f->cond));
}

bool tr_fmov_imm(struct tr *t, enum a64_op op, const struct a64_fp_imm *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_IMM, tr_bits(0), f->rd, IR_NONE, IR_NONE,
                  tr_fp_imm((unsigned)f->imm8, f->fsize));
}

// Two and three sources ---------------------------------------------------------------------------

bool tr_fp_dp2(struct tr *t, enum a64_op op, const struct a64_fp_dp2 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_scalar(f->fsize), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

bool tr_fp_dp3(struct tr *t, enum a64_op op, const struct a64_fp_dp3 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, tr_vop[op], tr_scalar(f->fsize), tr_v(f->rd), tr_v(f->rn), tr_v(f->rm),
           tr_v(f->ra), 0);
    return true;
}
