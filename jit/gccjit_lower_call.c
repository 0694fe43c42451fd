// SPDX-License-Identifier: GPL-3.0-or-later
// Ops that are functions: helpers, vector operations without a lowering, accesses with attributes,
// atomics, reference functions. Their operands go to their slots in the vcpu, which is where the
// functions work, and the results come back from there.
#include "jit/gccjit_ctx.h"

#include "jit/atomic.h"
#include "jit/gccjit_sites.h"

#include <assert.h>

// The address of an operand's slot.
static rval slot(struct gc *g, ir_val v, bool dest)
{
    size_t offset = v == IR_NONE ? (dest ? offsetof(struct vcpu, sink) : offsetof(struct vcpu, zero)) : gc_offset(v);
    return gcc_jit_lvalue_get_address(gc_field(g, offset, g->u8), NULL);
}

// A constant needs a slot too: one of the engine's own temporaries.
static ir_val slotted(struct gc *g, ir_val v, unsigned n)
{
    if (ir_kind(v) != IR_KIND_CONST)
        return v;
    ir_val t = (ir_val)(IR_KIND_TMP | (VCPU_NR_TMP + n));
    gc_set(g, gc_field(g, gc_offset(t), g->u64), gc_src(g, v));
    return t;
}

// Everything the guest has, to the vcpu and back; for functions that look at more than operands.
static void spill_all(struct gc *g)
{
    for (unsigned n = 0; n < VCPU_NR_R; n++)
        if (g->r[n])
            gc_spill(g, ir_r(n));
    for (unsigned n = 0; n < VCPU_NR_V; n++)
        if (g->v[n])
            gc_spill(g, ir_v(n));
}

static void reload_all(struct gc *g)
{
    for (unsigned n = 0; n < VCPU_NR_R; n++)
        if (g->r[n])
            gc_reload(g, ir_r(n));
    for (unsigned n = 0; n < VCPU_NR_V; n++)
        if (g->v[n])
            gc_reload(g, ir_v(n));
}

// fn = *(table + offset), from a pointer in the vcpu.
static rval function_at(struct gc *g, size_t table, size_t offset)
{
    gcc_jit_type *params[6] = { g->ptr, g->ptr, g->ptr, g->ptr, g->ptr, g->u64 };
    gcc_jit_type *type = gcc_jit_context_new_function_ptr_type(
        g->ctx, NULL, gcc_jit_context_get_type(g->ctx, GCC_JIT_TYPE_VOID), 6, params, 0);
    rval base = gcc_jit_lvalue_as_rvalue(gc_field(g, table, g->ptr));
    rval address = gcc_jit_lvalue_get_address(
        gcc_jit_context_new_array_access(g->ctx, NULL, base, gc_u64(g, offset)), NULL);
    return gcc_jit_lvalue_as_rvalue(
        gcc_jit_rvalue_dereference(gc_cast(g, address, gcc_jit_type_get_pointer(type)), NULL));
}

// Which function, and the immediate it wants.
static rval choose(struct gc *g, const struct ir_insn *i, uint64_t *imm)
{
    unsigned form = ir_op_info[i->op].form;
    uint64_t d2 = (i->d2 == IR_NONE ? offsetof(struct vcpu, sink) : gc_offset(i->d2)) / 8;
    *imm = i->imm;
    if (i->op == IR_CALL)
        return function_at(g, offsetof(struct vcpu, helpers), i->attr * sizeof(struct helper) + offsetof(struct helper, fn));
    if (i->op == IR_VEC)
        return function_at(g, offsetof(struct vcpu, vec_fns), 8u * (i->attr * 12u + i->type));
    if (form <= IR_FORM_FLG3)
        return function_at(g, offsetof(struct vcpu, ref_fns), 8u * (i->op * 2u + i->type));
    if (form <= IR_FORM_STOREVP) {
        bool pair = form == IR_FORM_LOADP || form == IR_FORM_STOREP || form >= IR_FORM_LOADVP;
        bool indexed = !pair && i->b != IR_NONE;
        *imm = d2 << 48 | (uint64_t)i->attr << 32 | (uint32_t)i->imm;
        return function_at(g, offsetof(struct vcpu, mem_fns), 8u * (i->op * 2u + indexed));
    }
    if (i->op == IR_PROBE)
        *imm = i->imm | (uint64_t)i->attr << 32 | (i->b ? BIT(63) : 0);
    else
        *imm = atomic_imm(i, (unsigned)d2);
    return function_at(g, offsetof(struct vcpu, atomic_fns), 8u * atomic_fn_index(i));
}

