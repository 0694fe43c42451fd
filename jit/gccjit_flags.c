// SPDX-License-Identifier: GPL-3.0-or-later
// NZCV while a region runs: the operation that set it and its operands, so that a comparison and
// its branch become one host comparison. Packed only where somebody wants the word.
#include "jit/gccjit_ctx.h"

#include <stdio.h>

#define CMP(op) GCC_JIT_COMPARISON_##op
#define OP(op)  GCC_JIT_BINARY_OP_##op

void gc_flags_set(struct gc *g, enum flag_kind kind, bool wide, rval a, rval b)
{
    gc_set(g, g->fa, a);
    if (b)
        gc_set(g, g->fb, b);
    g->flags = (struct flags){ kind, wide };
}

struct parts {
    gcc_jit_type *t, *s; // of the operation
    rval a, b, r;
};

static struct parts parts_of(struct gc *g, struct flags f)
{
    struct parts p = { f.wide ? g->u64 : g->u32, f.wide ? g->s64 : g->s32, NULL, NULL, NULL };
    p.a = gc_cast(g, gcc_jit_lvalue_as_rvalue(g->fa), p.t);
    p.b = gc_cast(g, gcc_jit_lvalue_as_rvalue(g->fb), p.t);
    p.r = f.kind == FLAGS_LOGIC || f.kind == FLAGS_CARRY ? p.a
                                : gc_bin(g, f.kind == FLAGS_ADD ? OP(PLUS) : OP(MINUS), p.t, p.a, p.b);
    return p;
}

static rval negative(struct gc *g, const struct parts *p, rval v)
{
    return gc_cmp(g, CMP(LT), gc_cast(g, v, p->s), gcc_jit_context_zero(g->ctx, p->s));
}

static rval zero(struct gc *g, const struct parts *p)
{
    return gc_cmp(g, CMP(EQ), p->r, gcc_jit_context_zero(g->ctx, p->t));
}

static rval carry(struct gc *g, struct flags f, const struct parts *p)
{
    if (f.kind == FLAGS_SUB)
        return gc_cmp(g, CMP(GE), p->a, p->b);
    if (f.kind == FLAGS_CARRY)
        return gc_cmp(g, CMP(NE), gcc_jit_lvalue_as_rvalue(g->fc), gc_u32(g, 0));
    return gc_cmp(g, CMP(LT), p->r, p->a);
}

// The sign bit of what overflows.
static rval overflow(struct gc *g, struct flags f, const struct parts *p)
{
    if (f.kind == FLAGS_CARRY)
        return gc_cmp(g, CMP(NE), gcc_jit_lvalue_as_rvalue(g->fv), gc_u32(g, 0));
    rval x = gc_bin(g, OP(BITWISE_XOR), p->t, p->a, f.kind == FLAGS_SUB ? p->b : p->r);
    rval y = gc_bin(g, OP(BITWISE_XOR), p->t, f.kind == FLAGS_SUB ? p->a : p->b, p->r);
    return negative(g, p, gc_bin(g, OP(BITWISE_AND), p->t, x, y));
}

static rval bit(struct gc *g, rval flag, unsigned n)
{
    rval v = gc_cast(g, gc_cast(g, flag, g->s32), g->u32);
    return n ? gc_bin(g, OP(LSHIFT), g->u32, v, gc_u32(g, n)) : v;
}

// Floating-point comparisons ----------------------------------------------------------------------
//
// What they raise was raised where they stand; here they are made again for one flag of the host's,
// in an order in which unordered operands fail it: volatile, so as not to come behind anything that
// clears what they raise.

static rval fp_flag(struct gc *g, struct flags f, bool swapped, const char *flag)
{
    char text[32];
    lval v = gc_local(g, g->u32, "fcmp"), a = swapped ? g->fvb : g->fva, b = swapped ? g->fva : g->fvb;
    snprintf(text, sizeof text, "vucomis%c %%2, %%1", f.wide ? 'd' : 's');
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, flag, v);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(a));
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(b));
    return gc_cmp(g, CMP(NE), gcc_jit_lvalue_as_rvalue(v), gc_u32(g, 0));
}

static rval fp_less(struct gc *g, struct flags f) { return fp_flag(g, f, true, "=@cca"); }
static rval fp_unordered(struct gc *g, struct flags f) { return fp_flag(g, f, false, "=@ccp"); }

static rval fp_equal(struct gc *g, struct flags f)
{
    rval ge = fp_flag(g, f, false, "=@ccae"), le = fp_flag(g, f, true, "=@ccae");
    rval both = gc_bin(g, OP(BITWISE_AND), g->s32, gc_cast(g, ge, g->s32), gc_cast(g, le, g->s32));
    return gc_cmp(g, CMP(NE), both, gcc_jit_context_zero(g->ctx, g->s32));
}

