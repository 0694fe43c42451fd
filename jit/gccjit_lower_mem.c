// SPDX-License-Identifier: GPL-3.0-or-later
// Guest memory in compiled regions.
//
// A *site* remembers the page of the last access through a base register (and a direction): its
// guest address and where it is on the host, in two locals. The check is a subtraction and a
// comparison, off the chain of loads. A miss looks into the TLB inline; a miss there takes the slow
// path through a thunk. Translations change only where helpers run, and there sites are forgotten
// (gc_sites_forget). The accesses themselves are volatile: GCC must not move, merge, split or
// repeat them.
#include "jit/gccjit_ctx.h"
#include "jit/gccjit_sites.h"
#include "jit/region_slow.h"
#include "jit/tlb.h"

#include <stdio.h>

#define OP(op)  GCC_JIT_BINARY_OP_##op
#define CMP(op) GCC_JIT_COMPARISON_##op

struct access {
    unsigned size;  // of all elements together
    unsigned attr;  // for the slow path
    bool store;
    rval va;
    struct gc_site *site;
};

static rval plus(struct gc *g, rval a, uint64_t b)
{
    return b ? gc_bin(g, OP(PLUS), g->u64, a, gc_u64(g, b)) : a;
}

static rval address_of(struct gc *g, const struct ir_insn *i, bool indexed)
{
    rval base = gc_src(g, i->a);
    if (!indexed)
        return plus(g, base, i->imm);
    return gc_bin(g, OP(PLUS), g->u64, base, gc_bin(g, OP(LSHIFT), g->u64, gc_src(g, i->b), gc_u64(g, i->imm & 63)));
}

// An integer as a pointer.
static rval pointer(struct gc *g, rval address, gcc_jit_type *to)
{
    return gcc_jit_context_new_bitcast(g->ctx, NULL, address, gcc_jit_type_get_pointer(to));
}

static lval memory(struct gc *g, rval host, unsigned offset, gcc_jit_type *type)
{
    return gcc_jit_rvalue_dereference(pointer(g, plus(g, host, offset), type), NULL);
}

// The thunk: rax va in, value out; rdx descriptor in, failure out. Ends in `done`, or bails out.
static void slow_path(struct gc *g, const struct access *a, lval value, gcc_jit_block *done)
{
    char call[48];
    snprintf(call, sizeof call, "call *%zu(%%%%rdi)", offsetof(struct vcpu, region_access));
    lval rax = gc_local(g, g->u64, "rax"), rdx = gc_local(g, g->u64, "rdx");
    uint64_t desc = a->size | (uint64_t)a->attr << 8 | (a->store ? REGION_SLOW_STORE : 0);
    gc_set(g, rax, a->va);
    gc_set(g, rdx, gc_u64(g, desc));
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, call);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+a", rax);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+d", rdx);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "D", gcc_jit_param_as_rvalue(g->cpu));
    if (a->store && a->size <= 8)
        gcc_jit_extended_asm_add_input_operand(as, NULL, "c", gcc_jit_lvalue_as_rvalue(value));
    gcc_jit_extended_asm_add_clobber(as, "memory");
    gcc_jit_extended_asm_add_clobber(as, "cc");
    if (!a->store && value)
        gc_set(g, value, gcc_jit_lvalue_as_rvalue(rax));
    rval failed = gc_cmp(g, CMP(NE), gcc_jit_lvalue_as_rvalue(rdx), gc_u64(g, 0));
    gc_branch_rarely(g, failed, gc_bail_block(g), done);
}

