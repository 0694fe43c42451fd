// SPDX-License-Identifier: GPL-3.0-or-later
// Vector and floating-point ops that have a better form than a call: SSE and AVX by asm.
//
// Floating point runs on the host under the guest's MXCSR (fp_host.c says why that is right and
// where it is not): its asm is volatile, and a result that is NaN, or may have underflowed, is made
// again by the op's function in a cold block, which leaves the flags as the interpreter would. A
// region with such ops is entered only while FP_HOST_FAST holds. What has no row here calls the
// function.
#include "jit/gccjit_ctx.h"
#include "jit/ir_vec.h"

#include <stdio.h>

#define OP(op)  GCC_JIT_BINARY_OP_##op
#define CMP(op) GCC_JIT_COMPARISON_##op

static lval local_copy(struct gc *g, rval v, gcc_jit_type *type)
{
    lval l = gc_local(g, type, "x");
    gc_set(g, l, v);
    return l;
}

// d = asm of up to three vectors; the sources' placeholders are %1, %2, %3. With acc the third
// starts out in %0.
static lval vector_asm(struct gc *g, const char *text, bool is_volatile, lval a, lval b, lval acc)
{
    lval d = acc ? local_copy(g, gcc_jit_lvalue_as_rvalue(acc), g->v2) : gc_local(g, g->v2, "d");
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, is_volatile);
    gcc_jit_extended_asm_add_output_operand(as, NULL, acc ? "+x" : "=x", d);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(a));
    if (b)
        gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(b));
    return d;
}

static lval source(struct gc *g, ir_val v)
{
    return local_copy(g, gc_vec_src(g, v), g->v2);
}

// What the shape leaves out of d becomes zero.
// (Through a general register where nothing better is known.)
static rval shaped(struct gc *g, const struct ir_insn *i, rval v)
{
    unsigned shape = i->type & ~3u, lane = i->type & 3;
    if (shape == IR_FULL)
        return v;
    rval low = gc_vec_word(g, v, 0);
    if (shape == IR_SCALAR && lane < IR_LANE64)
        low = gc_cast(g, gc_cast(g, low, lane == IR_LANE8 ? g->u8 : lane == IR_LANE16 ? g->u16 : g->u32), g->u64);
    return gc_vec_of(g, low, gc_u64(g, 0));
}

static bool put(struct gc *g, const struct ir_insn *i, lval v)
{
    gc_vec_dst(g, i->d, shaped(g, i, gcc_jit_lvalue_as_rvalue(v)));
    return true;
}

// Integer lanes -----------------------------------------------------------------------------------

// By lane: the instruction, or NULL. All have the form d = op(a, b), AT&T order.
struct int_row {
    uint16_t vop;
    const char *lanes[4];
    bool swapped; // the host's first operand is b
};

static const struct int_row int_rows[] = {
    { IRV_ADD, { "vpaddb", "vpaddw", "vpaddd", "vpaddq" }, false },
    { IRV_SUB, { "vpsubb", "vpsubw", "vpsubd", "vpsubq" }, false },
    { IRV_MUL, { NULL, "vpmullw", "vpmulld", NULL }, false },
    { IRV_AND, { "vpand", "vpand", "vpand", "vpand" }, false },
    { IRV_OR, { "vpor", "vpor", "vpor", "vpor" }, false },
    { IRV_XOR, { "vpxor", "vpxor", "vpxor", "vpxor" }, false },
    { IRV_ANDN, { "vpandn", "vpandn", "vpandn", "vpandn" }, true },
    { IRV_CMEQ, { "vpcmpeqb", "vpcmpeqw", "vpcmpeqd", "vpcmpeqq" }, false },
    { IRV_CMGT, { "vpcmpgtb", "vpcmpgtw", "vpcmpgtd", "vpcmpgtq" }, false },
    { IRV_SMAX, { "vpmaxsb", "vpmaxsw", "vpmaxsd", NULL }, false },
    { IRV_SMIN, { "vpminsb", "vpminsw", "vpminsd", NULL }, false },
    { IRV_UMAX, { "vpmaxub", "vpmaxuw", "vpmaxud", NULL }, false },
    { IRV_UMIN, { "vpminub", "vpminuw", "vpminud", NULL }, false },
};

