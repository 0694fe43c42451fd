// SPDX-License-Identifier: GPL-3.0-or-later
// NZCV while a region runs: the operation that set it and its operands, so that a comparison and
// its branch become one host comparison. Packed only where somebody wants the word.
#include "jit/gccjit_ctx.h"

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
    p.r = f.kind == FLAGS_LOGIC ? p.a
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
    return gc_cmp(g, CMP(LT), p->r, p->a);
}

// The sign bit of what overflows.
static rval overflow(struct gc *g, struct flags f, const struct parts *p)
{
    rval x = gc_bin(g, OP(BITWISE_XOR), p->t, p->a, f.kind == FLAGS_SUB ? p->b : p->r);
    rval y = gc_bin(g, OP(BITWISE_XOR), p->t, f.kind == FLAGS_SUB ? p->a : p->b, p->r);
    return negative(g, p, gc_bin(g, OP(BITWISE_AND), p->t, x, y));
}

static rval bit(struct gc *g, rval flag, unsigned n)
{
    rval v = gc_cast(g, gc_cast(g, flag, g->s32), g->u32);
    return n ? gc_bin(g, OP(LSHIFT), g->u32, v, gc_u32(g, n)) : v;
}

rval gc_flags_pack(struct gc *g, struct flags f)
{
    if (f.kind == FLAGS_PACKED)
        return gcc_jit_lvalue_as_rvalue(g->nzcv);
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

static rval simple(struct gc *g, struct flags f, unsigned mask)
{
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
