// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD: two registers, miscellaneous, scalar and vector.
#include "frontend/tr_simd.h"

// Integer -----------------------------------------------------------------------------------------

// Comparisons with zero, the operation and which side the register is on.
static bool compare_zero(struct tr *t, enum a64_op op, unsigned type, int d, int n)
{
    switch (op) {
    case A64_CMGT_VZ:
    case A64_CMGT_SZ:
        return tr_vec(t, IRV_CMGT, type, d, tr_v(n), IR_NONE, 0);
    case A64_CMGE_VZ:
    case A64_CMGE_SZ:
        return tr_vec(t, IRV_CMGE, type, d, tr_v(n), IR_NONE, 0);
    case A64_CMLT_VZ:
    case A64_CMLT_SZ:
        return tr_vec(t, IRV_CMGT, type, d, IR_NONE, tr_v(n), 0);
    case A64_CMLE_VZ:
    case A64_CMLE_SZ:
        return tr_vec(t, IRV_CMGE, type, d, IR_NONE, tr_v(n), 0);
    default:
        return tr_vec(t, IRV_CMEQ, type, d, tr_v(n), IR_NONE, 0);
    }
}

bool tr_simd_two_misc(struct tr *t, enum a64_op op, const struct a64_simd2 *f)
{
    unsigned type = tr_vector(f->size, f->Q);
    ir_val n = tr_v(f->rn);

    if (!tr_fp_enabled(t))
        return true;
    switch (op) {
    case A64_REV64_V:
        return tr_vec(t, IRV_REV, type, f->rd, n, IR_NONE, (8u >> f->size) - 1);
    case A64_REV32_V:
        return tr_vec(t, IRV_REV, type, f->rd, n, IR_NONE, (4u >> f->size) - 1);
    case A64_REV16_V:
        return tr_vec(t, IRV_REV, type, f->rd, n, IR_NONE, (2u >> f->size) - 1);
    case A64_NOT_V:
        return tr_vec(t, IRV_NOT, tr_bits(f->Q), f->rd, n, IR_NONE, 0);
    case A64_RBIT_V: // of bytes; its size bits say something else
        return tr_vec(t, IRV_RBIT, tr_vector(0, f->Q), f->rd, n, IR_NONE, 0);
    default:
        if (tr_vop[op])
            return tr_vec(t, tr_vop[op], type, f->rd, n, IR_NONE, 0);
        return compare_zero(t, op, type, f->rd, f->rn);
    }
}

bool tr_scalar_two_misc(struct tr *t, enum a64_op op, const struct a64_scalar2 *f)
{
    unsigned type = tr_scalar(f->size);

    if (!tr_fp_enabled(t))
        return true;
    if (tr_vop[op])
        return tr_vec(t, tr_vop[op], type, f->rd, tr_v(f->rn), IR_NONE, 0);
    return compare_zero(t, op, type, f->rd, f->rn);
}

bool tr_simd_addlp(struct tr *t, enum a64_op op, const struct a64_simd2 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), IR_NONE, 0);
}

// d's lower half stays if its upper half is the result.
static bool narrow(struct tr *t, unsigned vop, int size, int Q, int d, int n)
{
    ir_vec(&t->ir, vop, (unsigned)size | IR_FULL, tr_v(d), tr_v(n), IR_NONE, Q ? tr_v(d) : IR_NONE,
           irv_part(0, Q));
    return true;
}

bool tr_simd_narrow(struct tr *t, enum a64_op op, const struct a64_simd2 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return narrow(t, tr_vop[op], f->size, f->Q, f->rd, f->rn);
}

bool tr_scalar_narrow(struct tr *t, enum a64_op op, const struct a64_scalar2 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, tr_vop[op], tr_scalar(f->size), tr_v(f->rd), tr_v(f->rn), IR_NONE, IR_NONE, 0);
    return true;
}

bool tr_simd_shll(struct tr *t, enum a64_op op, const struct a64_simd2 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_USHLLI, (unsigned)f->size | IR_FULL, f->rd, tr_v(f->rn), IR_NONE,
                  irv_part(8u << f->size, f->Q));
}

// Floating point ----------------------------------------------------------------------------------

