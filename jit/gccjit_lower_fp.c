// SPDX-License-Identifier: GPL-3.0-or-later
// Floating-point ops by the host's instructions.
//
// They run under the guest's MXCSR (fp_host.c says why that is right and where it is not). Their asm
// is volatile, because the flags they raise count. A result that is NaN, or may have underflowed,
// is made again by the op's function in a cold block, which leaves the flags as the interpreter
// would; in between stands a look whether it is tiny because it is an exact zero, which programs
// have all the time. A region with such ops is entered only while FP_HOST_FAST holds.
//
// The host computes all lanes of a vector: those that do not count must raise nothing.
#include "jit/gccjit_vec.h"

#include <stdio.h>

#define OP(op)  GCC_JIT_BINARY_OP_##op
#define CMP(op) GCC_JIT_COMPARISON_##op

// Constants in memory, next to the code: all bits but the signs, the smallest normals, the signs.
void gc_fp_constants(gcc_jit_context *ctx)
{
    gcc_jit_context_add_top_level_asm(
        ctx, NULL,
        ".pushsection .rodata.armlet, \"a\", @progbits\n"
        "\t.balign 16\n"
        ".Lfp_abs_d: .quad 0x7fffffffffffffff, 0x7fffffffffffffff\n"
        ".Lfp_abs_s: .quad 0x7fffffff7fffffff, 0x7fffffff7fffffff\n"
        ".Lfp_min_d: .quad 0x0010000000000000, 0x0010000000000000\n"
        ".Lfp_min_s: .quad 0x0080000000800000, 0x0080000000800000\n"
        ".Lfp_sign_d: .quad 0x8000000000000000, 0x8000000000000000\n"
        ".Lfp_sign_s: .quad 0x8000000080000000, 0x8000000080000000\n"
        "\t.popsection");
}

// What has to be looked for in a result.
enum check {
    CHECK_NONE,
    CHECK_NAN,
    CHECK_TINY, // NaN too
};

// By vop: the stem of the instruction, what it is checked for, what is done to a good result.
struct fp_row {
    uint16_t vop;
    const char *stem;
    uint8_t operands; // 1, 2, or 3 with the accumulator
    enum check check;
    bool no_half;     // zero upper lanes would raise flags
    const char *post; // "vxorp", "vandp": with which constant
    const char *with;
};

static const struct fp_row fp_rows[] = {
    { IRV_FADD, "vadd", 2, CHECK_NAN, false, NULL, NULL },
    { IRV_FSUB, "vsub", 2, CHECK_NAN, false, NULL, NULL },
    { IRV_FABD, "vsub", 2, CHECK_NAN, false, "vandp", "abs" },
    { IRV_FMUL, "vmul", 2, CHECK_TINY, false, NULL, NULL },
    { IRV_FNMUL, "vmul", 2, CHECK_TINY, false, "vxorp", "sign" },
    { IRV_FDIV, "vdiv", 2, CHECK_TINY, true, NULL, NULL },
    { IRV_FSQRT, "vsqrt", 1, CHECK_NAN, false, NULL, NULL },
    { IRV_FMLA, "vfmadd231", 3, CHECK_TINY, false, NULL, NULL },
    { IRV_FMLS, "vfnmadd231", 3, CHECK_TINY, false, NULL, NULL },
    { IRV_FNMLA, "vfnmsub231", 3, CHECK_TINY, false, NULL, NULL },
    { IRV_FNMLS, "vfmsub231", 3, CHECK_TINY, false, NULL, NULL },
};

static const struct fp_row *row_of(unsigned vop)
{
    for (size_t n = 0; n < ARRAY_SIZE(fp_rows); n++)
        if (fp_rows[n].vop == vop)
            return &fp_rows[n];
    return NULL;
}

// Checks ------------------------------------------------------------------------------------------

// An operation in progress: its operands, its result, and where code goes on when that is final.
struct fp_op {
    const struct ir_insn *i;
    bool wide, scalar;
    lval a, b, acc, d;
    gcc_jit_block *good, *redo, *on;
};

