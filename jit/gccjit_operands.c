// SPDX-License-Identifier: GPL-3.0-or-later
// Operands of IR ops as locals, and their slots in the vcpu.
#include "jit/gccjit_ctx.h"

#include <assert.h>

lval gc_reg(struct gc *g, unsigned n)
{
    if (!g->r_hot[n])
        return gc_field(g, offsetof(struct vcpu, r) + 8 * n, g->u64);
    if (!g->r[n]) {
        g->r[n] = gc_local(g, g->u64, "r");
        gcc_jit_block_add_assignment(
            g->head, NULL, g->r[n],
            gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, r) + 8 * n, g->u64)));
    }
    return g->r[n];
}

static lval scalar_tmp(struct gc *g, unsigned n)
{
    if (!g->tmp[n])
        g->tmp[n] = gc_local(g, g->u64, "tmp");
    return g->tmp[n];
}

static lval vector(struct gc *g, ir_val v)
{
    unsigned n = ir_num(v);
    if (ir_kind(v) == IR_KIND_TMP) {
        if (!g->vtmp[n])
            g->vtmp[n] = gc_local(g, g->v2, "vtmp");
        return g->vtmp[n];
    }
    assert(ir_is_v(v));
    if (!g->v_hot[n])
        return gc_field(g, offsetof(struct vcpu, v) + 16 * n, g->v2);
    if (!g->v[n]) {
        g->v[n] = gc_local(g, g->v2, "v");
        gcc_jit_block_add_assignment(
            g->head, NULL, g->v[n],
            gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, v) + 16 * n, g->v2)));
    }
    return g->v[n];
}

rval gc_vec_of(struct gc *g, rval low, rval high)
{
    rval parts[2] = { low, high };
    return gcc_jit_context_new_rvalue_from_vector(g->ctx, NULL, g->v2, 2, parts);
}

rval gc_vec_src(struct gc *g, ir_val v)
{
    if (ir_is_v(v) || (ir_kind(v) == IR_KIND_TMP && g->tmp_is_vec[ir_num(v)]))
        return gcc_jit_lvalue_as_rvalue(vector(g, v));
    return gc_vec_of(g, gc_src(g, v), gc_u64(g, 0));
}

rval gc_src(struct gc *g, ir_val v)
{
    switch (ir_kind(v)) {
    case IR_KIND_R:
        return ir_is_v(v) ? gc_vec_word(g, gc_vec_src(g, v), 0) : gcc_jit_lvalue_as_rvalue(gc_reg(g, ir_num(v)));
    case IR_KIND_TMP:
        return g->tmp_is_vec[ir_num(v)] ? gc_vec_word(g, gc_vec_src(g, v), 0)
                                        : gcc_jit_lvalue_as_rvalue(scalar_tmp(g, ir_num(v)));
    case IR_KIND_CONST: return gc_u64(g, g->ir->consts[ir_num(v)]);
    }
    return gc_u64(g, 0);
}

rval gc_src32(struct gc *g, ir_val v)
{
    return gc_cast(g, gc_src(g, v), g->u32);
}

void gc_dst(struct gc *g, ir_val v, rval value)
{
    if (v == IR_NONE)
        return;
    if (ir_kind(v) == IR_KIND_TMP) {
        gc_set(g, scalar_tmp(g, ir_num(v)), value);
        g->tmp_is_vec[ir_num(v)] = false;
        return;
    }
    gc_set(g, gc_reg(g, ir_num(v)), value);
    g->r_dirty[ir_num(v)] = true;
}

uint32_t gc_offset(ir_val v)
{
    unsigned n = ir_num(v);
    if (ir_kind(v) == IR_KIND_TMP)
        return (uint32_t)(offsetof(struct vcpu, tmp) + 16 * n);
    return (uint32_t)(ir_is_v(v) ? offsetof(struct vcpu, v) + 16 * n : offsetof(struct vcpu, r) + 8 * n);
}

// Through a 128-bit integer: the API has no access to a vector's elements.
rval gc_vec_word(struct gc *g, rval v, unsigned n)
{
    rval whole = gcc_jit_context_new_bitcast(g->ctx, NULL, v, g->u128);
    if (n)
        whole = gc_bin(g, GCC_JIT_BINARY_OP_RSHIFT, g->u128, whole,
                       gcc_jit_context_new_rvalue_from_int(g->ctx, g->u128, 64));
    return gc_cast(g, whole, g->u64);
}

void gc_vec_dst_low(struct gc *g, ir_val v, rval value, unsigned bits)
{
    unsigned n = ir_num(v);
    if (v == IR_NONE)
        return;
    gc_set(g, vector(g, v), value);
    if (ir_kind(v) == IR_KIND_R) {
        g->v_dirty[n] = true;
        g->v_bits[n] = (uint8_t)bits;
    } else {
        g->tmp_is_vec[n] = true;
        g->tmp_bits[n] = (uint8_t)bits;
    }
}

void gc_vec_dst(struct gc *g, ir_val v, rval value)
{
    gc_vec_dst_low(g, v, value, 0);
}

bool gc_vec_is_low(const struct gc *g, ir_val v, unsigned bits)
{
    unsigned n = ir_num(v), known = 0;
    if (ir_is_v(v))
        known = g->v_bits[n];
    else if (ir_kind(v) == IR_KIND_TMP && g->tmp_is_vec[n])
        known = g->tmp_bits[n];
    return known && known <= bits;
}

static lval home(struct gc *g, ir_val v, gcc_jit_type *type)
{
    return gc_field(g, gc_offset(v), type);
}

// Is it a register that has no local?
static bool at_home(const struct gc *g, ir_val v)
{
    return ir_kind(v) == IR_KIND_R && !(ir_is_v(v) ? g->v_hot : g->r_hot)[ir_num(v)];
}

void gc_spill(struct gc *g, ir_val v)
{
    if (v == IR_NONE || ir_kind(v) == IR_KIND_CONST || at_home(g, v))
        return;
    if (ir_is_v(v) || (ir_kind(v) == IR_KIND_TMP && g->tmp_is_vec[ir_num(v)]))
        gc_set(g, home(g, v, g->v2), gc_vec_src(g, v));
    else
        gc_set(g, home(g, v, g->u64), gc_src(g, v));
}

void gc_reload(struct gc *g, ir_val v)
{
    if (v == IR_NONE || at_home(g, v))
        return;
    if (ir_is_v(v) || ir_kind(v) == IR_KIND_TMP)
        gc_vec_dst(g, v, gcc_jit_lvalue_as_rvalue(home(g, v, g->v2)));
    else
        gc_dst(g, v, gcc_jit_lvalue_as_rvalue(home(g, v, g->u64)));
}