bool tr_simd_two_misc_fp(struct tr *t, enum a64_op op, const struct a64_simd2_fp *f)
{
    bool exact = op == A64_FRINTX_V || op == A64_FRINTX_VH;
    unsigned type = tr_vector(f->size, f->Q);
    uint64_t imm;

    if (!tr_fp_enabled(t))
        return true;
    if (tr_vop[op])
        return tr_vec(t, tr_vop[op], type, f->rd, tr_v(f->rn), IR_NONE, 0);
    if (tr_bounded_rounding(op, &imm))
        return tr_vec(t, IRV_FRINTB, type, f->rd, tr_v(f->rn), IR_NONE, imm);
    return tr_vec(t, IRV_FRINT, type, f->rd, tr_v(f->rn), IR_NONE,
                  tr_rounding(op) | (exact ? 8 : 0));
}

bool tr_scalar_two_misc_fp(struct tr *t, enum a64_op op, const struct a64_scalar2_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_scalar(f->size), f->rd, tr_v(f->rn), IR_NONE, 0);
}

#define CMPZ(name)                                                                                 \
    case A64_FCM##name##_VZ:                                                                       \
    case A64_FCM##name##_VZH:                                                                      \
    case A64_FCM##name##_SZ:                                                                       \
    case A64_FCM##name##_SZH

static bool fp_compare_zero(struct tr *t, enum a64_op op, unsigned type, int d, int n)
{
    switch (op) {
        // clang-format off
    CMPZ(GT): return tr_vec(t, IRV_FCMGT, type, d, tr_v(n), IR_NONE, 0);
    CMPZ(GE): return tr_vec(t, IRV_FCMGE, type, d, tr_v(n), IR_NONE, 0);
    CMPZ(LT): return tr_vec(t, IRV_FCMGT, type, d, IR_NONE, tr_v(n), 0);
    CMPZ(LE): return tr_vec(t, IRV_FCMGE, type, d, IR_NONE, tr_v(n), 0);
    default:  return tr_vec(t, IRV_FCMEQ, type, d, tr_v(n), IR_NONE, 0);
        // clang-format on
    }
}

bool tr_simd_fp_cmpz(struct tr *t, enum a64_op op, const struct a64_simd2_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return fp_compare_zero(t, op, tr_vector(f->size, f->Q), f->rd, f->rn);
}

bool tr_scalar_fp_cmpz(struct tr *t, enum a64_op op, const struct a64_scalar2_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return fp_compare_zero(t, op, tr_scalar(f->size), f->rd, f->rn);
}

#define FORMS(name)                                                                                \
    case A64_##name##_V:                                                                           \
    case A64_##name##_VH:                                                                          \
    case A64_##name##_S:                                                                           \
    case A64_##name##_SH

static bool fp_convert(struct tr *t, enum a64_op op, unsigned type, int d, int n)
{
    bool is_unsigned = false;
    unsigned vop = IRV_FTOI;

    // clang-format off
    switch (op) {
    FORMS(UCVTF): is_unsigned = true; vop = IRV_ITOF; break;
    FORMS(SCVTF): vop = IRV_ITOF; break;
    FORMS(FCVTNU): FORMS(FCVTPU): FORMS(FCVTMU): FORMS(FCVTZU): FORMS(FCVTAU):
        is_unsigned = true;
        break;
    default:
        break;
    }
    // clang-format on
    return tr_vec(t, vop, type, d, tr_v(n), IR_NONE,
                  irv_convert(0, is_unsigned, tr_rounding(op), false));
}

bool tr_simd_fp_cvt(struct tr *t, enum a64_op op, const struct a64_simd2_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return fp_convert(t, op, tr_vector(f->size, f->Q), f->rd, f->rn);
}

bool tr_scalar_fp_cvt(struct tr *t, enum a64_op op, const struct a64_scalar2_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return fp_convert(t, op, tr_scalar(f->size), f->rd, f->rn);
}

// Between widths: size is the wide one's, lanes are the narrow one's.
bool tr_simd_fcvt_narrow(struct tr *t, enum a64_op op, const struct a64_simd_fcvt *f)
{
    if (op == A64_BFCVTN_V)
        return false; // FEAT_BF16 is not offered
    if (!tr_fp_enabled(t))
        return true;
    return narrow(t, op == A64_FCVTXN_V ? IRV_FCVTXN : IRV_FCVTN, f->size - 1, f->Q, f->rd, f->rn);
}

bool tr_simd_fcvt_long(struct tr *t, enum a64_op op, const struct a64_simd_fcvt *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_FCVTL, (unsigned)(f->size - 1) | IR_FULL, f->rd, tr_v(f->rn), IR_NONE,
                  irv_part(0, f->Q));
}

bool tr_fcvtxn_s(struct tr *t, enum a64_op op, const struct a64_scalar2_fp *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, IRV_FCVTXN, tr_scalar(2), tr_v(f->rd), tr_v(f->rn), IR_NONE, IR_NONE, 0);
    return true;
}