// Code for an access up to the point where its host address is known; the caller goes on there and
// then jumps to the join. Slow code is left open in *slow.
static rval translate(struct gc *g, const struct access *a, gcc_jit_block **slow)
{
    rval page = gcc_jit_lvalue_as_rvalue(a->site->page), host = gcc_jit_lvalue_as_rvalue(a->site->host);
    gcc_jit_block *hit = gc_block(g), *miss = gc_block(g), *fill = gc_block(g);
    *slow = gc_block(g);
    lval distance = gc_local(g, g->u64, "within");
    rval within = gcc_jit_lvalue_as_rvalue(distance);
    gc_set(g, distance, gc_bin(g, OP(MINUS), g->u64, a->va, page));
    gc_branch_rarely(g, gc_cmp(g, CMP(GT), within, gc_u64(g, PAGE_SIZE - a->size)), miss, hit);

    // The TLB entry: index and tag as in tlb.h.
    g->at = miss;
    size_t table = a->store ? offsetof(struct vcpu, wtlb) : offsetof(struct vcpu, rtlb);
    rval n = gc_bin(g, OP(RSHIFT), g->u64, a->va, gc_u64(g, PAGE_BITS - 4));
    n = gc_bin(g, OP(BITWISE_AND), g->u64, n, gc_u64(g, (uint64_t)(TLB_SIZE - 1) << 4));
    rval cpu = gcc_jit_context_new_bitcast(g->ctx, NULL, gcc_jit_param_as_rvalue(g->cpu), g->u64);
    rval entry = gc_copy(g, gc_bin(g, OP(PLUS), g->u64, cpu, n), g->u64);
    rval want = gc_bin(g, OP(BITWISE_AND), g->u64, plus(g, a->va, a->size - 1), gc_u64(g, PAGE_MASK));
    rval ctx = gc_cast(g, gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, dctx), g->u32)), g->u64);
    want = gc_bin(g, OP(BITWISE_OR), g->u64, want, ctx);
    rval tag = gcc_jit_lvalue_as_rvalue(memory(g, entry, (unsigned)table, g->u64));
    gc_branch_rarely(g, gc_cmp(g, CMP(NE), tag, want), *slow, fill);

    g->at = fill;
    rval addend = gcc_jit_lvalue_as_rvalue(memory(g, entry, (unsigned)table + 8, g->u64));
    gc_set(g, a->site->page, gc_bin(g, OP(BITWISE_AND), g->u64, a->va, gc_u64(g, PAGE_MASK)));
    gc_set(g, a->site->host, gc_bin(g, OP(PLUS), g->u64, page, addend));
    gc_set(g, distance, gc_bin(g, OP(MINUS), g->u64, a->va, page));
    gcc_jit_block_end_with_jump(fill, NULL, hit);

    g->at = hit;
    return gc_copy(g, gc_bin(g, OP(PLUS), g->u64, host, within), g->u64);
}

static unsigned log2_of(unsigned size)
{
    return (unsigned)__builtin_ctz(size);
}

static void load(struct gc *g, const struct ir_insn *i, struct access *a, gcc_jit_type *sign, gcc_jit_type *to)
{
    lval value = gc_local(g, g->u64, "ld");
    gcc_jit_block *join = gc_block(g), *slow;
    rval host = translate(g, a, &slow);
    gc_set(g, value, gc_cast(g, gcc_jit_lvalue_as_rvalue(memory(g, host, 0, g->vol[log2_of(a->size)])), g->u64));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = slow;
    slow_path(g, a, value, join);
    g->at = join;
    rval v = gcc_jit_lvalue_as_rvalue(value);
    if (sign)
        v = gc_cast(g, gc_cast(g, gc_cast(g, v, sign), to == g->u32 ? g->s32 : g->s64), to);
    gc_dst(g, i->d, gc_cast(g, v, g->u64));
}

static void store(struct gc *g, const struct ir_insn *i, struct access *a)
{
    lval value = gc_local(g, g->u64, "st");
    gcc_jit_block *join = gc_block(g), *slow;
    unsigned n = log2_of(a->size);
    gcc_jit_type *plain[4] = { g->u8, g->u16, g->u32, g->u64 };
    gc_set(g, value, gc_src(g, i->c));
    rval host = translate(g, a, &slow);
    gc_set(g, memory(g, host, 0, g->vol[n]), gc_cast(g, gcc_jit_lvalue_as_rvalue(value), plain[n]));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = slow;
    slow_path(g, a, value, join);
    g->at = join;
}

static lval xfer(struct gc *g, unsigned byte, gcc_jit_type *type)
{
    return gc_field(g, offsetof(struct vcpu, xfer) + byte, type);
}

// Two scalars. Values of both are read before either destination is written.
static void load_pair(struct gc *g, const struct ir_insn *i, struct access *a, gcc_jit_type *type, gcc_jit_type *vol)
{
    unsigned half = a->size / 2;
    lval v[2] = { gc_local(g, g->u64, "lo"), gc_local(g, g->u64, "hi") };
    gcc_jit_block *join = gc_block(g), *back = gc_block(g), *slow;
    rval host = translate(g, a, &slow);
    for (unsigned n = 0; n < 2; n++)
        gc_set(g, v[n], gc_cast(g, gcc_jit_lvalue_as_rvalue(memory(g, host, n * half, vol)), g->u64));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = slow;
    lval small = a->size <= 8 ? gc_local(g, g->u64, "both") : NULL;
    slow_path(g, a, small, back);
    g->at = back;
    for (unsigned n = 0; n < 2; n++) {
        rval value = small ? gc_cast(g, gc_bin(g, OP(RSHIFT), g->u64, gcc_jit_lvalue_as_rvalue(small), gc_u64(g, 32 * n)), type)
                           : gcc_jit_lvalue_as_rvalue(xfer(g, n * half, type));
        gc_set(g, v[n], gc_cast(g, value, g->u64));
    }
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = join;
    gc_dst(g, i->d, gcc_jit_lvalue_as_rvalue(v[0]));
    gc_dst(g, i->d2, gcc_jit_lvalue_as_rvalue(v[1]));
}