static bool int_op(struct gc *g, const struct ir_insn *i)
{
    for (size_t n = 0; n < ARRAY_SIZE(int_rows); n++) {
        const struct int_row *r = &int_rows[n];
        const char *name = r->lanes[i->type & 3];
        if (r->vop != i->attr || !name)
            continue;
        char text[48];
        snprintf(text, sizeof text, r->swapped ? "%s %%1, %%2, %%0" : "%s %%2, %%1, %%0", name);
        return put(g, i, vector_asm(g, text, false, source(g, i->a), source(g, i->b), NULL));
    }
    return false;
}

static bool shift_op(struct gc *g, const struct ir_insn *i)
{
    static const char *const left[4] = { NULL, "vpsllw", "vpslld", "vpsllq" };
    static const char *const logical[4] = { NULL, "vpsrlw", "vpsrld", "vpsrlq" };
    static const char *const arithmetic[4] = { NULL, "vpsraw", "vpsrad", NULL };
    unsigned lane = i->type & 3, amount = i->imm & 0xff;
    const char *const *names = i->attr == IRV_SHLI ? left : i->attr == IRV_USHRI ? logical
                             : i->attr == IRV_SSHRI ? arithmetic : NULL;
    if (!names || !names[lane])
        return false;
    char text[48];
    snprintf(text, sizeof text, "%s $%u, %%1, %%0", names[lane], amount);
    return put(g, i, vector_asm(g, text, false, source(g, i->a), NULL, NULL));
}

// Bytes have no shifts of their own: those of words, and the bits that came across removed.
static bool byte_shift_op(struct gc *g, const struct ir_insn *i)
{
    unsigned amount = i->imm & 0xff;
    if ((i->type & 3) != IR_LANE8 || (i->attr != IRV_SHLI && i->attr != IRV_USHRI) || amount > 7)
        return false;
    bool left = i->attr == IRV_SHLI;
    uint64_t keep = (left ? 0xffu << amount & 0xff : 0xffu >> amount) * UINT64_C(0x0101010101010101);
    char text[48];
    snprintf(text, sizeof text, "%s $%u, %%1, %%0", left ? "vpsllw" : "vpsrlw", amount);
    lval v = vector_asm(g, text, false, source(g, i->a), NULL, NULL);
    lval mask = local_copy(g, gc_vec_of(g, gc_u64(g, keep), gc_u64(g, keep)), g->v2);
    return put(g, i, vector_asm(g, "vpand %2, %1, %0", false, v, mask, NULL));
}

// Absolute differences of unsigned lanes, widened: the larger less the smaller.
static bool widening_op(struct gc *g, const struct ir_insn *i)
{
    static const char *const extend[4] = { "vpmovzxbw %1, %0", "vpmovzxwd %1, %0", "vpmovzxdq %1, %0", NULL };
    static const char *const max[4] = { "vpmaxub", "vpmaxuw", "vpmaxud", NULL }, *const min[4] = { "vpminub", "vpminuw", "vpminud", NULL };
    static const char *const sub[4] = { "vpsubb", "vpsubw", "vpsubd", NULL }, *const add[4] = { "vpaddw", "vpaddd", "vpaddq", NULL };
    unsigned lane = i->type & 3;
    char text[48];
    if ((i->attr != IRV_UABDL && i->attr != IRV_UABAL) || lane == IR_LANE64)
        return false;
    lval a = source(g, i->a), b = source(g, i->b);
    snprintf(text, sizeof text, "%s %%2, %%1, %%0", max[lane]);
    lval large = vector_asm(g, text, false, a, b, NULL);
    snprintf(text, sizeof text, "%s %%2, %%1, %%0", min[lane]);
    lval small = vector_asm(g, text, false, a, b, NULL);
    snprintf(text, sizeof text, "%s %%2, %%1, %%0", sub[lane]);
    lval d = vector_asm(g, text, false, large, small, NULL);
    if (i->imm >> 8 & 1)
        d = vector_asm(g, "vpsrldq $8, %1, %0", false, d, NULL, NULL);
    d = vector_asm(g, extend[lane], false, d, NULL, NULL);
    if (i->attr == IRV_UABAL) {
        snprintf(text, sizeof text, "%s %%2, %%1, %%0", add[lane]);
        d = vector_asm(g, text, false, d, source(g, i->c), NULL);
    }
    gc_vec_dst(g, i->d, gcc_jit_lvalue_as_rvalue(d));
    return true;
}