void gc_lower_call(struct gc *g, const struct ir_insn *i)
{
    unsigned flags = ir_flags(g->ir, i);
    unsigned helper = i->op == IR_CALL ? g->guest->helpers[i->attr].flags : 0;
    bool whole = helper & (HELPER_READS_REGS | HELPER_WRITES_REGS);
    bool bails = flags & IR_F_BAIL;
    // (A comparison made again behind a helper could raise what that has cleared.)
    if (i->op == IR_CALL && g->flags.kind == FLAGS_FCMP)
        gc_flags_settle(g);
    if (flags & (IR_F_RD_NZCV | IR_F_WR_NZCV) || whole) {
        gc_flags_settle(g);
        gc_set(g, gc_field(g, offsetof(struct vcpu, nzcv), g->u32), gcc_jit_lvalue_as_rvalue(g->nzcv));
    }
    ir_val a = slotted(g, i->a, 0), b = slotted(g, i->b, 1), c = slotted(g, i->c, 2);
    if (whole)
        spill_all(g);
    const ir_val used[] = { a, b, c, i->op == IR_CASP ? i->d : IR_NONE, i->op == IR_CASP ? i->d2 : IR_NONE };
    for (unsigned n = 0; n < ARRAY_SIZE(used); n++)
        if (ir_num(used[n]) < VCPU_NR_TMP || ir_kind(used[n]) != IR_KIND_TMP)
            gc_spill(g, used[n]);
    if (bails || whole) {
        rval here = gc_bin(g, GCC_JIT_BINARY_OP_PLUS, g->u64, gcc_jit_param_as_rvalue(g->page0), gc_u64(g, (uint64_t)(g->page + i->off)));
        gc_set(g, gc_field(g, offsetof(struct vcpu, pc), g->u64), here);
        rval page = gc_bin(g, GCC_JIT_BINARY_OP_PLUS, g->u64, gcc_jit_param_as_rvalue(g->page0), gc_u64(g, (uint64_t)g->page));
        gc_set(g, gc_field(g, offsetof(struct vcpu, pc_page), g->u64), page);
    }
    if (whole) // up to this instruction, as if the block ended with it
        gc_set(g, gc_field(g, offsetof(struct vcpu, icount), g->u64),
               gc_bin(g, GCC_JIT_BINARY_OP_PLUS, g->u64, gcc_jit_lvalue_as_rvalue(g->icount), gc_u64(g, g->insns_done + 1)));
    uint64_t imm;
    rval fn = choose(g, i, &imm);
    rval args[6] = { gc_cast(g, gcc_jit_param_as_rvalue(g->cpu), g->ptr),
                     gc_cast(g, slot(g, i->d, true), g->ptr), gc_cast(g, slot(g, a, false), g->ptr),
                     gc_cast(g, slot(g, b, false), g->ptr), gc_cast(g, slot(g, c, false), g->ptr), gc_u64(g, imm) };
    gcc_jit_block_add_eval(g->at, NULL, gcc_jit_context_new_call_through_ptr(g->ctx, NULL, fn, 6, args));
    if (bails) {
        lval bail = gc_field(g, offsetof(struct vcpu, bail), g->u8);
        gcc_jit_block *on = gc_block(g), *out = gc_block(g);
        gc_branch_rarely(g, gc_cmp(g, GCC_JIT_COMPARISON_NE, gcc_jit_lvalue_as_rvalue(bail), gcc_jit_context_zero(g->ctx, g->u8)), out, on);
        gcc_jit_block_add_assignment(out, NULL, bail, gcc_jit_context_zero(g->ctx, g->u8));
        gcc_jit_block_end_with_jump(out, NULL, gc_bail_block(g));
        g->at = on;
    }
    if (flags & IR_F_WR_NZCV || whole) {
        gc_set(g, g->nzcv, gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, nzcv), g->u32)));
        g->flags.kind = FLAGS_PACKED;
    }
    if (helper & HELPER_WRITES_REGS)
        reload_all(g);
    gc_reload(g, i->d);
    gc_reload(g, i->d2);
    if (i->op == IR_CALL)
        gc_sites_forget(g);
}
