// SPDX-License-Identifier: GPL-3.0-or-later
// Flag manipulation (FEAT_FlagM, FEAT_FlagM2): NZCV as bits 31..28 of a temporary and back.
#include "frontend/translate.h"

enum { N = 31, Z = 30, C = 29, V = 28 };

static ir_val get(struct tr *t)
{
    ir_val v = ir_tmp(&t->ir);
    ir_emit(&t->ir, IR_GET_NZCV, IR_I64, v, IR_NONE, IR_NONE, IR_NONE, 0);
    return v;
}

static bool set(struct tr *t, ir_val v)
{
    ir_emit(&t->ir, IR_SET_NZCV, IR_I64, IR_NONE, v, IR_NONE, IR_NONE, 0);
    return true;
}

static ir_val flag(struct tr *t, ir_val nzcv, unsigned bit)
{
    ir_val v = ir_tmp(&t->ir);
    ir_UBFX(&t->ir, IR_I64, v, nzcv, bit | 1 << 8);
    return v;
}

static void put(struct tr *t, ir_val nzcv, unsigned bit, ir_val value)
{
    ir_BFI(&t->ir, IR_I64, nzcv, nzcv, value, IR_NONE, bit | 1 << 8);
}

static ir_val both(struct tr *t, ir_val a, ir_val b)
{
    ir_val v = ir_tmp(&t->ir);
    ir_AND(&t->ir, IR_I64, v, a, b);
    return v;
}

static ir_val either(struct tr *t, ir_val a, ir_val b)
{
    ir_val v = ir_tmp(&t->ir);
    ir_OR(&t->ir, IR_I64, v, a, b);
    return v;
}

static ir_val invert(struct tr *t, ir_val a)
{
    ir_val v = ir_tmp(&t->ir);
    ir_XOR(&t->ir, IR_I64, v, a, ir_const(&t->ir, 1));
    return v;
}

bool tr_cfinv(struct tr *t, enum a64_op op, const struct a64_none *f)
{
    ir_val v = get(t);
    ir_XOR(&t->ir, IR_I64, v, v, ir_const(&t->ir, BIT(C)));
    return set(t, v);
}

bool tr_rmif(struct tr *t, enum a64_op op, const struct a64_rmif *f)
{
    struct ir *ir = &t->ir;
    uint64_t mask = (uint64_t)f->mask << 28;
    ir_val r = ir_tmp(ir), v = get(t);
    ir_ROR(ir, IR_I64, r, tr_x(t, (unsigned)f->rn), ir_const(ir, (uint64_t)f->imm6));
    ir_SHL(ir, IR_I64, r, r, ir_const(ir, 28));
    ir_AND(ir, IR_I64, r, r, ir_const(ir, mask));
    ir_AND(ir, IR_I64, v, v, ir_const(ir, ~mask));
    return set(t, either(t, v, r));
}

bool tr_setf(struct tr *t, enum a64_op op, const struct a64_setf *f)
{
    struct ir *ir = &t->ir;
    unsigned bits = f->sz ? 16 : 8;
    ir_val rn = tr_x(t, (unsigned)f->rn), v = get(t), low = ir_tmp(ir), zero = ir_tmp(ir), wrong = ir_tmp(ir);
    ir_UBFX(ir, IR_I64, low, rn, 0 | bits << 8);
    // Zero below the width: the count of leading zeros of a 64-bit word is 64 only for zero.
    ir_CLZ(ir, IR_I64, zero, low, 0);
    ir_SHR(ir, IR_I64, zero, zero, ir_const(ir, 6));
    put(t, v, N, flag(t, rn, bits - 1));
    put(t, v, Z, zero);
    ir_XOR(ir, IR_I64, wrong, flag(t, rn, bits), flag(t, rn, bits - 1));
    put(t, v, V, wrong);
    return set(t, v);
}

bool tr_axflag(struct tr *t, enum a64_op op, const struct a64_none *f)
{
    ir_val v = get(t);
    ir_val z = either(t, flag(t, v, Z), flag(t, v, V));
    ir_val c = both(t, flag(t, v, C), invert(t, flag(t, v, V)));
    ir_val r = ir_tmp(&t->ir);
    ir_MOV(&t->ir, IR_I64, r, ir_const(&t->ir, 0), 0);
    put(t, r, Z, z);
    put(t, r, C, c);
    return set(t, r);
}

bool tr_xaflag(struct tr *t, enum a64_op op, const struct a64_none *f)
{
    ir_val v = get(t);
    ir_val c = flag(t, v, C), z = flag(t, v, Z);
    ir_val not_c = invert(t, c), not_z = invert(t, z);
    put(t, v, N, both(t, not_c, not_z));
    put(t, v, Z, both(t, z, c));
    put(t, v, C, either(t, c, z));
    put(t, v, V, both(t, not_c, z));
    return set(t, v);
}