// An asm whose result is a condition; t: a vector it needs, or NULL.
static lval check_asm(struct gc *g, const char *text, const char *condition, lval t, lval v)
{
    lval bad = gc_local(g, g->u32, "bad");
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_add_output_operand(as, NULL, condition, bad);
    if (t)
        gcc_jit_extended_asm_add_output_operand(as, NULL, "=&x", t);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(v));
    return bad;
}

static rval is_set(struct gc *g, lval flag)
{
    return gc_cmp(g, CMP(NE), gcc_jit_lvalue_as_rvalue(flag), gc_u32(g, 0));
}

static rval check_scalar(struct gc *g, lval d, bool wide, enum check check)
{
    char text[96], s = wide ? 'd' : 's';
    if (check == CHECK_NAN) {
        snprintf(text, sizeof text, "vucomis%c %%1, %%1", s);
        return is_set(g, check_asm(g, text, "=@ccp", NULL, d));
    }
    // Not above the smallest normal (it may have been rounded up to), or unordered.
    snprintf(text, sizeof text, "vandp%c .Lfp_abs_%c(%%%%rip), %%2, %%1\n\tvucomis%c .Lfp_min_%c(%%%%rip), %%1", s, s, s, s);
    return is_set(g, check_asm(g, text, "=@ccbe", gc_local(g, g->v2, "t"), d));
}

// Is any lane that counts not zero?
static rval any_lane(struct gc *g, const struct ir_insn *i, lval lanes)
{
    if ((i->type & ~3u) == IR_HALF)
        return gc_cmp(g, CMP(NE), gc_vec_low(g, lanes), gc_u64(g, 0));
    lval mask = gc_local(g, g->u32, "mask");
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, "vmovmskps %1, %0");
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=r", mask);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(lanes));
    return is_set(g, mask);
}

// The lanes that are bad, as a mask.
static lval check_lanes(struct gc *g, lval d, bool wide, enum check check)
{
    char text[96], s = wide ? 'd' : 's';
    if (check == CHECK_NAN) {
        snprintf(text, sizeof text, "vcmpp%c $3, %%1, %%1, %%0", s);
        return gc_vec_asm(g, text, true, d, NULL, NULL);
    }
    // 0x1a: NGT_UQ, raises nothing for quiet NaNs.
    snprintf(text, sizeof text, "vandp%c .Lfp_abs_%c(%%%%rip), %%1, %%0", s, s);
    lval t = gc_vec_asm(g, text, false, d, NULL, NULL);
    snprintf(text, sizeof text, "vcmpp%c $0x1a, .Lfp_min_%c(%%%%rip), %%1, %%0", s, s);
    return gc_vec_asm(g, text, true, t, NULL, NULL);
}

// A product with a zero, or a quotient of zero, is exactly zero.
static rval zero_scalar(struct gc *g, const struct fp_op *o)
{
    gcc_jit_type *t = o->wide ? g->u64 : g->u32;
    rval none = gcc_jit_context_zero(g->ctx, t), one = gcc_jit_context_one(g->ctx, t), is[3];
    const lval vals[3] = { o->d, o->a, o->b };
    for (unsigned n = 0; n < 3; n++) {
        rval doubled = gc_bin(g, OP(LSHIFT), t, gc_cast(g, gc_vec_low(g, vals[n]), t), one);
        is[n] = gc_cast(g, gc_cmp(g, CMP(EQ), doubled, none), g->s32);
    }
    rval factor = o->i->attr == IRV_FDIV ? is[1] : gc_bin(g, OP(BITWISE_OR), g->s32, is[1], is[2]);
    rval both = gc_bin(g, OP(BITWISE_AND), g->s32, is[0], factor);
    return gc_cmp(g, CMP(EQ), both, gcc_jit_context_zero(g->ctx, g->s32));
}

