// SPDX-License-Identifier: GPL-3.0-or-later
// From recipes to an object file: one C function a region.
//
// The function: load the guest registers it uses, switch to the entry asked for, run, and leave
// through one shared place that writes back what may have changed. Blocks that run into each other
// are jumps; a jump back looks at exit_request.
#include "jit/gccjit.h"

#include "jit/gccjit_ctx.h"
#include "jit/gccjit_sites.h"
#include "jit/fp_host.h"
#include "jit/hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OP(op)  GCC_JIT_BINARY_OP_##op
#define CMP(op) GCC_JIT_COMPARISON_##op

// Sites ------------------------------------------------------------------------------------------

#define MAX_SITES (2 * VCPU_NR_R + 256)

static rval no_page(struct gc *g)
{
    return gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, no_page), g->u64));
}

static void site_init(struct gc *g, struct gc_site *s)
{
    s->page = gc_local(g, g->u64, "page");
    s->addend = gc_local(g, g->u64, "addend");
    gcc_jit_block_add_assignment(g->head, NULL, s->page, no_page(g));
    gcc_jit_block_add_assignment(g->head, NULL, s->addend, gc_u64(g, 0));
}

struct gc_site *gc_site(struct gc *g, ir_val base, bool indexed, bool store)
{
    // Bases that are rarely used share a site: the zeroth register's, hot or not.
    struct gc_site *s;
    if (ir_kind(base) == IR_KIND_R && (!indexed || !g->r_hot[ir_num(base)]))
        s = &g->sites[2 * (g->r_hot[ir_num(base)] ? ir_num(base) : 0) + store];
    else if (g->nr_sites < 256)
        s = &g->sites[2 * VCPU_NR_R + g->nr_sites++];
    else
        s = &g->sites[store];
    if (!s->page)
        site_init(g, s);
    return s;
}

void gc_sites_forget(struct gc *g)
{
    for (unsigned n = 0; n < MAX_SITES; n++)
        if (g->sites[n].page)
            gc_set(g, g->sites[n].page, no_page(g));
}

// Leaving ----------------------------------------------------------------------------------------

static gcc_jit_block *leave_block(struct gc *g)
{
    struct flags f = g->flags;
    if (f.kind == FLAGS_PACKED)
        return g->leave;
    gcc_jit_block **b = &g->leave_with[f.kind][f.wide];
    if (!*b) {
        *b = gc_block(g);
        gcc_jit_block *at = g->at;
        g->at = *b;
        gc_set(g, g->nzcv, gc_flags_pack(g, f));
        gcc_jit_block_end_with_jump(g->at, NULL, g->leave);
        g->at = at;
    }
    return *b;
}

static rval here(struct gc *g, int64_t pc)
{
    return gc_bin(g, OP(PLUS), g->u64, gcc_jit_param_as_rvalue(g->page0), gc_u64(g, (uint64_t)(g->page + pc)));
}

static void count(struct gc *g, unsigned insns)
{
    if (insns)
        gc_set(g, g->icount, gc_bin(g, OP(PLUS), g->u64, gcc_jit_lvalue_as_rvalue(g->icount), gc_u64(g, insns)));
}

// Leaves for an address.
static void leave_to(struct gc *g, rval pc, enum region_result result)
{
    gc_set(g, g->pc, pc);
    gc_set(g, g->result, gc_u32(g, result));
    gcc_jit_block_end_with_jump(g->at, NULL, leave_block(g));
    g->at = NULL;
}

void gc_leave(struct gc *g, int64_t pc, enum region_result result)
{
    leave_to(g, here(g, pc), result);
}

gcc_jit_block *gc_bail_block(struct gc *g)
{
    // One for all of an instruction's ops: nothing of it is committed before any of them.
    if (g->bail && g->bail_off == g->ir->cur_off && g->bail_flags.kind == g->flags.kind && g->bail_flags.wide == g->flags.wide)
        return g->bail;
    gcc_jit_block *at = g->at, *b = gc_block(g);
    g->bail = b;
    g->bail_off = g->ir->cur_off;
    g->bail_flags = g->flags;
    g->at = b;
    count(g, g->insns_done);
    gc_leave(g, g->ir->cur_off, REGION_BAIL);
    g->at = at;
    return b;
}

