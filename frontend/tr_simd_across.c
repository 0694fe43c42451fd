// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD: across lanes, and scalar pairwise.
#include "frontend/tr_simd.h"

bool tr_simd_across(struct tr *t, enum a64_op op, const struct a64_across *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), IR_NONE, 0);
}

bool tr_simd_across_fp(struct tr *t, enum a64_op op, const struct a64_across_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), IR_NONE, 0);
}

// The scalar operation on lanes 0 and 1.
bool tr_scalar_pair(struct tr *t, enum a64_op op, const struct a64_scalar_pair *f)
{
    ir_val second;

    if (!tr_fp_enabled(t))
        return true;
    second = ir_tmp(&t->ir);
    ir_vec(&t->ir, IRV_DUP, tr_scalar(f->size), second, tr_v(f->rn), IR_NONE, IR_NONE, 1);
    return tr_vec(t, tr_vop[op], tr_scalar(f->size), f->rd, tr_v(f->rn), second, 0);
}
