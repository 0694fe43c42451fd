// SPDX-License-Identifier: GPL-3.0-or-later
// Exclusives, ordered accesses, compare and swap, atomic memory operations (Arm ARM C4.1.88).
// All of them must be naturally aligned (FEAT_LSE2 is not there).
#include "frontend/translate.h"

static unsigned order(int acquire, int release)
{
    return MEM_ALIGNED | (acquire ? MEM_ACQUIRE : 0) | (release ? MEM_RELEASE : 0);
}

bool tr_stxr(struct tr *t, enum a64_op op, const struct a64_stxr *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    ir_excl(&t->ir, IR_STX, (unsigned)f->size, order(0, f->o0), tr_xd((unsigned)f->rs), IR_NONE, base,
            tr_x(t, (unsigned)f->rt), IR_NONE);
    return true;
}

bool tr_ldxr(struct tr *t, enum a64_op op, const struct a64_ldxr *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    ir_excl(&t->ir, IR_LDX, (unsigned)f->size, order(f->o0, 0), tr_xd((unsigned)f->rt), IR_NONE, base,
            IR_NONE, IR_NONE);
    return true;
}

bool tr_stxp(struct tr *t, enum a64_op op, const struct a64_stxp *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    ir_excl(&t->ir, IR_STX, 2 + (unsigned)f->sz, order(0, f->o0), tr_xd((unsigned)f->rs), IR_NONE, base,
            tr_x(t, (unsigned)f->rt), tr_x(t, (unsigned)f->rt2));
    return true;
}

bool tr_ldxp(struct tr *t, enum a64_op op, const struct a64_ldxp *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    // A second destination is what makes it a pair, so there must be one.
    ir_val d2 = f->rt2 == 31 ? ir_tmp(&t->ir) : tr_xd((unsigned)f->rt2);
    ir_excl(&t->ir, IR_LDX, 2 + (unsigned)f->sz, order(f->o0, 0), tr_xd((unsigned)f->rt), d2, base,
            IR_NONE, IR_NONE);
    return true;
}

bool tr_ldar(struct tr *t, enum a64_op op, const struct a64_ldar *f)
{
    unsigned size = (unsigned)f->size;
    ir_val base = tr_base(t, (unsigned)f->rn);
    if (f->L)
        ir_load(&t->ir, IR_LD8 + size, order(1, 0), tr_xd((unsigned)f->rt), IR_NONE, base, IR_NONE, 0);
    else
        ir_store(&t->ir, IR_ST8 + size, order(0, 1), tr_x(t, (unsigned)f->rt), IR_NONE, base, IR_NONE, 0);
    return true;
}

bool tr_ldapr(struct tr *t, enum a64_op op, const struct a64_ldapr *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    ir_load(&t->ir, IR_LD8 + (unsigned)f->size, order(1, 0), tr_xd((unsigned)f->rt), IR_NONE, base, IR_NONE, 0);
    return true;
}

bool tr_cas(struct tr *t, enum a64_op op, const struct a64_cas *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    ir_atomic(&t->ir, IR_ATOMIC_CAS, (unsigned)f->size, order(f->A, f->R), tr_xd((unsigned)f->rs), base,
              tr_x(t, (unsigned)f->rs), tr_x(t, (unsigned)f->rt));
    return true;
}

bool tr_casp(struct tr *t, enum a64_op op, const struct a64_casp *f)
{
    struct ir *ir = &t->ir;
    unsigned rs = (unsigned)f->rs, rt = (unsigned)f->rt;
    ir_val base = tr_base(t, (unsigned)f->rn);
    ir_val second = ir_r(rs + 1);
    if (rs == 30) { // the other half is XZR
        second = ir_tmp(ir);
        ir_MOV(ir, IR_I64, second, ir_const(ir, 0), 0);
    }
    ir_excl(ir, IR_CASP, 2 + (unsigned)f->sz, order(f->A, f->R), ir_r(rs), second, base, tr_x(t, rt), tr_x(t, rt + 1));
    return true;
}

bool tr_atomic(struct tr *t, enum a64_op op, const struct a64_atomic *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    // The opc field counts as enum ir_atomic does.
    ir_atomic(&t->ir, (enum ir_atomic)f->opc, (unsigned)f->size, order(f->A, f->R), tr_xd((unsigned)f->rt),
              base, tr_x(t, (unsigned)f->rs), IR_NONE);
    return true;
}

bool tr_swp(struct tr *t, enum a64_op op, const struct a64_swp *f)
{
    ir_val base = tr_base(t, (unsigned)f->rn);
    ir_atomic(&t->ir, IR_ATOMIC_SWP, (unsigned)f->size, order(f->A, f->R), tr_xd((unsigned)f->rt), base,
              tr_x(t, (unsigned)f->rs), IR_NONE);
    return true;
}