static void emit_leave(struct gc *g)
{
    g->at = g->leave;
    for (unsigned n = 0; n < VCPU_NR_R; n++)
        if (g->r_dirty[n])
            gc_spill(g, ir_r(n));
    for (unsigned n = 0; n < VCPU_NR_V; n++)
        if (g->v_dirty[n])
            gc_spill(g, ir_v(n));
    gc_set(g, gc_field(g, offsetof(struct vcpu, nzcv), g->u32), gcc_jit_lvalue_as_rvalue(g->nzcv));
    gc_set(g, gc_field(g, offsetof(struct vcpu, pc), g->u64), gcc_jit_lvalue_as_rvalue(g->pc));
    gc_set(g, gc_field(g, offsetof(struct vcpu, icount), g->u64), gcc_jit_lvalue_as_rvalue(g->icount));
    gcc_jit_block_end_with_return(g->at, NULL, gcc_jit_lvalue_as_rvalue(g->result));
}

// Going on ---------------------------------------------------------------------------------------

// The region's block at a distance from page0, or -1.
static int block_at(const struct gc *g, int64_t where)
{
    for (uint32_t n = 0; n < g->recipe->nr_blocks; n++) {
        const struct region_block *b = &g->recipe->blocks[n];
        if ((int64_t)g->recipe->pages[b->page].delta * (int64_t)PAGE_SIZE + b->off == where)
            return (int)n;
    }
    return -1;
}

// By asm: the API drops the volatility of what a pointer points to, and a load that may be done once
// for all rounds of a loop makes the guest deaf.
static rval exit_requested(struct gc *g)
{
    char text[40];
    snprintf(text, sizeof text, "cmpl $0, %zu(%%1)", offsetof(struct vcpu, exit_request));
    lval asked = gc_local(g, g->u32, "asked");
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=@ccne", asked);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", gcc_jit_param_as_rvalue(g->cpu));
    return gc_cmp(g, CMP(NE), gcc_jit_lvalue_as_rvalue(asked), gc_u32(g, 0));
}

static unsigned state_index(struct flags f)
{
    return f.kind == FLAGS_PACKED ? 0 : 2u * f.kind - 1 + f.wide;
}

// Block n as it is reached with the present flags; may pack them first (in g->at).
static gcc_jit_block *version(struct gc *g, unsigned n)
{
    struct flags f = g->flags;
    if (g->flags_dead[n])
        f.kind = FLAGS_PACKED; // whatever the word holds
    if (!g->blocks[n][state_index(f)] && f.kind != FLAGS_PACKED && g->nr_states[n] >= GC_MAX_STATES) {
        gc_flags_settle(g);
        f.kind = FLAGS_PACKED;
    }
    gcc_jit_block **b = &g->blocks[n][state_index(f)];
    if (!*b) {
        *b = gc_block(g);
        g->nr_states[n]++;
        g->versions[g->nr_versions++] = (struct gc_version){ n, f };
    }
    return *b;
}

// Jumps to a place known at compile time; ends g->at.
static void go(struct gc *g, int64_t target)
{
    int64_t where = g->page + target;
    int n = block_at(g, where);
    if (n < 0) {
        gc_leave(g, target, REGION_LEFT);
        return;
    }
    gcc_jit_block *to = version(g, (unsigned)n);
    const struct region_block *self = &g->recipe->blocks[g->block];
    if (where <= g->page + self->off) {
        gcc_jit_block *out = gc_block(g);
        gc_branch_rarely(g, exit_requested(g), out, to);
        g->at = out;
        gc_leave(g, target, REGION_LEFT);
        return;
    }
    gcc_jit_block_end_with_jump(g->at, NULL, to);
    g->at = NULL;
}

static void go_if(struct gc *g, rval condition, int64_t target, int64_t next)
{
    struct flags f = g->flags;
    gcc_jit_block *yes = gc_block(g), *no = gc_block(g);
    gc_branch(g, condition, yes, no);
    g->at = yes;
    go(g, target);
    g->flags = f;
    g->at = no;
    go(g, next);
}