// Sums of neighbouring unsigned lanes, as twice as wide ones, perhaps added to c.
static bool pairwise_op(struct gc *g, const struct ir_insn *i)
{
    static const char *const shift[4] = { "vpsrlw $8, %1, %0", "vpsrld $16, %1, %0", "vpsrlq $32, %1, %0", NULL };
    static const char *const add[4] = { "vpaddw %2, %1, %0", "vpaddd %2, %1, %0", "vpaddq %2, %1, %0", NULL };
    static const uint64_t low[4] = { UINT64_C(0x00ff00ff00ff00ff), UINT64_C(0x0000ffff0000ffff), UINT32_MAX, 0 };
    unsigned lane = i->type & 3;
    if ((i->attr != IRV_UADDLP && i->attr != IRV_UADALP) || lane == IR_LANE64)
        return false;
    lval a = source(g, i->a), mask = local_copy(g, gc_vec_of(g, gc_u64(g, low[lane]), gc_u64(g, low[lane])), g->v2);
    lval even = vector_asm(g, "vpand %2, %1, %0", false, a, mask, NULL);
    lval d = vector_asm(g, add[lane], false, even, vector_asm(g, shift[lane], false, a, NULL, NULL), NULL);
    if (i->attr == IRV_UADALP)
        d = vector_asm(g, add[lane], false, d, source(g, i->c), NULL);
    return put(g, i, d);
}

// Moves between registers and vectors, constants.
static bool move_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3;
    static const char *const broadcast[4] = { "vpbroadcastb %1, %0", "vpbroadcastw %1, %0", "vpbroadcastd %1, %0", "vpbroadcastq %1, %0" };
    lval a;
    switch (i->attr) {
    case IRV_MOV:
        if (lane < IR_LANE32)
            return false;
        if ((i->type & ~3u) == IR_SCALAR && gc_vec_is_low(g, i->a, lane == IR_LANE64 ? 64 : 32))
            gc_vec_dst_low(g, i->d, gc_vec_src(g, i->a), lane == IR_LANE64 ? 64 : 32);
        else
            gc_vec_dst(g, i->d, shaped(g, i, gc_vec_src(g, i->a)));
        return true;
    case IRV_DUPW:
        a = local_copy(g, gc_vec_of(g, gc_src(g, i->a), gc_u64(g, 0)), g->v2);
        return put(g, i, vector_asm(g, broadcast[lane], false, a, NULL, NULL));
    case IRV_DUP: {
        unsigned n = (i->imm & 0xff) << lane; // byte where the lane begins
        char text[40];
        a = source(g, i->a);
        snprintf(text, sizeof text, "vpsrldq $%u, %%1, %%0", n);
        if (n)
            a = vector_asm(g, text, false, a, NULL, NULL);
        if ((i->type & ~3u) != IR_SCALAR)
            return put(g, i, vector_asm(g, broadcast[lane], false, a, NULL, NULL));
        if (lane < IR_LANE32)
            return false;
        a = vector_asm(g, lane == IR_LANE64 ? "vmovq %1, %0" : "vinsertps $14, %1, %1, %0", false, a, NULL, NULL);
        gc_vec_dst_low(g, i->d, gcc_jit_lvalue_as_rvalue(a), lane == IR_LANE64 ? 64 : 32);
        return true;
    }
    case IRV_IMM: {
        uint64_t word = lane == 3 ? i->imm : lane == 2 ? (uint32_t)i->imm * UINT64_C(0x100000001)
                      : lane == 1 ? (uint16_t)i->imm * UINT64_C(0x1000100010001) : (uint8_t)i->imm * UINT64_C(0x101010101010101);
        unsigned shape = i->type & ~3u, bits = 8u << lane;
        if (shape == IR_SCALAR) {
            gc_vec_dst_low(g, i->d, gc_vec_of(g, gc_u64(g, word & mask64(bits)), gc_u64(g, 0)), bits < 32 ? 32 : bits);
            return true;
        }
        gc_vec_dst(g, i->d, gc_vec_of(g, gc_u64(g, word), gc_u64(g, shape == IR_FULL ? word : 0)));
        return true;
    }
    case IRV_LANE_U:
        if (lane != IR_LANE64 && lane != IR_LANE32)
            return false;
        {
            unsigned n = i->imm & 0xff;
            rval word = gc_vec_word(g, gc_vec_src(g, i->a), lane == IR_LANE64 ? n : n >> 1);
            if (lane == IR_LANE32)
                word = gc_cast(g, gc_cast(g, n & 1 ? gc_bin(g, OP(RSHIFT), g->u64, word, gc_u64(g, 32)) : word, g->u32), g->u64);
            gc_dst(g, i->d, word);
            return true;
        }
    }
    return false;
}

