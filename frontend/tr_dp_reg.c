// SPDX-License-Identifier: GPL-3.0-or-later
// Data processing, register (Arm ARM C4.1.89): shifted and extended operands, multiply, divide,
// conditional, one and two source. CRC32 is in tr_crypto.c.
#include "frontend/translate.h"

typedef void int2_fn(struct ir *ir, unsigned type, ir_val d, ir_val a, ir_val b);

// Xm shifted by a constant: shift 0 LSL, 1 LSR, 2 ASR, 3 ROR.
static ir_val shifted(struct tr *t, unsigned type, unsigned rm, unsigned shift, unsigned amount)
{
    static int2_fn *const ops[4] = { ir_SHL, ir_SHR, ir_SAR, ir_ROR };
    if (!amount || rm == 31)
        return tr_x(t, rm);
    ir_val v = ir_tmp(&t->ir);
    ops[shift](&t->ir, type, v, tr_x(t, rm), ir_const(&t->ir, amount));
    return v;
}

bool tr_addsub_shift(struct tr *t, enum a64_op op, const struct a64_addsub_shift *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf), rm = (unsigned)f->rm, amount = (unsigned)f->imm6;
    ir_val rd = tr_xd((unsigned)f->rd), rn = tr_x(t, (unsigned)f->rn);
    if (!f->S && f->shift == 0 && amount && rm != 31) {
        (f->op ? ir_SUB_SHL : ir_ADD_SHL)(ir, type, rd, rn, tr_x(t, rm), IR_NONE, amount);
        return true;
    }
    ir_val b = shifted(t, type, rm, (unsigned)f->shift, amount);
    int2_fn *fn = f->S ? (f->op ? ir_SUBS : ir_ADDS) : (f->op ? ir_SUB : ir_ADD);
    fn(ir, type, rd, rn, b);
    return true;
}

// Xm extended by option (UXTB ... SXTX) and shifted left.
static ir_val extended(struct tr *t, unsigned type, unsigned rm, unsigned option, unsigned shift)
{
    struct ir *ir = &t->ir;
    ir_val v = tr_x(t, rm), d = ir_tmp(ir);
    switch (option) {
    case 0: ir_AND(ir, type, d, v, ir_const(ir, 0xff)); break;
    case 1: ir_AND(ir, type, d, v, ir_const(ir, 0xffff)); break;
    case 2: ir_MOV(ir, IR_I32, d, v, 0); break;
    case 4: ir_SEXT8(ir, type, d, v, 0); break;
    case 5: ir_SEXT16(ir, type, d, v, 0); break;
    case 6: ir_SEXT32(ir, IR_I64, d, v, 0); break;
    default: d = v; break;
    }
    if (!shift)
        return d;
    ir_val s = ir_tmp(ir);
    ir_SHL(ir, type, s, d, ir_const(ir, shift));
    return s;
}

bool tr_addsub_ext(struct tr *t, enum a64_op op, const struct a64_addsub_ext *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf), rm = (unsigned)f->rm, rd = (unsigned)f->rd;
    unsigned option = (unsigned)f->option, shift = (unsigned)f->imm3;
    ir_val rn = tr_xsp(t, (unsigned)f->rn);
    if (!f->S && rd == 31)
        t->sp_checked = false;
    if (!f->S && !f->op && f->sf && (option == 2 || option == 6)) {
        (option == 2 ? ir_ADD_UXTW : ir_ADD_SXTW)(ir, type, tr_xsp(t, rd), rn, tr_x(t, rm), IR_NONE, shift);
        return true;
    }
    ir_val b = extended(t, type, rm, option, shift);
    if (f->S)
        (f->op ? ir_SUBS : ir_ADDS)(ir, type, tr_xd(rd), rn, b);
    else
        (f->op ? ir_SUB : ir_ADD)(ir, type, tr_xsp(t, rd), rn, b);
    return true;
}

bool tr_logical_shift(struct tr *t, enum a64_op op, const struct a64_logical_shift *f)
{
    static int2_fn *const ops[4][2] = {
        { ir_AND, ir_ANDN }, { ir_OR, ir_ORN }, { ir_XOR, ir_XORN }, { ir_ANDS, ir_BICS } };
    unsigned type = tr_type((unsigned)f->sf);
    ir_val rd = tr_xd((unsigned)f->rd), rn = tr_x(t, (unsigned)f->rn);
    ir_val b = shifted(t, type, (unsigned)f->rm, (unsigned)f->shift, (unsigned)f->imm6);
    if (f->opc == 1 && !f->N && f->rn == 31)
        ir_MOV(&t->ir, type, rd, b, 0);
    else
        ops[f->opc][f->N](&t->ir, type, rd, rn, b);
    return true;
}

bool tr_addsub_carry(struct tr *t, enum a64_op op, const struct a64_addsub_carry *f)
{
    int2_fn *fn = f->S ? (f->op ? ir_SBCS : ir_ADCS) : (f->op ? ir_SBC : ir_ADC);
    fn(&t->ir, tr_type((unsigned)f->sf), tr_xd((unsigned)f->rd), tr_x(t, (unsigned)f->rn),
       tr_x(t, (unsigned)f->rm));
    return true;
}