// An indirect branch: the places in the region where it may lead are compared one by one.
static void go_indirect(struct gc *g, const struct ir_insn *i)
{
    rval target = gc_copy(g, gc_src(g, i->a), g->u64);
    rval distance = gc_copy(g, gc_bin(g, OP(MINUS), g->u64, target, gcc_jit_param_as_rvalue(g->page0)), g->u64);
    gc_flags_settle(g);
    gcc_jit_block *out = gc_block(g);
    gcc_jit_block *first = gc_block(g);
    gc_branch_rarely(g, exit_requested(g), out, first);
    g->at = first;
    for (uint32_t n = 0; n < g->recipe->nr_blocks; n++) {
        const struct region_block *b = &g->recipe->blocks[n];
        if (!(b->flags & REGION_INDIRECT))
            continue;
        int64_t where = (int64_t)g->recipe->pages[b->page].delta * (int64_t)PAGE_SIZE + b->off;
        gcc_jit_block *no = gc_block(g);
        gc_branch(g, gc_cmp(g, CMP(EQ), distance, gc_u64(g, (uint64_t)where)), version(g, n), no);
        g->at = no;
    }
    gcc_jit_block_end_with_jump(g->at, NULL, out);
    g->at = out;
    leave_to(g, target, REGION_LEFT);
}

// Which registers are used most, by the weight of the blocks that use them. Beyond what the host
// has, a local only costs: a load at the head, a store on the way out, a move at every join.
enum { HOT_R = 10, HOT_V = 12 };

struct uses {
    uint64_t r[VCPU_NR_R], v[VCPU_NR_V];
};

static void count_uses(struct uses *u, const struct ir *ir, uint64_t weight)
{
    for (unsigned k = 0; k < ir->nr; k++) {
        const struct ir_insn *i = &ir->insn[k];
        const ir_val vals[] = { i->d, i->d2, i->a, i->b, i->c };
        for (unsigned n = 0; n < ARRAY_SIZE(vals); n++)
            if (ir_kind(vals[n]) == IR_KIND_R)
                (ir_is_v(vals[n]) ? u->v : u->r)[ir_num(vals[n])] += weight;
    }
}

static void choose_hot(bool *hot, uint64_t *uses, unsigned n, unsigned most)
{
    for (; most; most--) {
        unsigned best = 0;
        for (unsigned k = 1; k < n; k++)
            if (uses[k] > uses[best])
                best = k;
        if (!uses[best])
            return;
        hot[best] = true;
        uses[best] = 0;
    }
}

static rval bit_of(struct gc *g, const struct ir_insn *i)
{
    rval v = gc_bin(g, OP(RSHIFT), g->u64, gc_src(g, i->a), gc_u64(g, i->attr));
    return gc_bin(g, OP(BITWISE_AND), g->u64, v, gc_u64(g, 1));
}

// One op of a guest block --------------------------------------------------------------------------

static bool lower_end(struct gc *g, const struct ir_insn *i)
{
    int64_t next = i->off + 4, target = (int64_t)i->imm;
    rval v;
    switch (i->op) {
    case IR_BR: go(g, target); return true;
    case IR_BR_COND: go_if(g, gc_condition(g, i->attr), target, next); return true;
    case IR_BR_Z:
    case IR_BR_NZ:
        v = i->type == IR_I64 ? gc_src(g, i->a) : gc_src32(g, i->a);
        go_if(g, gc_cmp(g, i->op == IR_BR_Z ? CMP(EQ) : CMP(NE), v, gcc_jit_context_zero(g->ctx, i->type == IR_I64 ? g->u64 : g->u32)), target, next);
        return true;
    case IR_BR_BIT0: go_if(g, gc_cmp(g, CMP(EQ), bit_of(g, i), gc_u64(g, 0)), target, next); return true;
    case IR_BR_BIT1: go_if(g, gc_cmp(g, CMP(NE), bit_of(g, i), gc_u64(g, 0)), target, next); return true;
    case IR_BR_IND: go_indirect(g, i); return true;
    case IR_EXIT: gc_leave(g, target, REGION_LEFT); return true;
    case IR_EXIT_PC: leave_to(g, gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, pc), g->u64)), REGION_LEFT); return true;
    case IR_RAISE:
        // The interpreter does it, and counts it.
        gc_set(g, g->icount, gc_bin(g, OP(MINUS), g->u64, gcc_jit_lvalue_as_rvalue(g->icount), gc_u64(g, 1)));
        gc_leave(g, i->off, REGION_BAIL);
        return true;
    }
    return false;
}

void gc_fence(struct gc *g)
{
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, "lock orl $0, (%%rsp)");
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_clobber(as, "memory");
    gcc_jit_extended_asm_add_clobber(as, "cc");
}