static void store_pair(struct gc *g, const struct ir_insn *i, struct access *a, gcc_jit_type *type, gcc_jit_type *vol)
{
    unsigned half = a->size / 2;
    lval v[2] = { gc_local(g, g->u64, "lo"), gc_local(g, g->u64, "hi") };
    gcc_jit_block *join = gc_block(g), *slow;
    gc_set(g, v[0], gc_src(g, i->c));
    gc_set(g, v[1], gc_src(g, i->b));
    rval host = translate(g, a, &slow);
    for (unsigned n = 0; n < 2; n++)
        gc_set(g, memory(g, host, n * half, vol), gc_cast(g, gcc_jit_lvalue_as_rvalue(v[n]), type));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = slow;
    lval small = NULL;
    if (a->size <= 8) {
        small = gc_local(g, g->u64, "both");
        rval low = gc_bin(g, OP(BITWISE_AND), g->u64, gcc_jit_lvalue_as_rvalue(v[0]), gc_u64(g, UINT32_MAX));
        rval high = gc_bin(g, OP(LSHIFT), g->u64, gcc_jit_lvalue_as_rvalue(v[1]), gc_u64(g, 32));
        gc_set(g, small, gc_bin(g, OP(BITWISE_OR), g->u64, low, high));
    } else {
        for (unsigned n = 0; n < 2; n++)
            gc_set(g, xfer(g, n * half, type), gc_cast(g, gcc_jit_lvalue_as_rvalue(v[n]), type));
    }
    slow_path(g, a, small, join);
    g->at = join;
}

// One or two vector registers of 4, 8 or 16 bytes each ------------------------------------------------

// Low bytes of a vector.
static rval vec_low(struct gc *g, ir_val v, unsigned size)
{
    rval word = gc_src(g, v);
    return size == 8 ? word : gc_cast(g, word, size == 4 ? g->u32 : size == 2 ? g->u16 : g->u8);
}

static void put_vec(struct gc *g, ir_val d, unsigned size, lval from)
{
    if (size == 16) {
        gc_vec_dst(g, d, gcc_jit_lvalue_as_rvalue(from));
        return;
    }
    gc_vec_dst(g, d, gc_vec_of(g, gc_cast(g, gcc_jit_lvalue_as_rvalue(from), g->u64), gc_u64(g, 0)));
}

static void load_vec(struct gc *g, const struct ir_insn *i, struct access *a, unsigned each)
{
    gcc_jit_type *plain[4] = { g->u8, g->u16, g->u32, g->u64 };
    gcc_jit_type *type = each == 16 ? g->v2 : plain[log2_of(each)], *vol = each == 16 ? g->vol_v2 : g->vol[log2_of(each)];
    unsigned count = a->size / each;
    lval v[2];
    gcc_jit_block *join = gc_block(g), *back = gc_block(g), *slow;
    for (unsigned n = 0; n < count; n++)
        v[n] = gc_local(g, type, "lv");
    rval host = translate(g, a, &slow);
    for (unsigned n = 0; n < count; n++)
        gc_set(g, v[n], gcc_jit_lvalue_as_rvalue(memory(g, host, n * each, vol)));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = slow;
    lval small = a->size <= 8 ? gc_local(g, g->u64, "small") : NULL;
    slow_path(g, a, small, back);
    g->at = back;
    for (unsigned n = 0; n < count; n++) {
        rval value = small ? gc_cast(g, gc_bin(g, OP(RSHIFT), g->u64, gcc_jit_lvalue_as_rvalue(small), gc_u64(g, 8 * each * n)), type)
                           : gcc_jit_lvalue_as_rvalue(xfer(g, n * each, type));
        gc_set(g, v[n], value);
    }
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = join;
    put_vec(g, i->d, each, v[0]);
    if (count == 2)
        put_vec(g, i->d2, each, v[1]);
}

