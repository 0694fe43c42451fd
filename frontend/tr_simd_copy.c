// SPDX-License-Identifier: GPL-3.0-or-later
// Advanced SIMD: modified immediate, copy, permute, table lookup, extract.
#include "frontend/tr_simd.h"

// Modified immediate ------------------------------------------------------------------------------

static uint64_t replicate(uint64_t v, unsigned bits)
{
    for (; bits < 64; bits *= 2)
        v |= v << bits;
    return v;
}

// AdvSIMDExpandImm, without the inversion of MVNI and BIC.
static uint64_t expand_imm(unsigned op, unsigned cmode, uint64_t imm8)
{
    uint64_t v = 0;

    switch (cmode >> 1) {
    case 0:
    case 1:
    case 2:
    case 3:
        return replicate(imm8 << (cmode >> 1) * 8, 32);
    case 4:
    case 5:
        return replicate(imm8 << (cmode >> 1 & 1) * 8, 16);
    case 6:
        return replicate(cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff, 32);
    default:
        break;
    }
    if (cmode == 15)
        return op ? tr_fp_imm((unsigned)imm8, 3) : replicate(tr_fp_imm((unsigned)imm8, 2), 32);
    if (!op)
        return replicate(imm8, 8);
    for (unsigned i = 0; i < 8; i++)
        v |= imm8 >> i & 1 ? UINT64_C(0xff) << 8 * i : 0;
    return v;
}

bool tr_simd_modimm(struct tr *t, enum a64_op op, const struct a64_modimm *f)
{
    uint64_t imm = expand_imm((unsigned)f->op, (unsigned)f->cmode, (uint64_t)f->imm8);
    unsigned type = tr_bits(f->Q);
    ir_val mask;

    if (!tr_fp_enabled(t))
        return true;
    switch (op) {
    case A64_ORR_32_VI:
    case A64_ORR_16_VI:
    case A64_BIC_32_VI:
    case A64_BIC_16_VI:
        mask = ir_tmp(&t->ir);
        ir_vec(&t->ir, IRV_IMM, type, mask, IR_NONE, IR_NONE, IR_NONE, imm);
        return tr_vec(t, f->op ? IRV_ANDN : IRV_OR, type, f->rd, tr_v(f->rd), mask, 0);
    case A64_MVNI_32:
    case A64_MVNI_16:
    case A64_MVNI_MSL:
        imm = ~imm;
        break;
    default:
        break;
    }
    return tr_vec(t, IRV_IMM, type, f->rd, IR_NONE, IR_NONE, imm);
}

bool tr_fmov_h_vi(struct tr *t, enum a64_op op, const struct a64_modimm *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_IMM, tr_bits(f->Q), f->rd, IR_NONE, IR_NONE,
                  replicate(tr_fp_imm((unsigned)f->imm8, 1), 16));
}

// Copy --------------------------------------------------------------------------------------------

bool tr_simd_dup_elem(struct tr *t, enum a64_op op, const struct a64_dup *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_DUP, tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), IR_NONE,
                  (uint64_t)f->index);
}

bool tr_scalar_dup_elem(struct tr *t, enum a64_op op, const struct a64_sdup *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_DUP, tr_scalar(f->size), f->rd, tr_v(f->rn), IR_NONE, (uint64_t)f->index);
}

bool tr_simd_dup_gen(struct tr *t, enum a64_op op, const struct a64_dup *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_DUPW, tr_vector(f->size, f->Q), f->rd, tr_x(t, f->rn), IR_NONE, 0);
}

bool tr_simd_mov_to_gen(struct tr *t, enum a64_op op, const struct a64_dup *f)
{
    unsigned vop = op == A64_UMOV ? IRV_LANE_U : f->Q ? IRV_LANE_S64 : IRV_LANE_S32;

    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, vop, (unsigned)f->size | IR_FULL, tr_xd(f->rd), tr_v(f->rn), IR_NONE, IR_NONE,
           (uint64_t)f->index);
    return true;
}

bool tr_simd_ins_gen(struct tr *t, enum a64_op op, const struct a64_dup *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_INSW, (unsigned)f->size | IR_FULL, f->rd, tr_x(t, f->rn), IR_NONE,
                  (uint64_t)f->index);
}

bool tr_simd_ins_elem(struct tr *t, enum a64_op op, const struct a64_ins *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_INS, (unsigned)f->size | IR_FULL, f->rd, tr_v(f->rn), IR_NONE,
                  (uint64_t)f->index | (uint64_t)f->index2 << 8);
}

// Permute, table, extract -------------------------------------------------------------------------

bool tr_simd_permute(struct tr *t, enum a64_op op, const struct a64_permute *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, tr_vop[op], tr_vector(f->size, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

// A chain: each step takes what lies in its register and passes on the rest.
bool tr_simd_table(struct tr *t, enum a64_op op, const struct a64_table *f)
{
    ir_val rest = op == A64_TBX ? tr_v(f->rd) : IR_NONE;

    if (!tr_fp_enabled(t))
        return true;
    for (int i = 0; i < f->regs; i++) {
        bool last = i == f->regs - 1;
        ir_val d = last ? tr_v(f->rd) : ir_tmp(&t->ir);
        ir_vec(&t->ir, IRV_TBX, tr_vector(0, f->Q), d, tr_v((f->rn + i) & 31), tr_v(f->rm), rest,
               (uint64_t)i * 16);
        rest = d;
    }
    return true;
}

bool tr_simd_ext(struct tr *t, enum a64_op op, const struct a64_ext *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_EXT, tr_vector(0, f->Q), f->rd, tr_v(f->rn), tr_v(f->rm),
                  (uint64_t)f->imm4);
}