// Of the bad lanes those that are not exactly zero; is there one?
static rval zero_lanes(struct gc *g, const struct fp_op *o, lval bad)
{
    char text[48];
    lval none = gc_vec_const(g, 0, 0), is[3];
    const lval vals[3] = { o->d, o->a, o->b };
    snprintf(text, sizeof text, "vcmpp%c $0, %%2, %%1, %%0", o->wide ? 'd' : 's');
    for (unsigned n = 0; n < 3; n++)
        is[n] = gc_vec_asm(g, text, true, vals[n], none, NULL);
    lval factor = o->i->attr == IRV_FDIV ? is[1] : gc_vec_asm(g, "vpor %2, %1, %0", false, is[1], is[2], NULL);
    lval both = gc_vec_asm(g, "vpand %2, %1, %0", false, is[0], factor, NULL);
    return any_lane(g, o->i, gc_vec_asm(g, "vpandn %1, %2, %0", false, bad, both, NULL));
}

// Ends g->at: results that the reference has to make again go to redo, others to good.
static void check_result(struct gc *g, const struct fp_op *o, enum check check)
{
    gcc_jit_block *first = check == CHECK_TINY ? gc_block(g) : o->redo;
    lval lanes = o->scalar ? NULL : check_lanes(g, o->d, o->wide, check);
    rval bad = o->scalar ? check_scalar(g, o->d, o->wide, check) : any_lane(g, o->i, lanes);
    gc_branch_rarely(g, bad, first, o->good);
    if (check != CHECK_TINY)
        return;
    g->at = first;
    bad = o->scalar ? zero_scalar(g, o) : zero_lanes(g, o, lanes);
    gc_branch_rarely(g, bad, o->redo, o->good);
}

// Makes d again by the op's function, through the thunk.
static void make_again(struct gc *g, const struct fp_op *o)
{
    const ir_val scratch = (ir_val)(IR_KIND_TMP | VCPU_NR_TMP);
    const lval operands[3] = { o->a, o->b, o->acc };
    for (unsigned n = 0; n < 3; n++)
        if (operands[n])
            gc_set(g, gc_field(g, gc_offset(scratch) + 16 * n, g->v2), gcc_jit_lvalue_as_rvalue(operands[n]));
    char call[48];
    snprintf(call, sizeof call, "call *%zu(%%%%rdi)", offsetof(struct vcpu, region_vec));
    lval rax = gc_local(g, g->u64, "rax"), rdx = gc_local(g, g->u64, "rdx");
    gc_set(g, rax, gc_u64(g, o->i->attr * 12u + o->i->type));
    gc_set(g, rdx, gc_u64(g, o->i->imm));
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, call);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+a", rax);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+d", rdx);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "D", gcc_jit_param_as_rvalue(g->cpu));
    gcc_jit_extended_asm_add_clobber(as, "memory");
    gcc_jit_extended_asm_add_clobber(as, "cc");
    gc_set(g, o->d, gcc_jit_lvalue_as_rvalue(gc_field(g, gc_offset(scratch) + 48, g->v2)));
}

static struct fp_op begin(struct gc *g, const struct ir_insn *i)
{
    g->uses_fp = true;
    return (struct fp_op){ .i = i, .wide = (i->type & 3) == IR_LANE64, .scalar = (i->type & ~3u) == IR_SCALAR };
}

// Emits the check and what comes of it; o.good is left open as g->at for what a good result needs.
static void open_check(struct gc *g, struct fp_op *o, enum check check)
{
    o->good = gc_block(g);
    o->redo = gc_block(g);
    o->on = gc_block(g);
    check_result(g, o, check);
    g->at = o->redo;
    make_again(g, o);
    gcc_jit_block_end_with_jump(g->at, NULL, o->on);
    g->at = o->good;
}

static void close_check(struct gc *g, struct fp_op *o)
{
    gcc_jit_block_end_with_jump(g->at, NULL, o->on);
    g->at = o->on;
}

// Arithmetic --------------------------------------------------------------------------------------

static lval fp_source(struct gc *g, const struct ir_insn *i, ir_val v)
{
    lval l = gc_vec_source(g, v);
    return (i->type & ~3u) == IR_HALF ? gc_vec_asm(g, "vmovq %1, %0", false, l, NULL, NULL) : l;
}

static lval zero_above(struct gc *g, lval d, bool wide)
{
    return gc_vec_asm(g, wide ? "vmovq %1, %0" : "vinsertps $14, %1, %1, %0", false, d, NULL, NULL);
}

