// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD: three registers of the same type, scalar and vector, integer and floating point,
// with the extensions (RDM, DotProd, FCMA, FHM).
#include "frontend/tr_simd.h"

bool tr_simd_three_same(struct tr *t, enum a64_op op, const struct a64_simd3 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

bool tr_scalar_three_same(struct tr *t, enum a64_op op, const struct a64_scalar3 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_scalar(f->size), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

bool tr_simd_three_same_fp(struct tr *t, enum a64_op op, const struct a64_simd3_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

bool tr_scalar_three_same_fp(struct tr *t, enum a64_op op, const struct a64_scalar3_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_scalar(f->size), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

bool tr_simd_logical(struct tr *t, enum a64_op op, const struct a64_simd_logical *f)
{
    ir_val d = tr_v(f->rd), n = tr_v(f->rn), m = tr_v(f->rm);
    unsigned type = tr_bits(f->Q);

    if (!tr_fp_enabled(t))
        return true;
    switch (op) {
    case A64_ORR_V:
        if (f->rn == f->rm)
            return tr_vec(t, IRV_MOV, type, f->rd, n, IR_NONE, 0);
        return tr_vec(t, IRV_OR, type, f->rd, n, m, 0);
    case A64_EOR_V:
        if (f->rn == f->rm) // how zero is made
            return tr_vec(t, IRV_IMM, type, f->rd, IR_NONE, IR_NONE, 0);
        return tr_vec(t, IRV_XOR, type, f->rd, n, m, 0);
    case A64_AND_V:
        return tr_vec(t, IRV_AND, type, f->rd, n, m, 0);
    case A64_BIC_V:
        return tr_vec(t, IRV_ANDN, type, f->rd, n, m, 0);
    case A64_ORN_V:
        return tr_vec(t, IRV_ORN, type, f->rd, n, m, 0);
    case A64_BSL_V: // d chooses n or m
        ir_vec(&t->ir, IRV_SELECT, type, d, n, m, d, 0);
        return true;
    case A64_BIT_V: // m chooses n or d
        ir_vec(&t->ir, IRV_SELECT, type, d, n, d, m, 0);
        return true;
    default: // BIF: m chooses d or n
        ir_vec(&t->ir, IRV_SELECT, type, d, d, n, m, 0);
        return true;
    }
}

// Extensions --------------------------------------------------------------------------------------

bool tr_simd_dot(struct tr *t, enum a64_op op, const struct a64_simd_dot *f)
{
    if (!tr_vop[op])
        return false; // FEAT_I8MM and FEAT_BF16 are not offered
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(2, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

bool tr_simd_mmla(struct tr *t, enum a64_op op, const struct a64_simd_mmla *f)
{
    return false; // FEAT_I8MM and FEAT_BF16 are not offered
}

bool tr_bfmlal(struct tr *t, enum a64_op op, const struct a64_bfmlal *f)
{
    return false; // FEAT_BF16 is not offered
}

bool tr_fcmla_v(struct tr *t, enum a64_op op, const struct a64_fcmla *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_FCMLA, tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm),
                  (uint64_t)f->rot);
}

bool tr_fcadd_v(struct tr *t, enum a64_op op, const struct a64_fcadd *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_FCADD, tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm),
                  f->rot == 3);
}

bool tr_simd_fmlal(struct tr *t, enum a64_op op, const struct a64_fmlal *f)
{
    bool upper = op == A64_FMLAL2_V || op == A64_FMLSL2_V;

    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(1, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm),
                  irv_part(0, upper));
}
