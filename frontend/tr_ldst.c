// SPDX-License-Identifier: GPL-3.0-or-later
// Loads and stores of one register or a pair, general and SIMD&FP (Arm ARM C4.1.88). Structures
// are in tr_simd_ldst.c, exclusives and atomics in tr_excl.c.
//
// Write-back comes last: by then nothing of the instruction can bail out any more.
#include "frontend/translate.h"

void tr_writeback(struct tr *t, unsigned rn, int64_t offset, unsigned idx)
{
    if (idx != A64_IDX_PRE && idx != A64_IDX_POST)
        return;
    ir_val base = tr_xsp(t, rn);
    ir_ADD(&t->ir, IR_I64, base, base, ir_const(&t->ir, (uint64_t)offset));
    if (rn == 31 && offset & 15)
        t->sp_checked = false;
}

// opc: 0 store, 1 load, 2 load sign-extended to 64 bits, 3 to 32 bits.
static void access(struct tr *t, unsigned size, unsigned opc, unsigned rt, unsigned attr, ir_val base,
                   ir_val index, uint64_t imm)
{
    static const uint8_t loads[3][4] = {
        { IR_LD8, IR_LD16, IR_LD32, IR_LD64 },
        { IR_LD8S64, IR_LD16S64, IR_LD32S64 },
        { IR_LD8S32, IR_LD16S32 },
    };
    static const uint8_t stores[4] = { IR_ST8, IR_ST16, IR_ST32, IR_ST64 };
    if (opc == 0)
        ir_store(&t->ir, stores[size], attr, tr_x(t, rt), IR_NONE, base, index, imm);
    else
        ir_load(&t->ir, loads[opc - 1][size], attr, tr_xd(rt), IR_NONE, base, index, imm);
}

static void access_fp(struct tr *t, bool load, unsigned scale, unsigned rt, ir_val base, ir_val index,
                      uint64_t imm)
{
    if (load)
        ir_load(&t->ir, IR_LDV8 + scale, tr_attr(t), tr_v(rt), IR_NONE, base, index, imm);
    else
        ir_store(&t->ir, IR_STV8 + scale, tr_attr(t), tr_v(rt), IR_NONE, base, index, imm);
}

// The offset that goes into the address; post-indexed accesses use the base as it is.
static uint64_t offset(int imm, int idx)
{
    return idx == A64_IDX_POST ? 0 : (uint64_t)(int64_t)imm;
}

bool tr_ldst_imm(struct tr *t, enum a64_op op, const struct a64_ldst_imm *f)
{
    unsigned attr = tr_attr(t);
    if (f->idx == A64_IDX_UNPRIV && t->mode & A64_MODE_EL1 && !(t->mode & A64_MODE_UAO))
        attr |= MEM_UNPRIV;
    ir_val base = tr_base(t, (unsigned)f->rn);
    access(t, (unsigned)f->size, (unsigned)f->opc, (unsigned)f->rt, attr, base, IR_NONE, offset(f->imm, f->idx));
    tr_writeback(t, (unsigned)f->rn, f->imm, (unsigned)f->idx);
    return true;
}

bool tr_ldapur(struct tr *t, enum a64_op op, const struct a64_ldst_imm *f)
{
    unsigned attr = MEM_ALIGNED | (f->opc ? MEM_ACQUIRE : MEM_RELEASE);
    ir_val base = tr_base(t, (unsigned)f->rn);
    access(t, (unsigned)f->size, (unsigned)f->opc, (unsigned)f->rt, attr, base, IR_NONE, (uint64_t)(int64_t)f->imm);
    return true;
}

// Base and index of a register offset: LSL is the access's own, the others go through a sum.
static void register_offset(struct tr *t, unsigned rn, unsigned rm, unsigned option, unsigned shift,
                            ir_val *base, ir_val *index, uint64_t *imm)
{
    *base = tr_base(t, rn);
    *index = IR_NONE;
    *imm = 0;
    if (rm == 31)
        return;
    if (option & 1) {
        *index = tr_x(t, rm);
        *imm = shift;
        return;
    }
    ir_val sum = ir_tmp(&t->ir);
    (option == 2 ? ir_ADD_UXTW : ir_ADD_SXTW)(&t->ir, IR_I64, sum, *base, tr_x(t, rm), IR_NONE, shift);
    *base = sum;
}

bool tr_ldst_reg(struct tr *t, enum a64_op op, const struct a64_ldst_reg *f)
{
    ir_val base, index;
    uint64_t imm;
    register_offset(t, (unsigned)f->rn, (unsigned)f->rm, (unsigned)f->option,
                    f->S ? (unsigned)f->size : 0, &base, &index, &imm);
    access(t, (unsigned)f->size, (unsigned)f->opc, (unsigned)f->rt, tr_attr(t), base, index, imm);
    return true;
}

