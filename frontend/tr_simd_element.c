// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD: by element. The element is copied to every lane of a temporary, then the
// operation is the one on three registers.
#include "frontend/tr_simd.h"

static ir_val element(struct tr *t, unsigned type, int m, int index)
{
    ir_val d = ir_tmp(&t->ir);

    ir_vec(&t->ir, IRV_DUP, type, d, tr_v(m), IR_NONE, IR_NONE, (uint64_t)index);
    return d;
}

bool tr_simd_by_element(struct tr *t, enum a64_op op, const struct a64_elem *f)
{
    unsigned type = tr_vector(f->size, f->Q);

    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], type, f->rd, tr_v(f->rn), element(t, type, f->rm, f->index), 0);
}

bool tr_simd_by_element_long(struct tr *t, enum a64_op op, const struct a64_elem *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_long_multiply(t, op, f->size, IR_FULL, f->rd, tr_v(f->rn),
                            element(t, (unsigned)f->size | IR_FULL, f->rm, f->index),
                            irv_part(0, f->Q));
}

bool tr_simd_by_element_fp(struct tr *t, enum a64_op op, const struct a64_elem_fp *f)
{
    unsigned type = tr_vector(f->size, f->Q);

    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], type, f->rd, tr_v(f->rn), element(t, type, f->rm, f->index), 0);
}

bool tr_scalar_by_element(struct tr *t, enum a64_op op, const struct a64_selem *f)
{
    unsigned type = tr_scalar(f->size);

    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], type, f->rd, tr_v(f->rn), element(t, type, f->rm, f->index), 0);
}

bool tr_scalar_by_element_long(struct tr *t, enum a64_op op, const struct a64_selem *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_long_multiply(t, op, f->size, IR_SCALAR, f->rd, tr_v(f->rn),
                            element(t, tr_scalar(f->size), f->rm, f->index), 0);
}

bool tr_scalar_by_element_fp(struct tr *t, enum a64_op op, const struct a64_selem_fp *f)
{
    unsigned type = tr_scalar(f->size);

    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], type, f->rd, tr_v(f->rn), element(t, type, f->rm, f->index), 0);
}

// Elements that are groups of the lanes: four bytes, one complex number.
bool tr_simd_dot_x(struct tr *t, enum a64_op op, const struct a64_elem_dot *f)
{
    unsigned type = tr_vector(2, f->Q);

    if (!tr_vop[op])
        return false; // FEAT_I8MM and FEAT_BF16 are not offered
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], type, f->rd, tr_v(f->rn), element(t, type, f->rm, f->index), 0);
}

bool tr_fcmla_x(struct tr *t, enum a64_op op, const struct a64_elem_fcmla *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_FCMLA, tr_vector(f->size, f->Q), f->rd, tr_v(f->rn),
                  element(t, (unsigned)(f->size + 1) | IR_FULL, f->rm, f->index), (uint64_t)f->rot);
}

bool tr_simd_fmlal_x(struct tr *t, enum a64_op op, const struct a64_elem_fmlal *f)
{
    bool upper = op == A64_FMLAL2_VX || op == A64_FMLSL2_VX;

    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(1, f->Q), f->rd, tr_v(f->rn),
                  element(t, IR_LANE16 | IR_FULL, f->rm, f->index), irv_part(0, upper));
}

bool tr_bfmlal_x(struct tr *t, enum a64_op op, const struct a64_elem_fmlal *f)
{
    return false; // FEAT_BF16 is not offered
}