static bool lower_control(struct gc *g, const struct ir_insn *i)
{
    gcc_jit_block *on;
    switch (i->op) {
    case IR_PCREL:
    case IR_PCREL_PAGE: gc_dst(g, i->d, here(g, (int64_t)i->imm)); return true;
    case IR_SET_NZCV:
        g->flags.kind = FLAGS_PACKED;
        gc_set(g, g->nzcv, gc_cast(g, gc_bin(g, OP(BITWISE_AND), g->u64, gc_bin(g, OP(RSHIFT), g->u64, gc_src(g, i->a), gc_u64(g, 28)), gc_u64(g, 15)), g->u32));
        return true;
    case IR_GET_NZCV:
        gc_flags_settle(g);
        gc_dst(g, i->d, gc_bin(g, OP(LSHIFT), g->u64, gc_cast(g, gcc_jit_lvalue_as_rvalue(g->nzcv), g->u64), gc_u64(g, 28)));
        return true;
    case IR_CHECK_SP:
        on = gc_block(g);
        gc_branch_rarely(g, gc_cmp(g, CMP(NE), gc_bin(g, OP(BITWISE_AND), g->u64, gc_src(g, i->a), gc_u64(g, 15)), gc_u64(g, 0)), gc_bail_block(g), on);
        g->at = on;
        return true;
    case IR_CLREX: gc_set(g, gc_field(g, offsetof(struct vcpu, excl_size), g->u32), gc_u32(g, 0)); return true;
    case IR_FENCE: gc_fence(g); return true;
    }
    return false;
}

static void lower(struct gc *g, const struct ir_insn *i)
{
    unsigned form = ir_op_info[i->op].form;
    if (ir_op_info[i->op].flags & IR_F_END) {
        count(g, g->insns_done + 1);
        bool done = lower_end(g, i);
        assert(done);
        (void)done;
        return;
    }
    bool done = form <= IR_FORM_FLG3 ? gc_lower_int(g, i)
              : form != IR_FORM_CTL ? gc_lower_mem(g, i)
              : i->op == IR_ATOMIC ? gc_lower_atomic(g, i)
              : i->op == IR_VEC ? gc_lower_vec(g, i)
                                : lower_control(g, i);
    if (!done)
        gc_lower_call(g, i);
}

static bool translate(struct gc *g, unsigned n, struct error *err)
{
    const struct region_block *b = &g->recipe->blocks[n];
    uint32_t n_insns;
    ir_begin(g->ir, g->guest, b->off, g->recipe->mode);
    g->guest->translate_block(g->ir, g->recipe->pages[b->page].bytes, &n_insns);
    if (n_insns != b->n_insns)
        return error_set(err, "block of %u instructions translates as %u", b->n_insns, n_insns);
    ir_opt_all(g->ir);
    return true;
}

// Does the block overwrite NZCV before anything reads it, or may leave?
static bool kills_flags(const struct ir *ir)
{
    for (unsigned k = 0; k < ir->nr; k++) {
        unsigned f = ir_flags(ir, &ir->insn[k]);
        if (f & (IR_F_RD_NZCV | IR_F_BAIL | IR_F_END))
            return false;
        if (f & IR_F_WR_NZCV)
            return true;
    }
    return false;
}

static bool lower_version(struct gc *g, const struct gc_version *v, struct error *err)
{
    const struct region_block *b = &g->recipe->blocks[v->block];
    if (!translate(g, v->block, err))
        return false;
    g->block = v->block;
    g->at = g->blocks[v->block][state_index(v->flags)];
    g->bail = NULL;
    memset(g->v_bits, 0, sizeof g->v_bits);
    g->flags = v->flags;
    g->page = (int64_t)g->recipe->pages[b->page].delta * (int64_t)PAGE_SIZE;
    g->insns_done = 0;
    for (unsigned k = 0; k < g->ir->nr; k++) {
        const struct ir_insn *i = &g->ir->insn[k];
        if (i->op == IR_INSN_START) {
            g->insns_done = (i->off - b->off) / 4;
            g->ir->cur_off = i->off;
            memset(g->tmp_is_vec, 0, sizeof g->tmp_is_vec);
            memset(g->tmp_bits, 0, sizeof g->tmp_bits);
        } else {
            lower(g, i);
        }
    }
    return true;
}

