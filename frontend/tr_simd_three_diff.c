// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD: three registers of different types: long, wide and narrowing operations. Q chooses
// the half of the narrow registers that takes part.
#include "frontend/tr_simd.h"

// Twice the product, then added to or subtracted from d, each with saturation.
static bool sqdmla(struct tr *t, bool subtract, int size, unsigned shape, int d, ir_val n, ir_val m,
                   uint64_t part)
{
    ir_val product = ir_tmp(&t->ir);

    ir_vec(&t->ir, IRV_SQDMULL, (unsigned)size | shape, product, n, m, IR_NONE, part);
    ir_vec(&t->ir, subtract ? IRV_SQSUB : IRV_SQADD, (unsigned)(size + 1) | shape, tr_v(d), tr_v(d),
           product, IR_NONE, 0);
    return true;
}

bool tr_long_multiply(struct tr *t, enum a64_op op, int size, unsigned shape, int d, ir_val n,
                      ir_val m, uint64_t part)
{
    switch (op) {
    case A64_SQDMLAL_V:
    case A64_SQDMLAL_S:
    case A64_SQDMLAL_VX:
    case A64_SQDMLAL_SX:
        return sqdmla(t, false, size, shape, d, n, m, part);
    case A64_SQDMLSL_V:
    case A64_SQDMLSL_S:
    case A64_SQDMLSL_VX:
    case A64_SQDMLSL_SX:
        return sqdmla(t, true, size, shape, d, n, m, part);
    default:
        return tr_vec(t, tr_vop[op], (unsigned)size | shape, d, n, m, part);
    }
}

static bool is_narrowing(enum a64_op op)
{
    return op == A64_ADDHN_V || op == A64_RADDHN_V || op == A64_SUBHN_V || op == A64_RSUBHN_V;
}

bool tr_simd_three_diff(struct tr *t, enum a64_op op, const struct a64_simd_diff *f)
{
    uint64_t part = irv_part(0, f->Q);

    if (!tr_fp_enabled(t))
        return true;
    if (is_narrowing(op)) {
        ir_vec(&t->ir, tr_vop[op], (unsigned)f->size | IR_FULL, tr_v(f->rd), tr_v(f->rn),
               tr_v(f->rm), f->Q ? tr_v(f->rd) : IR_NONE, part);
        return true;
    }
    return tr_long_multiply(t, op, f->size, IR_FULL, f->rd, tr_v(f->rn), tr_v(f->rm), part);
}

bool tr_scalar_three_diff(struct tr *t, enum a64_op op, const struct a64_scalar_diff *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_long_multiply(t, op, f->size, IR_SCALAR, f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}