static bool commutes(unsigned vop)
{
    return vop == IRV_FADD || vop == IRV_FMUL || vop == IRV_FNMUL;
}

static void compute(struct gc *g, struct fp_op *o, const struct fp_row *r)
{
    const struct ir_insn *i = o->i;
    char text[64];
    unsigned bits = o->wide ? 64 : 32;
    const char *form = r->operands == 1 ? (o->scalar ? "%s%c%c %%1, %%1, %%0" : "%s%c%c %%1, %%0") : "%s%c%c %%2, %%1, %%0";
    snprintf(text, sizeof text, form, r->stem, o->scalar ? 's' : 'p', o->wide ? 'd' : 's');
    o->a = fp_source(g, i, i->a);
    o->b = r->operands > 1 ? fp_source(g, i, i->b) : NULL;
    o->acc = r->operands > 2 ? fp_source(g, i, i->c) : NULL;
    // A scalar instruction leaves above its lane what its first operand (an accumulator: itself)
    // has there.
    bool swap = commutes(i->attr) && gc_vec_is_low(g, i->b, bits);
    bool low = gc_vec_is_low(g, r->operands > 2 ? i->c : swap ? i->b : i->a, bits);
    o->d = gc_vec_asm(g, text, true, swap ? o->b : o->a, swap ? o->a : o->b, o->acc);
    if (o->scalar && !low)
        o->d = zero_above(g, o->d, o->wide);
}

static bool finish(struct gc *g, const struct fp_op *o)
{
    if (!o->scalar)
        return gc_vec_put(g, o->i, o->d);
    gc_vec_dst_low(g, o->i->d, gcc_jit_lvalue_as_rvalue(o->d), o->wide ? 64 : 32);
    return true;
}

static bool arithmetic_op(struct gc *g, const struct ir_insn *i)
{
    const struct fp_row *r = row_of(i->attr);
    if (!r || (i->type & 3) < IR_LANE32 || (r->no_half && (i->type & ~3u) == IR_HALF))
        return false;
    struct fp_op o = begin(g, i);
    char text[64];
    compute(g, &o, r);
    open_check(g, &o, r->check);
    if (r->post) {
        // On lane 0 alone where the others have to stay zero.
        snprintf(text, sizeof text, "%s%c .Lfp_%s_%c(%%%%rip), %%1, %%0", r->post, o.wide ? 'd' : 's', r->with, o.wide ? 'd' : 's');
        lval d = gc_vec_asm(g, text, false, o.d, NULL, NULL);
        if (o.scalar && i->attr == IRV_FNMUL)
            d = zero_above(g, d, o.wide);
        gc_set(g, o.d, gcc_jit_lvalue_as_rvalue(d));
    }
    close_check(g, &o);
    return finish(g, &o);
}

// Sign bits: no flags, no checks.
static bool sign_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3;
    if ((i->attr != IRV_FNEG && i->attr != IRV_FABS) || lane < IR_LANE32)
        return false;
    uint64_t sign = lane == IR_LANE64 ? BIT(63) : UINT64_C(0x8000000080000000);
    lval mask = gc_vec_const(g, sign, sign);
    const char *text = i->attr == IRV_FNEG ? "vpxor %2, %1, %0" : "vpandn %1, %2, %0";
    unsigned bits = lane == IR_LANE64 ? 64 : 32;
    if ((i->type & ~3u) == IR_SCALAR && gc_vec_is_low(g, i->a, bits)) {
        // The mask has its sign bit in lane 0 alone then: what is zero stays so.
        mask = gc_vec_const(g, BIT(bits - 1), 0);
        lval d = gc_vec_asm(g, text, false, gc_vec_source(g, i->a), mask, NULL);
        gc_vec_dst_low(g, i->d, gcc_jit_lvalue_as_rvalue(d), bits);
        return true;
    }
    return gc_vec_put(g, i, gc_vec_asm(g, text, false, gc_vec_source(g, i->a), mask, NULL));
}

// Conversions -------------------------------------------------------------------------------------

