// SPDX-License-Identifier: GPL-3.0-or-later
// Branches (Arm ARM C4.1.87). Targets are distances from the run-time page base.
#include "frontend/translate.h"

static bool branch(struct tr *t, int64_t target)
{
    ir_br(&t->ir, target);
    t->end = true;
    return true;
}

static bool branch_if(struct tr *t, enum ir_op op, unsigned type, ir_val a, unsigned attr, int64_t target)
{
    ir_br_if(&t->ir, op, type, a, attr, target);
    t->end = true;
    return true;
}

bool tr_b_cond(struct tr *t, enum a64_op op, const struct a64_b_cond *f)
{
    int64_t target = (int64_t)t->off + f->imm;
    if (f->cond >= 14)
        return branch(t, target);
    return branch_if(t, IR_BR_COND, IR_I64, IR_NONE, tr_cond_mask((unsigned)f->cond), target);
}

bool tr_b(struct tr *t, enum a64_op op, const struct a64_b *f)
{
    if (f->op)
        ir_pcrel(&t->ir, ir_r(A64_X30), tr_next(t));
    return branch(t, (int64_t)t->off + f->imm);
}

bool tr_cbz(struct tr *t, enum a64_op op, const struct a64_cbz *f)
{
    int64_t target = (int64_t)t->off + f->imm;
    if (f->rt == 31)
        return branch(t, f->op ? tr_next(t) : target);
    return branch_if(t, f->op ? IR_BR_NZ : IR_BR_Z, tr_type((unsigned)f->sf), tr_x(t, (unsigned)f->rt), 0, target);
}

bool tr_tbz(struct tr *t, enum a64_op op, const struct a64_tbz *f)
{
    int64_t target = (int64_t)t->off + f->imm;
    if (f->rt == 31)
        return branch(t, f->op ? tr_next(t) : target);
    return branch_if(t, f->op ? IR_BR_BIT1 : IR_BR_BIT0, IR_I64, tr_x(t, (unsigned)f->rt), (unsigned)f->bit, target);
}

bool tr_br(struct tr *t, enum a64_op op, const struct a64_br *f)
{
    static const enum ir_branch_hint hints[3] = { IR_HINT_JUMP, IR_HINT_CALL, IR_HINT_RETURN };
    ir_val target = tr_x(t, (unsigned)f->rn);
    if (f->op == 1) {
        // BLR X30 goes to the old value.
        if (f->rn == A64_X30) {
            ir_val copy = ir_tmp(&t->ir);
            ir_MOV(&t->ir, IR_I64, copy, target, 0);
            target = copy;
        }
        ir_pcrel(&t->ir, ir_r(A64_X30), tr_next(t));
    }
    ir_br_ind(&t->ir, target, hints[f->op]);
    t->end = true;
    return true;
}