// Floating point ------------------------------------------------------------------------------------

// By vop: the stem of the instruction, and whether a tiny result has to be made again.
struct fp_row {
    uint16_t vop;
    const char *stem;
    uint8_t operands; // 1, 2, or 3 with the accumulator
    bool tiny;
    bool no_half; // zero upper lanes would raise flags
};

static const struct fp_row fp_rows[] = {
    { IRV_FADD, "vadd", 2, false, false },  { IRV_FSUB, "vsub", 2, false, false },
    { IRV_FMUL, "vmul", 2, true, false },   { IRV_FDIV, "vdiv", 2, true, true },
    { IRV_FSQRT, "vsqrt", 1, false, false }, { IRV_FMLA, "vfmadd231", 3, true, false },
    { IRV_FMLS, "vfnmadd231", 3, true, false }, { IRV_FNMLA, "vfnmsub231", 3, true, false },
    { IRV_FNMLS, "vfmsub231", 3, true, false },
};

// Ends g->at: results that the reference has to make again go to `redo`.
static void check_result(struct gc *g, const struct ir_insn *i, lval d, bool tiny, gcc_jit_block *redo, gcc_jit_block *on)
{
    bool wide = (i->type & 3) == IR_LANE64;
    unsigned shape = i->type & ~3u;
    rval r = gcc_jit_lvalue_as_rvalue(d);
    if (shape == IR_SCALAR) {
        // Without its sign: up to the smallest normal below (it may have been rounded up to), NaNs above.
        gcc_jit_type *t = wide ? g->u64 : g->u32;
        rval bits = gc_cast(g, gc_vec_word(g, r, 0), t);
        uint64_t least = wide ? BIT(53) + 2 : BIT(24) + 2, most = wide ? UINT64_C(0xffe0) << 48 : 0xff000000u;
        rval two = gcc_jit_context_new_rvalue_from_long(g->ctx, t, 1);
        rval mag = gc_bin(g, OP(LSHIFT), t, bits, two), low = gcc_jit_context_new_rvalue_from_long(g->ctx, t, (long)least);
        rval bad = tiny ? gc_cmp(g, CMP(GE), gc_bin(g, OP(MINUS), t, mag, low), gcc_jit_context_new_rvalue_from_long(g->ctx, t, (long)(most - least)))
                        : gc_cmp(g, CMP(GT), mag, gcc_jit_context_new_rvalue_from_long(g->ctx, t, (long)most));
        gc_branch_rarely(g, bad, redo, on);
        return;
    }
    lval mask = gc_local(g, g->u32, "mask"), t = local_copy(g, r, g->v2);
    char text[160];
    const char *suffix = wide ? "pd" : "ps";
    if (tiny) {
        // Not above the smallest normal, or a NaN (0x1a: NGT_UQ, raises nothing for them).
        uint64_t least = wide ? UINT64_C(0x0010) << 48 : UINT64_C(0x0080000000800000), sign = wide ? BIT(63) : UINT64_C(0x8000000080000000);
        lval least_v = local_copy(g, gc_vec_of(g, gc_u64(g, least), gc_u64(g, least)), g->v2);
        lval sign_v = local_copy(g, gc_vec_of(g, gc_u64(g, sign), gc_u64(g, sign)), g->v2);
        t = vector_asm(g, "vpandn %1, %2, %0", false, t, sign_v, NULL);
        snprintf(text, sizeof text, "vcmp%s $0x1a, %%2, %%1, %%0", suffix);
        t = vector_asm(g, text, true, t, least_v, NULL);
    } else {
        snprintf(text, sizeof text, "vcmp%s $3, %%1, %%1, %%0", suffix);
        t = vector_asm(g, text, true, t, NULL, NULL);
    }
    snprintf(text, sizeof text, "vmovmsk%s %%1, %%0", suffix);
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=r", mask);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(t));
    rval lanes = gcc_jit_lvalue_as_rvalue(mask);
    if (shape == IR_HALF)
        lanes = gc_bin(g, OP(BITWISE_AND), g->u32, lanes, gc_u32(g, 3));
    rval bad = gc_cmp(g, CMP(NE), lanes, gc_u32(g, 0));
    gc_branch_rarely(g, bad, redo, on);
}