static rval not(struct gc *g, rval v)
{
    return gc_un(g, GCC_JIT_UNARY_OP_LOGICAL_NEGATE, g->boolean, v);
}

// N Z C V: less 1000, equal 0110, greater 0010, unordered 0011.
static rval fp_pack(struct gc *g, struct flags f)
{
    rval less = fp_less(g, f), v = gc_bin(g, OP(BITWISE_OR), g->u32, bit(g, less, 3), bit(g, not(g, less), 1));
    v = gc_bin(g, OP(BITWISE_OR), g->u32, v, bit(g, fp_equal(g, f), 2));
    return gc_bin(g, OP(BITWISE_OR), g->u32, v, bit(g, fp_unordered(g, f), 0));
}

// ------------------------------------------------------------------------------------------------

rval gc_flags_pack(struct gc *g, struct flags f)
{
    if (f.kind == FLAGS_PACKED)
        return gcc_jit_lvalue_as_rvalue(g->nzcv);
    if (f.kind == FLAGS_FCMP)
        return fp_pack(g, f);
    struct parts p = parts_of(g, f);
    rval v = gc_bin(g, OP(BITWISE_OR), g->u32, bit(g, negative(g, &p, p.r), 3), bit(g, zero(g, &p), 2));
    if (f.kind == FLAGS_LOGIC)
        return v;
    v = gc_bin(g, OP(BITWISE_OR), g->u32, v, bit(g, carry(g, f, &p), 1));
    return gc_bin(g, OP(BITWISE_OR), g->u32, v, bit(g, overflow(g, f, &p), 0));
}

void gc_flags_settle(struct gc *g)
{
    if (g->flags.kind == FLAGS_PACKED)
        return;
    gc_set(g, g->nzcv, gc_flags_pack(g, g->flags));
    g->flags.kind = FLAGS_PACKED;
}

// Conditions that one comparison answers, by their set of NZCV values (what tr_cond_mask gives for
// EQ, CS, MI, VS, HI, GE, GT; bit n is NZCV == n).
enum { EQ = 0xf0f0, CS = 0xcccc, MI = 0xff00, VS = 0xaaaa, HI = 0x0c0c, GE = 0xaa55, GT = 0x0a05 };

static rval fp_simple(struct gc *g, struct flags f, unsigned mask)
{
    switch (mask) {
    case EQ: return fp_equal(g, f);
    case CS: return not(g, fp_less(g, f));
    case MI: return fp_less(g, f);
    case VS: return fp_unordered(g, f);
    case HI: return not(g, fp_flag(g, f, true, "=@ccae"));
    case GE: return fp_flag(g, f, false, "=@ccae");
    case GT: return fp_flag(g, f, false, "=@cca");
    }
    return NULL;
}

static rval simple(struct gc *g, struct flags f, unsigned mask)
{
    if (f.kind == FLAGS_FCMP)
        return fp_simple(g, f, mask);
    struct parts p = parts_of(g, f);
    rval none = gcc_jit_context_zero(g->ctx, p.s);
    bool sub = f.kind == FLAGS_SUB;
    rval sa = gc_cast(g, p.a, p.s), sb = gc_cast(g, p.b, p.s);
    if (f.kind == FLAGS_LOGIC) {
        switch (mask) {
        case EQ: return zero(g, &p);
        case MI: return negative(g, &p, p.r);
        case GE: return gc_cmp(g, CMP(GE), sa, none);
        case GT: return gc_cmp(g, CMP(GT), sa, none);
        }
        return NULL;
    }
    switch (mask) {
    case EQ: return sub ? gc_cmp(g, CMP(EQ), p.a, p.b) : zero(g, &p);
    case CS: return carry(g, f, &p);
    case MI: return negative(g, &p, p.r);
    case VS: return overflow(g, f, &p);
    case HI: return sub ? gc_cmp(g, CMP(GT), p.a, p.b) : NULL;
    case GE: return sub ? gc_cmp(g, CMP(GE), sa, sb) : NULL;
    case GT: return sub ? gc_cmp(g, CMP(GT), sa, sb) : NULL;
    }
    return NULL;
}

rval gc_condition(struct gc *g, unsigned mask)
{
    if (g->flags.kind != FLAGS_PACKED) {
        rval yes = simple(g, g->flags, mask);
        if (yes)
            return yes;
        rval no = simple(g, g->flags, ~mask & 0xffff);
        if (no)
            return gcc_jit_context_new_unary_op(g->ctx, NULL, GCC_JIT_UNARY_OP_LOGICAL_NEGATE, g->boolean, no);
    }
    rval bits = gc_bin(g, OP(RSHIFT), g->u32, gc_u32(g, mask), gc_flags_pack(g, g->flags));
    return gc_cmp(g, CMP(NE), gc_bin(g, OP(BITWISE_AND), g->u32, bits, gc_u32(g, 1)), gc_u32(g, 0));
}