// Of a word that a signed 64-bit register holds: exact, or inexact, nothing else.
static bool word_to_fp(struct gc *g, const struct ir_insn *i)
{
    bool is_unsigned = i->imm >> 8 & 1, is64 = i->imm >> 12 & 1;
    unsigned lane = i->type & 3;
    if (i->attr != IRV_ITOFW || i->imm & 0xff || lane < IR_LANE32 || (is_unsigned && is64))
        return false;
    g->uses_fp = true;
    rval v = gc_src(g, i->a);
    if (!is64)
        v = gc_cast(g, gc_cast(g, gc_cast(g, v, g->u32), is_unsigned ? g->u32 : g->s32), g->u64);
    v = gc_copy(g, v, g->u64);
    char text[80];
    snprintf(text, sizeof text, "vpxor %%0, %%0, %%0\n\tvcvtsi2s%cq %%1, %%0, %%0", lane == IR_LANE64 ? 'd' : 's');
    lval d = gc_local(g, g->v2, "d");
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=x", d);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", v);
    gc_vec_dst_low(g, i->d, gcc_jit_lvalue_as_rvalue(d), lane == IR_LANE64 ? 64 : 32);
    return true;
}

// Truncation to a signed word. What does not fit gives the most negative number, and is made again;
// the invalid flag that it has raised is the right one.
static bool fp_to_word(struct gc *g, const struct ir_insn *i)
{
    bool is64 = i->imm >> 12 & 1;
    if (i->attr != IRV_FTOIW || i->imm & 0x1ff || (i->imm >> 9 & 7) != FP_ZERO || (i->type & 3) < IR_LANE32)
        return false;
    struct fp_op o = begin(g, i);
    char text[48];
    o.a = gc_vec_source(g, i->a);
    o.d = gc_local(g, g->v2, "d");
    lval word = gc_local(g, g->u64, "w");
    snprintf(text, sizeof text, "vcvtts%c2si %%1, %%%c0", o.wide ? 'd' : 's', is64 ? 'q' : 'k');
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=r", word);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(o.a));
    rval w = gcc_jit_lvalue_as_rvalue(word);
    rval bad = gc_cmp(g, CMP(EQ), w, gc_u64(g, is64 ? BIT(63) : BIT(31)));
    gcc_jit_block *redo = gc_block(g), *on = gc_block(g);
    gc_branch_rarely(g, bad, redo, on);
    g->at = redo;
    make_again(g, &o);
    gc_set(g, word, gc_vec_low(g, o.d));
    gcc_jit_block_end_with_jump(g->at, NULL, on);
    g->at = on;
    gc_dst(g, i->d, w);
    return true;
}

// Between float and double. type has the narrower lanes.
static bool width_op(struct gc *g, const struct ir_insn *i)
{
    if ((i->attr != IRV_FCVTL && i->attr != IRV_FCVTN) || i->type != (IR_SCALAR | IR_LANE32) || i->imm)
        return false;
    struct fp_op o = begin(g, i);
    bool widen = i->attr == IRV_FCVTL;
    o.a = o.b = gc_vec_source(g, i->a);
    o.acc = i->c == IR_NONE ? NULL : gc_vec_source(g, i->c);
    lval d = gc_vec_const(g, 0, 0);
    o.d = gc_vec_asm(g, widen ? "vcvtss2sd %1, %0, %0" : "vcvtsd2ss %1, %0, %0", true, o.a, NULL, d);
    o.wide = widen; // of the result; a tiny one is always made again
    o.good = gc_block(g);
    o.redo = gc_block(g);
    o.on = o.good;
    gc_branch_rarely(g, check_scalar(g, o.d, widen, widen ? CHECK_NAN : CHECK_TINY), o.redo, o.good);
    g->at = o.redo;
    make_again(g, &o);
    gcc_jit_block_end_with_jump(g->at, NULL, o.on);
    g->at = o.on;
    return finish(g, &o);
}

// Comparisons -------------------------------------------------------------------------------------