static void store_vec(struct gc *g, const struct ir_insn *i, struct access *a, unsigned each)
{
    gcc_jit_type *plain[4] = { g->u8, g->u16, g->u32, g->u64 };
    gcc_jit_type *type = each == 16 ? g->v2 : plain[log2_of(each)], *vol = each == 16 ? g->vol_v2 : g->vol[log2_of(each)];
    unsigned count = a->size / each;
    const ir_val values[2] = { i->c, i->b };
    lval v[2];
    gcc_jit_block *join = gc_block(g), *slow;
    for (unsigned n = 0; n < count; n++) {
        v[n] = gc_local(g, type, "sv");
        gc_set(g, v[n], each == 16 ? gc_vec_src(g, values[n]) : vec_low(g, values[n], each));
    }
    rval host = translate(g, a, &slow);
    for (unsigned n = 0; n < count; n++)
        gc_set(g, memory(g, host, n * each, vol), gcc_jit_lvalue_as_rvalue(v[n]));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    g->at = slow;
    lval small = NULL;
    if (a->size <= 8) {
        small = gc_local(g, g->u64, "small");
        rval value = gc_cast(g, gcc_jit_lvalue_as_rvalue(v[0]), g->u64);
        if (count == 2)
            value = gc_bin(g, OP(BITWISE_OR), g->u64, value,
                           gc_bin(g, OP(LSHIFT), g->u64, gc_cast(g, gcc_jit_lvalue_as_rvalue(v[1]), g->u64), gc_u64(g, 8 * each)));
        gc_set(g, small, value);
    } else {
        for (unsigned n = 0; n < count; n++)
            gc_set(g, xfer(g, n * each, type), gcc_jit_lvalue_as_rvalue(v[n]));
    }
    slow_path(g, a, small, join);
    g->at = join;
}

// ------------------------------------------------------------------------------------------------

struct shape {
    uint8_t size, sign; // bytes of an element; of what a load sign-extends from, or 0
    bool to32;
};

static const struct shape shapes[IR_NR_OPS] = {
#define IR_LOAD(name, MT, XT) [IR_##name] = { sizeof(MT), (MT)-1 < (MT)1 ? sizeof(MT) : 0, sizeof(XT) == 4 },
#define IR_STORE(name, MT)    [IR_##name] = { sizeof(MT), 0, false },
#define IR_LOADP(name, MT)    [IR_##name] = { sizeof(MT), 0, false },
#define IR_STOREP(name, MT)   [IR_##name] = { sizeof(MT), 0, false },
#define IR_LOADV(name, bytes) [IR_##name] = { bytes, 0, false },
#define IR_STOREV(name, bytes) [IR_##name] = { bytes, 0, false },
#define IR_LOADVP(name, bytes) [IR_##name] = { bytes, 0, false },
#define IR_STOREVP(name, bytes) [IR_##name] = { bytes, 0, false },
#include "jit/ir_ops.def"
};

bool gc_lower_mem(struct gc *g, const struct ir_insn *i)
{
    unsigned form = ir_op_info[i->op].form;
    if (form < IR_FORM_LOAD || form > IR_FORM_STOREVP || i->attr)
        return false;
    bool pair = form == IR_FORM_LOADP || form == IR_FORM_STOREP || form == IR_FORM_LOADVP || form == IR_FORM_STOREVP;
    bool is_store = form == IR_FORM_STORE || form == IR_FORM_STOREP || form == IR_FORM_STOREV || form == IR_FORM_STOREVP;
    const struct shape *s = &shapes[i->op];
    bool indexed = !pair && i->b != IR_NONE;
    struct access a = { .size = s->size * (pair ? 2u : 1u), .attr = pair ? MEM_PAIR : 0, .store = is_store };
    a.va = gc_copy(g, address_of(g, i, indexed), g->u64);
    a.site = gc_site(g, i->a, indexed, is_store);
    gcc_jit_type *signs[9] = { [1] = g->s8, [2] = g->s16, [4] = g->s32 };
    gcc_jit_type *words[9] = { [4] = g->u32, [8] = g->u64 };
    switch (form) {
    case IR_FORM_LOAD: load(g, i, &a, s->sign ? signs[s->sign] : NULL, s->to32 ? g->u32 : g->u64); break;
    case IR_FORM_STORE: store(g, i, &a); break;
    case IR_FORM_LOADP: load_pair(g, i, &a, words[s->size], g->vol[log2_of(s->size)]); break;
    case IR_FORM_STOREP: store_pair(g, i, &a, words[s->size], g->vol[log2_of(s->size)]); break;
    case IR_FORM_LOADV: case IR_FORM_LOADVP: load_vec(g, i, &a, s->size); break;
    default: store_vec(g, i, &a, s->size); break;
    }
    return true;
}
