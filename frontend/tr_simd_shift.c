// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD: shifts by an immediate, and conversions from and to fixed point.
#include "frontend/tr_simd.h"

static bool is_left(enum a64_op op)
{
    switch (op) {
    case A64_SHL_VI:
    case A64_SHL_SI:
    case A64_SLI_VI:
    case A64_SLI_SI:
    case A64_SQSHL_VI:
    case A64_SQSHL_SI:
    case A64_UQSHL_VI:
    case A64_UQSHL_SI:
    case A64_SQSHLU_VI:
    case A64_SQSHLU_SI:
        return true;
    default:
        return false;
    }
}

bool tr_simd_shift_imm(struct tr *t, enum a64_op op, const struct a64_simd_shift *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), IR_NONE,
                  (uint64_t)(is_left(op) ? f->left : f->right));
}

bool tr_scalar_shift_imm(struct tr *t, enum a64_op op, const struct a64_scalar_shift *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_scalar(f->size), f->rd, tr_v(f->rn), IR_NONE,
                  (uint64_t)(is_left(op) ? f->left : f->right));
}

bool tr_simd_shift_narrow(struct tr *t, enum a64_op op, const struct a64_simd_shift *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, tr_vop[op], (unsigned)f->size | IR_FULL, tr_v(f->rd), tr_v(f->rn), IR_NONE,
           f->Q ? tr_v(f->rd) : IR_NONE, irv_part((unsigned)f->right, f->Q));
    return true;
}

bool tr_scalar_shift_narrow(struct tr *t, enum a64_op op, const struct a64_scalar_shift *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, tr_vop[op], tr_scalar(f->size), tr_v(f->rd), tr_v(f->rn), IR_NONE, IR_NONE,
           (uint64_t)f->right);
    return true;
}

bool tr_simd_shift_long(struct tr *t, enum a64_op op, const struct a64_simd_shift *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], (unsigned)f->size | IR_FULL, f->rd, tr_v(f->rn), IR_NONE,
                  irv_part((unsigned)f->left, f->Q));
}

static bool fp_fixed(struct tr *t, enum a64_op op, unsigned type, int d, int n, int fbits)
{
    bool is_unsigned =
        op == A64_UCVTF_VI || op == A64_UCVTF_SI || op == A64_FCVTZU_VI || op == A64_FCVTZU_SI;
    bool to_fp =
        op == A64_UCVTF_VI || op == A64_UCVTF_SI || op == A64_SCVTF_VI || op == A64_SCVTF_SI;

    return tr_vec(t, to_fp ? IRV_ITOF : IRV_FTOI, type, d, tr_v(n), IR_NONE,
                  irv_convert((unsigned)fbits, is_unsigned, FP_ZERO, false));
}

bool tr_simd_fp_fixed(struct tr *t, enum a64_op op, const struct a64_simd_shift *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return fp_fixed(t, op, tr_vector(f->size, f->Q), f->rd, f->rn, f->right);
}

bool tr_scalar_fp_fixed(struct tr *t, enum a64_op op, const struct a64_scalar_shift *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return fp_fixed(t, op, tr_scalar(f->size), f->rd, f->rn, f->right);
}