static void compare(struct gc *g, const struct ir_insn *i, bool signals)
{
    bool wide = (i->type & 3) == IR_LANE64;
    gc_set(g, g->fva, gc_vec_src(g, i->a));
    gc_set(g, g->fvb, gc_vec_src(g, i->b));
    g->uses_fp = true;
    g->flags = (struct flags){ FLAGS_FCMP, wide };
    // The flags it raises; the others are asked for when somebody wants them.
    char text[48];
    snprintf(text, sizeof text, "v%scomis%c %%1, %%0", signals ? "" : "u", wide ? 'd' : 's');
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(g->fva));
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(g->fvb));
    gcc_jit_extended_asm_add_clobber(as, "cc");
}

static bool compare_op(struct gc *g, const struct ir_insn *i)
{
    if ((i->attr != IRV_FCMP && i->attr != IRV_FCCMP) || (i->type & 3) < IR_LANE32)
        return false;
    if (i->attr == IRV_FCMP) {
        compare(g, i, i->imm & 1);
        return true;
    }
    lval packed = gc_local(g, g->u32, "fccmp");
    gcc_jit_block *yes = gc_block(g), *no = gc_block(g), *join = gc_block(g);
    gc_branch(g, gc_condition(g, i->imm & 0xffff), yes, no);
    g->at = yes;
    compare(g, i, i->imm >> 20 & 1);
    gc_set(g, packed, gc_flags_pack(g, g->flags));
    gcc_jit_block_end_with_jump(g->at, NULL, join);
    gcc_jit_block_add_assignment(no, NULL, packed, gc_u32(g, (uint32_t)(i->imm >> 16) & 15));
    gcc_jit_block_end_with_jump(no, NULL, join);
    g->at = join;
    gc_set(g, g->nzcv, gcc_jit_lvalue_as_rvalue(packed));
    g->flags.kind = FLAGS_PACKED;
    return true;
}

// By general registers, where GCC makes a cmov of it.
static bool select_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3;
    if (i->attr != IRV_FCSEL || lane < IR_LANE32)
        return false;
    gcc_jit_type *t = lane == IR_LANE64 ? g->u64 : g->u32;
    rval a = gc_copy(g, gc_cast(g, gc_src(g, i->a), t), t), b = gc_copy(g, gc_cast(g, gc_src(g, i->b), t), t);
    rval v = gc_select(g, gc_condition(g, i->imm & 0xffff), a, b, t);
    gc_vec_dst_low(g, i->d, gc_vec_of(g, gc_cast(g, v, g->u64), gc_u64(g, 0)), lane == IR_LANE64 ? 64 : 32);
    return true;
}

// Lanes of ones where it holds. EQ_OQ signals for signalling NaNs, GE_OS and GT_OS for all.
static bool mask_op(struct gc *g, const struct ir_insn *i)
{
    unsigned how = i->attr == IRV_FCMEQ ? 0 : i->attr == IRV_FCMGE ? 0x0d : i->attr == IRV_FCMGT ? 0x0e : 0xff;
    unsigned lane = i->type & 3;
    if (how == 0xff || lane < IR_LANE32)
        return false;
    char text[48];
    g->uses_fp = true;
    snprintf(text, sizeof text, "vcmp%c%c $%u, %%2, %%1, %%0", (i->type & ~3u) == IR_SCALAR ? 's' : 'p', lane == IR_LANE64 ? 'd' : 's', how);
    return gc_vec_put(g, i, gc_vec_asm(g, text, true, fp_source(g, i, i->a), fp_source(g, i, i->b), NULL));
}

// Integer lanes to floating point: nothing but inexact can come of it.
static bool lanes_to_fp(struct gc *g, const struct ir_insn *i)
{
    if (i->attr != IRV_ITOF || i->imm & 0x1ff || (i->type & 3) != IR_LANE32 || (i->type & ~3u) == IR_SCALAR)
        return false;
    g->uses_fp = true;
    return gc_vec_put(g, i, gc_vec_asm(g, "vcvtdq2ps %1, %0", true, fp_source(g, i, i->a), NULL, NULL));
}

bool gc_lower_fp(struct gc *g, const struct ir_insn *i)
{
    return arithmetic_op(g, i) || sign_op(g, i) || compare_op(g, i) || select_op(g, i) || mask_op(g, i) || word_to_fp(g, i) || fp_to_word(g, i) || width_op(g, i) || lanes_to_fp(g, i);
}