// The host computes all four lanes: those that do not count must raise nothing.
static lval fp_source(struct gc *g, const struct ir_insn *i, ir_val v)
{
    lval l = source(g, v);
    return (i->type & ~3u) == IR_HALF ? vector_asm(g, "vmovq %1, %0", false, l, NULL, NULL) : l;
}

// Makes d again by the op's function, through the thunk; a, b and c are its operands.
static void make_again(struct gc *g, const struct ir_insn *i, lval d, const lval operands[3])
{
    const ir_val scratch = (ir_val)(IR_KIND_TMP | VCPU_NR_TMP);
    for (unsigned n = 0; n < 3; n++)
        if (operands[n])
            gc_set(g, gc_field(g, gc_offset(scratch) + 16 * n, g->v2), gcc_jit_lvalue_as_rvalue(operands[n]));
    char call[48];
    snprintf(call, sizeof call, "call *%zu(%%%%rdi)", offsetof(struct vcpu, region_vec));
    lval rax = local_copy(g, gc_u64(g, i->attr * 12u + i->type), g->u64), rdx = local_copy(g, gc_u64(g, i->imm), g->u64);
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, call);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+a", rax);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+d", rdx);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "D", gcc_jit_param_as_rvalue(g->cpu));
    gcc_jit_extended_asm_add_clobber(as, "memory");
    gcc_jit_extended_asm_add_clobber(as, "cc");
    gc_set(g, d, gcc_jit_lvalue_as_rvalue(gc_field(g, gc_offset(scratch) + 48, g->v2)));
}

static bool fp_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3, shape = i->type & ~3u;
    const struct fp_row *r = NULL;
    for (size_t n = 0; n < ARRAY_SIZE(fp_rows); n++)
        if (fp_rows[n].vop == i->attr)
            r = &fp_rows[n];
    if (!r || lane < IR_LANE32 || (r->no_half && shape == IR_HALF))
        return false;
    char text[64];
    const char *suffix = shape == IR_SCALAR ? (lane == IR_LANE64 ? "sd" : "ss") : (lane == IR_LANE64 ? "pd" : "ps");
    bool scalar_unary = r->operands == 1 && shape == IR_SCALAR;
    snprintf(text, sizeof text, r->operands == 1 ? (scalar_unary ? "%s%s %%1, %%1, %%0" : "%s%s %%1, %%0") : "%s%s %%2, %%1, %%0", r->stem, suffix);
    g->uses_fp = true;
    // A scalar instruction leaves above its lane what its first operand (an accumulator: itself)
    // has there.
    unsigned bits = lane == IR_LANE64 ? 64 : 32;
    ir_val first = i->a, second = i->b;
    if ((i->attr == IRV_FADD || i->attr == IRV_FMUL) && gc_vec_is_low(g, second, bits)) {
        first = i->b;
        second = i->a;
    }
    bool low = shape == IR_SCALAR && gc_vec_is_low(g, r->operands > 2 ? i->c : first, bits);
    lval a = fp_source(g, i, first), b = r->operands > 1 ? fp_source(g, i, second) : NULL, acc = r->operands > 2 ? fp_source(g, i, i->c) : NULL;
    lval d = vector_asm(g, text, true, a, b, acc);
    if (shape == IR_SCALAR && !low)
        d = vector_asm(g, lane == IR_LANE64 ? "vmovq %1, %0" : "vinsertps $14, %1, %1, %0", false, d, NULL, NULL);
    gcc_jit_block *redo = gc_block(g), *on = gc_block(g);
    check_result(g, i, d, r->tiny, redo, on);
    g->at = redo;
    const lval operands[3] = { first == i->a ? a : b, first == i->a ? b : a, acc };
    make_again(g, i, d, operands);
    gcc_jit_block_end_with_jump(g->at, NULL, on);
    g->at = on;
    if (shape != IR_SCALAR)
        return put(g, i, d);
    gc_vec_dst_low(g, i->d, gcc_jit_lvalue_as_rvalue(d), bits);
    return true;
}