static ir_val literal(struct tr *t, int imm)
{
    ir_val address = ir_tmp(&t->ir);
    ir_pcrel(&t->ir, address, (int64_t)t->off + imm);
    return address;
}

bool tr_ldr_lit(struct tr *t, enum a64_op op, const struct a64_ldst_lit *f)
{
    bool sw = op == A64_LDRSW_LIT;
    unsigned size = sw || !f->opc ? 2 : 3;
    access(t, size, sw ? 2 : 1, (unsigned)f->rt, tr_attr(t), literal(t, f->imm), IR_NONE, 0);
    return true;
}

bool tr_ldr_fp_lit(struct tr *t, enum a64_op op, const struct a64_ldst_lit *f)
{
    if (tr_fp_enabled(t))
        access_fp(t, true, (unsigned)f->opc + 2, (unsigned)f->rt, literal(t, f->imm), IR_NONE, 0);
    return true;
}

bool tr_ldst_pair(struct tr *t, enum a64_op op, const struct a64_ldst_pair *f)
{
    struct ir *ir = &t->ir;
    bool wide = f->opc == 2, sw = f->opc == 1;
    unsigned rt = (unsigned)f->rt, rt2 = (unsigned)f->rt2, attr = tr_attr(t);
    ir_val base = tr_base(t, (unsigned)f->rn);
    uint64_t imm = offset(f->imm, f->idx);
    if (!f->L) {
        ir_store(ir, wide ? IR_STP64 : IR_STP32, attr, tr_x(t, rt), tr_x(t, rt2), base, IR_NONE, imm);
    } else {
        ir_val d = tr_xd(rt), d2 = tr_xd(rt2);
        ir_load(ir, wide ? IR_LDP64 : IR_LDP32, attr, d, d2, base, IR_NONE, imm);
        if (sw && d)
            ir_SEXT32(ir, IR_I64, d, d, 0);
        if (sw && d2)
            ir_SEXT32(ir, IR_I64, d2, d2, 0);
    }
    tr_writeback(t, (unsigned)f->rn, f->imm, (unsigned)f->idx);
    return true;
}

bool tr_ldst_fp_pair(struct tr *t, enum a64_op op, const struct a64_ldst_fp_pair *f)
{
    struct ir *ir = &t->ir;
    if (!tr_fp_enabled(t))
        return true;
    unsigned n = (unsigned)f->scale - 2, attr = tr_attr(t);
    ir_val v = tr_v((unsigned)f->rt), v2 = tr_v((unsigned)f->rt2);
    ir_val base = tr_base(t, (unsigned)f->rn);
    uint64_t imm = offset(f->imm, f->idx);
    if (f->L)
        ir_load(ir, IR_LDPV32 + n, attr, v, v2, base, IR_NONE, imm);
    else
        ir_store(ir, IR_STPV32 + n, attr, v, v2, base, IR_NONE, imm);
    tr_writeback(t, (unsigned)f->rn, f->imm, (unsigned)f->idx);
    return true;
}

bool tr_ldst_fp_imm(struct tr *t, enum a64_op op, const struct a64_ldst_fp_imm *f)
{
    if (!tr_fp_enabled(t))
        return true;
    access_fp(t, f->L, (unsigned)f->scale, (unsigned)f->rt, tr_base(t, (unsigned)f->rn), IR_NONE,
              offset(f->imm, f->idx));
    tr_writeback(t, (unsigned)f->rn, f->imm, (unsigned)f->idx);
    return true;
}

bool tr_ldst_fp_reg(struct tr *t, enum a64_op op, const struct a64_ldst_fp_reg *f)
{
    ir_val base, index;
    uint64_t imm;
    if (!tr_fp_enabled(t))
        return true;
    register_offset(t, (unsigned)f->rn, (unsigned)f->rm, (unsigned)f->option,
                    f->S ? (unsigned)f->scale : 0, &base, &index, &imm);
    access_fp(t, f->L, (unsigned)f->scale, (unsigned)f->rt, base, index, imm);
    return true;
}

// Prefetches are hints; addresses are not even computed.

bool tr_prfm(struct tr *t, enum a64_op op, const struct a64_prfm *f)
{
    return true;
}

bool tr_prfm_reg(struct tr *t, enum a64_op op, const struct a64_prfm_reg *f)
{
    return true;
}

bool tr_prfm_lit(struct tr *t, enum a64_op op, const struct a64_ldst_lit *f)
{
    return true;
}