static void emit_head(struct gc *g)
{
    const struct region_recipe *r = g->recipe;
    gcc_jit_case *cases[REGION_MAX_ENTRIES];
    gcc_jit_block *first = NULL;
    unsigned nr = 0;
    for (uint32_t n = 0; n < r->nr_blocks; n++) {
        const struct region_block *b = &r->blocks[n];
        if (!(b->flags & REGION_ENTRY))
            continue;
        if (!first)
            first = g->blocks[n][0];
        rval value = gc_u32(g, b->entry);
        cases[nr++] = gcc_jit_context_new_case(g->ctx, value, value, g->blocks[n][0]);
    }
    if (g->uses_fp) {
        // Without the host's floating point the interpreter does all of it.
        gcc_jit_block *usable = gc_block(g), *out = gc_block(g);
        g->at = g->head;
        rval fast = gc_bin(g, OP(BITWISE_AND), g->u32,
                           gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, fp.host), g->u32)),
                           gc_u32(g, FP_HOST_FAST | FP_HOST_FMA));
        gc_branch_rarely(g, gc_cmp(g, CMP(NE), fast, gc_u32(g, FP_HOST_FAST | FP_HOST_FMA)), out, usable);
        // Nothing has been done: vcpu.pc is set by who enters.
        gcc_jit_block_end_with_return(out, NULL, gc_u32(g, REGION_BAIL));
        g->head = usable;
    }
    if (nr == 1)
        gcc_jit_block_end_with_jump(g->head, NULL, first);
    else
        gcc_jit_block_end_with_switch(g->head, NULL, gcc_jit_param_as_rvalue(g->entry), first, (int)nr, cases);
}

static bool lower_region(struct gc *g, unsigned n, struct error *err)
{
    char name[32];
    snprintf(name, sizeof name, "region_%u", n);
    gcc_jit_type *void_ptr = gcc_jit_context_get_type(g->ctx, GCC_JIT_TYPE_VOID_PTR);
    g->cpu = gcc_jit_context_new_param(g->ctx, NULL, void_ptr, "cpu");
    g->page0 = gcc_jit_context_new_param(g->ctx, NULL, g->u64, "page0");
    g->entry = gcc_jit_context_new_param(g->ctx, NULL, g->u32, "entry");
    gcc_jit_param *params[3] = { g->cpu, g->page0, g->entry };
    g->fn = gcc_jit_context_new_function(g->ctx, NULL, GCC_JIT_FUNCTION_EXPORTED, g->u32, name, 3, params, 0);
    g->head = gcc_jit_function_new_block(g->fn, "head");
    g->leave = gcc_jit_function_new_block(g->fn, "leave");
    g->pc = gc_local(g, g->u64, "pc");
    g->result = gc_local(g, g->u32, "result");
    g->nzcv = gc_local(g, g->u32, "nzcv");
    g->fa = gc_local(g, g->u64, "fa");
    g->fb = gc_local(g, g->u64, "fb");
    g->fc = gc_local(g, g->u32, "fc");
    g->fv = gc_local(g, g->u32, "fv");
    g->fva = gc_local(g, g->v2, "fva");
    g->fvb = gc_local(g, g->v2, "fvb");
    g->icount = gc_local(g, g->u64, "icount");
    g->at = g->head;
    gc_set(g, g->nzcv, gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, nzcv), g->u32)));
    gc_set(g, g->icount, gcc_jit_lvalue_as_rvalue(gc_field(g, offsetof(struct vcpu, icount), g->u64)));
    gc_set(g, g->fa, gc_u64(g, 0));
    gc_set(g, g->fb, gc_u64(g, 0));
    gc_set(g, g->fc, gc_u32(g, 0));
    gc_set(g, g->fv, gc_u32(g, 0));
    gc_set(g, g->fva, gc_vec_of(g, gc_u64(g, 0), gc_u64(g, 0)));
    gc_set(g, g->fvb, gc_vec_of(g, gc_u64(g, 0), gc_u64(g, 0)));
    struct uses uses = { 0 };
    for (uint32_t b = 0; b < g->recipe->nr_blocks; b++) {
        if (!translate(g, b, err))
            return false;
        g->flags_dead[b] = kills_flags(g->ir);
        count_uses(&uses, g->ir, 1 + (uint64_t)g->recipe->blocks[b].weight);
    }
    choose_hot(g->r_hot, uses.r, VCPU_NR_R, HOT_R);
    choose_hot(g->v_hot, uses.v, VCPU_NR_V, HOT_V);
    // All of them now: a helper that looks at registers is to find every local there will be.
    for (unsigned k = 0; k < VCPU_NR_R; k++)
        if (g->r_hot[k])
            gc_src(g, ir_r(k));
    for (unsigned k = 0; k < VCPU_NR_V; k++)
        if (g->v_hot[k])
            gc_vec_src(g, ir_v(k));
    for (uint32_t b = 0; b < g->recipe->nr_blocks; b++)
        if (g->recipe->blocks[b].flags & REGION_ENTRY)
            version(g, b);
    for (unsigned v = 0; v < g->nr_versions; v++)
        if (!lower_version(g, &g->versions[v], err))
            return false;
    emit_leave(g);
    emit_head(g);
    return true;
}