// Sign bits: no flags, no checks.
static bool sign_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3;
    if ((i->attr != IRV_FNEG && i->attr != IRV_FABS) || lane < IR_LANE32)
        return false;
    uint64_t sign = lane == IR_LANE64 ? BIT(63) : UINT64_C(0x8000000080000000);
    lval mask = local_copy(g, gc_vec_of(g, gc_u64(g, sign), gc_u64(g, sign)), g->v2);
    const char *text = i->attr == IRV_FNEG ? "vpxor %2, %1, %0" : "vpandn %1, %2, %0";
    unsigned bits = lane == IR_LANE64 ? 64 : 32;
    if ((i->type & ~3u) == IR_SCALAR && gc_vec_is_low(g, i->a, bits)) {
        // The mask has its sign bit in lane 0 alone then: what is zero stays so.
        mask = local_copy(g, gc_vec_of(g, gc_u64(g, BIT(bits - 1)), gc_u64(g, 0)), g->v2);
        gc_vec_dst_low(g, i->d, gcc_jit_lvalue_as_rvalue(vector_asm(g, text, false, source(g, i->a), mask, NULL)), bits);
        return true;
    }
    return put(g, i, vector_asm(g, text, false, source(g, i->a), mask, NULL));
}

// FCMP: ucomis gives unordered and signals for signalling NaNs; comis for quiet ones too. N Z C V:
// less 1000, equal 0110, greater 0010, unordered 0011.
static bool compare_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3;
    if (i->attr != IRV_FCMP || lane < IR_LANE32)
        return false;
    lval a = source(g, i->a), b = source(g, i->b), less = gc_local(g, g->u32, "cf"), equal = gc_local(g, g->u32, "zf"), un = gc_local(g, g->u32, "pf");
    char text[160];
    snprintf(text, sizeof text, "v%scomis%s %%4, %%3\n\tsetb %%b0\n\tsete %%b1\n\tsetp %%b2\n\tmovzbl %%b0, %%0\n\tmovzbl %%b1, %%1\n\tmovzbl %%b2, %%2",
             i->imm & 1 ? "" : "u", lane == IR_LANE64 ? "d" : "s");
    g->uses_fp = true;
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&q", less);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&q", equal);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&q", un);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(a));
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(b));
    gcc_jit_extended_asm_add_clobber(as, "cc");
    // CF and ZF are both set when unordered; so C = !less | unordered, Z = equal & !unordered, ...
    rval c = gcc_jit_lvalue_as_rvalue(less), z = gcc_jit_lvalue_as_rvalue(equal), p = gcc_jit_lvalue_as_rvalue(un);
    rval one = gc_u32(g, 1), not_p = gc_bin(g, OP(BITWISE_XOR), g->u32, p, one);
    rval n_flag = gc_bin(g, OP(BITWISE_AND), g->u32, c, not_p), z_flag = gc_bin(g, OP(BITWISE_AND), g->u32, z, not_p);
    rval c_flag = gc_bin(g, OP(BITWISE_OR), g->u32, gc_bin(g, OP(BITWISE_XOR), g->u32, c, one), p);
    rval v = gc_bin(g, OP(BITWISE_OR), g->u32, gc_bin(g, OP(LSHIFT), g->u32, n_flag, gc_u32(g, 3)), gc_bin(g, OP(LSHIFT), g->u32, z_flag, gc_u32(g, 2)));
    v = gc_bin(g, OP(BITWISE_OR), g->u32, v, gc_bin(g, OP(BITWISE_OR), g->u32, gc_bin(g, OP(LSHIFT), g->u32, c_flag, one), p));
    gc_set(g, g->nzcv, v);
    g->flags.kind = FLAGS_PACKED;
    return true;
}

bool gc_lower_vec(struct gc *g, const struct ir_insn *i)
{
    return int_op(g, i) || shift_op(g, i) || byte_shift_op(g, i) || widening_op(g, i) || pairwise_op(g, i) || move_op(g, i) || fp_op(g, i) || sign_op(g, i) || compare_op(g, i);
}