bool tr_div(struct tr *t, enum a64_op op, const struct a64_dp2 *f)
{
    (op == A64_UDIV ? ir_UDIV : ir_SDIV)(&t->ir, tr_type((unsigned)f->sf), tr_xd((unsigned)f->rd),
                                         tr_x(t, (unsigned)f->rn), tr_x(t, (unsigned)f->rm));
    return true;
}

bool tr_shiftv(struct tr *t, enum a64_op op, const struct a64_dp2 *f)
{
    static int2_fn *const ops[4] = { ir_SHL, ir_SHR, ir_SAR, ir_ROR };
    ops[op - A64_LSLV](&t->ir, tr_type((unsigned)f->sf), tr_xd((unsigned)f->rd),
                       tr_x(t, (unsigned)f->rn), tr_x(t, (unsigned)f->rm));
    return true;
}

bool tr_dp1(struct tr *t, enum a64_op op, const struct a64_dp1 *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf);
    ir_val rd = tr_xd((unsigned)f->rd), rn = tr_x(t, (unsigned)f->rn);
    switch (op) {
    case A64_RBIT: ir_RBIT(ir, type, rd, rn, 0); return true;
    case A64_REV16: ir_REV16(ir, type, rd, rn, 0); return true;
    case A64_REV_W: case A64_REV_X: ir_REV(ir, type, rd, rn, 0); return true;
    case A64_REV32: ir_REV32(ir, type, rd, rn, 0); return true;
    case A64_CLZ: ir_CLZ(ir, type, rd, rn, 0); return true;
    case A64_CLS: ir_CLS(ir, type, rd, rn, 0); return true;
    default: return false;
    }
}

bool tr_ccmp_reg(struct tr *t, enum a64_op op, const struct a64_ccmp_reg *f)
{
    (f->op ? ir_CCMP : ir_CCMN)(&t->ir, tr_type((unsigned)f->sf), tr_x(t, (unsigned)f->rn),
                                tr_x(t, (unsigned)f->rm),
                                tr_cond_mask((unsigned)f->cond) | (uint64_t)f->nzcv << 16);
    return true;
}

bool tr_ccmp_imm(struct tr *t, enum a64_op op, const struct a64_ccmp_imm *f)
{
    (f->op ? ir_CCMP : ir_CCMN)(&t->ir, tr_type((unsigned)f->sf), tr_x(t, (unsigned)f->rn),
                                ir_const(&t->ir, (uint64_t)f->imm5),
                                tr_cond_mask((unsigned)f->cond) | (uint64_t)f->nzcv << 16);
    return true;
}

bool tr_csel(struct tr *t, enum a64_op op, const struct a64_csel *f)
{
    typedef void int3_fn(struct ir *, unsigned, ir_val, ir_val, ir_val, ir_val, uint64_t);
    static int3_fn *const ops[4] = { ir_SEL, ir_SELINC, ir_SELINV, ir_SELNEG };
    ops[f->op << 1 | f->o2](&t->ir, tr_type((unsigned)f->sf), tr_xd((unsigned)f->rd),
                            tr_x(t, (unsigned)f->rn), tr_x(t, (unsigned)f->rm), IR_NONE,
                            tr_cond_mask((unsigned)f->cond));
    return true;
}

bool tr_madd(struct tr *t, enum a64_op op, const struct a64_dp3 *f)
{
    struct ir *ir = &t->ir;
    unsigned type = tr_type((unsigned)f->sf);
    ir_val rd = tr_xd((unsigned)f->rd), rn = tr_x(t, (unsigned)f->rn), rm = tr_x(t, (unsigned)f->rm);
    if (f->ra == 31 && !f->o0)
        ir_MUL(ir, type, rd, rn, rm);
    else
        (f->o0 ? ir_MSUB : ir_MADD)(ir, type, rd, rn, rm, tr_x(t, (unsigned)f->ra), 0);
    return true;
}

bool tr_maddl(struct tr *t, enum a64_op op, const struct a64_dp3 *f)
{
    struct ir *ir = &t->ir;
    bool is_unsigned = f->op31 == 5;
    ir_val rd = tr_xd((unsigned)f->rd), rn = tr_x(t, (unsigned)f->rn), rm = tr_x(t, (unsigned)f->rm);
    ir_val ra = tr_x(t, (unsigned)f->ra);
    if (f->ra == 31 && !f->o0)
        (is_unsigned ? ir_UMULL : ir_SMULL)(ir, IR_I64, rd, rn, rm);
    else if (is_unsigned)
        (f->o0 ? ir_UMSUBL : ir_UMADDL)(ir, IR_I64, rd, rn, rm, ra, 0);
    else
        (f->o0 ? ir_SMSUBL : ir_SMADDL)(ir, IR_I64, rd, rn, rm, ra, 0);
    return true;
}

bool tr_mulh(struct tr *t, enum a64_op op, const struct a64_mulh *f)
{
    (op == A64_UMULH ? ir_UMULH : ir_SMULH)(&t->ir, IR_I64, tr_xd((unsigned)f->rd),
                                            tr_x(t, (unsigned)f->rn), tr_x(t, (unsigned)f->rm));
    return true;
}
