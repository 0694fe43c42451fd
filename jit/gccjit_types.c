// SPDX-License-Identifier: GPL-3.0-or-later
// Short names over libgccjit's API, for the types the lowerings use.
#include "jit/gccjit_ctx.h"

#include <stdio.h>

void gc_types(struct gc *g)
{
    gcc_jit_context *c = g->ctx;
    g->u8 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_UINT8_T);
    g->u16 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_UINT16_T);
    g->u32 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_UINT32_T);
    g->u64 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_UINT64_T);
    g->s8 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_INT8_T);
    g->s16 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_INT16_T);
    g->s32 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_INT32_T);
    g->s64 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_INT64_T);
    g->u128 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_UINT128_T);
    g->s128 = gcc_jit_context_get_type(c, GCC_JIT_TYPE_INT128_T);
    g->boolean = gcc_jit_context_get_type(c, GCC_JIT_TYPE_BOOL);
    g->ptr = gcc_jit_type_get_pointer(gcc_jit_context_get_type(c, GCC_JIT_TYPE_UNSIGNED_CHAR));
    g->v2 = gcc_jit_type_get_vector(g->u64, 2);
    gcc_jit_type *plain[4] = { g->u8, g->u16, g->u32, g->u64 };
    for (unsigned n = 0; n < 4; n++)
        g->vol[n] = gcc_jit_type_get_volatile(plain[n]);
    g->expect = gcc_jit_context_get_builtin_function(c, "__builtin_expect");
}

rval gc_u64(struct gc *g, uint64_t v)
{
    return gcc_jit_context_new_rvalue_from_long(g->ctx, g->u64, (long)v);
}

rval gc_u32(struct gc *g, uint32_t v)
{
    return gcc_jit_context_new_rvalue_from_long(g->ctx, g->u32, (long)v);
}

rval gc_cast(struct gc *g, rval v, gcc_jit_type *type)
{
    return gcc_jit_context_new_cast(g->ctx, NULL, v, type);
}

rval gc_bin(struct gc *g, enum gcc_jit_binary_op op, gcc_jit_type *type, rval a, rval b)
{
    return gcc_jit_context_new_binary_op(g->ctx, NULL, op, type, a, b);
}

rval gc_un(struct gc *g, enum gcc_jit_unary_op op, gcc_jit_type *type, rval a)
{
    return gcc_jit_context_new_unary_op(g->ctx, NULL, op, type, a);
}

rval gc_cmp(struct gc *g, enum gcc_jit_comparison op, rval a, rval b)
{
    return gcc_jit_context_new_comparison(g->ctx, NULL, op, a, b);
}

lval gc_local(struct gc *g, gcc_jit_type *type, const char *name)
{
    char full[32];
    snprintf(full, sizeof full, "%s_%u", name, g->unique++);
    return gcc_jit_function_new_local(g->fn, NULL, type, full);
}

rval gc_copy(struct gc *g, rval v, gcc_jit_type *type)
{
    lval l = gc_local(g, type, "t");
    gc_set(g, l, v);
    return gcc_jit_lvalue_as_rvalue(l);
}

void gc_set(struct gc *g, lval to, rval v)
{
    gcc_jit_block_add_assignment(g->at, NULL, to, v);
}

gcc_jit_block *gc_block(struct gc *g)
{
    return gcc_jit_function_new_block(g->fn, NULL);
}

// There is no conditional expression in the API: a diamond, of which GCC makes a cmov where it pays.
rval gc_select(struct gc *g, rval condition, rval a, rval b, gcc_jit_type *type)
{
    lval l = gc_local(g, type, "s");
    gcc_jit_block *yes = gc_block(g), *no = gc_block(g), *join = gc_block(g);
    gc_branch(g, condition, yes, no);
    gcc_jit_block_add_assignment(yes, NULL, l, a);
    gcc_jit_block_end_with_jump(yes, NULL, join);
    gcc_jit_block_add_assignment(no, NULL, l, b);
    gcc_jit_block_end_with_jump(no, NULL, join);
    g->at = join;
    return gcc_jit_lvalue_as_rvalue(l);
}

lval gc_field(struct gc *g, size_t offset, gcc_jit_type *type)
{
    rval base = gc_cast(g, gcc_jit_param_as_rvalue(g->cpu), g->ptr);
    lval place = gcc_jit_context_new_array_access(g->ctx, NULL, base, gc_u64(g, offset));
    rval address = gcc_jit_lvalue_get_address(place, NULL);
    return gcc_jit_rvalue_dereference(gc_cast(g, address, gcc_jit_type_get_pointer(type)), NULL);
}

void gc_branch(struct gc *g, rval condition, gcc_jit_block *yes, gcc_jit_block *no)
{
    gcc_jit_block_end_with_conditional(g->at, NULL, condition, yes, no);
    g->at = NULL;
}

void gc_branch_rarely(struct gc *g, rval condition, gcc_jit_block *rare, gcc_jit_block *often)
{
    gcc_jit_type *l = gcc_jit_context_get_type(g->ctx, GCC_JIT_TYPE_LONG);
    rval args[2] = { gc_cast(g, gc_cast(g, condition, g->s32), l), gcc_jit_context_zero(g->ctx, l) };
    rval expected = gcc_jit_context_new_call(g->ctx, NULL, g->expect, 2, args);
    gc_branch(g, gc_cmp(g, GCC_JIT_COMPARISON_NE, expected, gcc_jit_context_zero(g->ctx, l)), rare, often);
}