static const char *const options[] = {
    "-frounding-math", "-ftrapping-math", "-ffp-contract=off", "-fno-math-errno", "-fno-strict-aliasing",
    "-fno-stack-protector", "-mno-red-zone", "-fno-asynchronous-unwind-tables", "-fcf-protection=none",
    "-fno-semantic-interposition", "-ffunction-sections", "-mavx2", "-mfma", "-mbmi", "-mbmi2", "-fno-tree-vectorize",
    // What costs a fifth of the time and finds nothing here: accesses are asm, values locals, calls few.
    "-fno-tree-fre", "-fno-tree-dse", "-fno-tree-pta", "-fno-tree-dominator-opts", "-fno-ipa-pure-const",
    "-fno-ipa-reference", "-fno-ipa-profile", "-fno-ipa-modref", "-fno-tree-sra", "-fno-tree-ch", "-fno-tree-loop-optimize",
};
// Level 2 takes 1.8 times as long and made none of the micro kernels faster (measured).
enum { OPTIMIZATION_LEVEL = 1 };

void gccjit_identity(char *out, size_t size)
{
    uint64_t hash = HASH_START;
    for (size_t n = 0; n < ARRAY_SIZE(options); n++)
        hash = hash_bytes(hash, options[n], strlen(options[n]) + 1);
    snprintf(out, size, "libgccjit %d.%d.%d -O%d %08x", gcc_jit_version_major(), gcc_jit_version_minor(),
             gcc_jit_version_patchlevel(), OPTIMIZATION_LEVEL, (unsigned)(hash >> 32));
}

static gcc_jit_context *new_context(void)
{
    gcc_jit_context *ctx = gcc_jit_context_acquire();
    for (size_t n = 0; n < ARRAY_SIZE(options); n++)
        gcc_jit_context_add_command_line_option(ctx, options[n]);
    gcc_jit_context_set_int_option(ctx, GCC_JIT_INT_OPTION_OPTIMIZATION_LEVEL, OPTIMIZATION_LEVEL);
    gcc_jit_context_set_bool_allow_unreachable_blocks(ctx, 1);
    gc_fp_constants(ctx);
    return ctx;
}

bool gccjit_compile(const struct guest *guest, const struct region_recipe *const *recipes, unsigned n,
                    const char *path, struct error *err)
{
    gcc_jit_context *ctx = new_context();
    struct ir *ir = malloc(guest->translator_size);
    struct gc_site *sites = malloc(MAX_SITES * sizeof *sites);
    bool ok = ir && sites;
    for (unsigned k = 0; ok && k < n; k++) {
        struct gc *g = calloc(1, sizeof *g);
        struct gc_version *versions = calloc(REGION_MAX_BLOCKS * (GC_MAX_STATES + 1), sizeof *versions);
        assert(g && versions);
        memset(sites, 0, MAX_SITES * sizeof *sites);
        *g = (struct gc){ .ctx = ctx, .guest = guest, .recipe = recipes[k], .ir = ir, .sites = sites,
                           .versions = versions };
        gc_types(g);
        ok = lower_region(g, k, err);
        free(versions);
        free(g);
    }
    if (ok)
        gcc_jit_context_compile_to_file(ctx, GCC_JIT_OUTPUT_KIND_OBJECT_FILE, path);
    const char *why = ok ? gcc_jit_context_get_first_error(ctx) : NULL;
    if (why)
        ok = error_set(err, "libgccjit: %s", why);
    gcc_jit_context_release(ctx);
    free(sites);
    free(ir);
    return ok;
}
