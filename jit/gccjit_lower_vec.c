// SPDX-License-Identifier: GPL-3.0-or-later
// Vector ops that have a better form than a call: SSE and AVX by asm. Floating point is in
// gccjit_lower_fp.c. What has no row here or there calls the function.
#include "jit/gccjit_vec.h"

#include <stdio.h>

#define OP(op)  GCC_JIT_BINARY_OP_##op

lval gc_vec_local(struct gc *g, rval v)
{
    lval l = gc_local(g, g->v2, "x");
    gc_set(g, l, v);
    return l;
}

lval gc_vec_source(struct gc *g, ir_val v)
{
    return gc_vec_local(g, gc_vec_src(g, v));
}

lval gc_vec_const(struct gc *g, uint64_t low, uint64_t high)
{
    return gc_vec_local(g, gc_vec_of(g, gc_u64(g, low), gc_u64(g, high)));
}

rval gc_vec_low(struct gc *g, lval v)
{
    return gc_vec_word(g, gcc_jit_lvalue_as_rvalue(v), 0);
}

lval gc_vec_asm(struct gc *g, const char *text, bool is_volatile, lval a, lval b, lval acc)
{
    lval d = acc ? gc_vec_local(g, gcc_jit_lvalue_as_rvalue(acc)) : gc_local(g, g->v2, "d");
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, is_volatile);
    gcc_jit_extended_asm_add_output_operand(as, NULL, acc ? "+x" : "=x", d);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(a));
    if (b)
        gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(b));
    return d;
}

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

bool gc_vec_put(struct gc *g, const struct ir_insn *i, lval v)
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
        return gc_vec_put(g, i, gc_vec_asm(g, text, false, gc_vec_source(g, i->a), gc_vec_source(g, i->b), NULL));
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
    return gc_vec_put(g, i, gc_vec_asm(g, text, false, gc_vec_source(g, i->a), NULL, NULL));
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
    lval v = gc_vec_asm(g, text, false, gc_vec_source(g, i->a), NULL, NULL);
    lval mask = gc_vec_const(g, keep, keep);
    return gc_vec_put(g, i, gc_vec_asm(g, "vpand %2, %1, %0", false, v, mask, NULL));
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
    lval a = gc_vec_source(g, i->a), b = gc_vec_source(g, i->b);
    snprintf(text, sizeof text, "%s %%2, %%1, %%0", max[lane]);
    lval large = gc_vec_asm(g, text, false, a, b, NULL);
    snprintf(text, sizeof text, "%s %%2, %%1, %%0", min[lane]);
    lval small = gc_vec_asm(g, text, false, a, b, NULL);
    snprintf(text, sizeof text, "%s %%2, %%1, %%0", sub[lane]);
    lval d = gc_vec_asm(g, text, false, large, small, NULL);
    if (i->imm >> 8 & 1)
        d = gc_vec_asm(g, "vpsrldq $8, %1, %0", false, d, NULL, NULL);
    d = gc_vec_asm(g, extend[lane], false, d, NULL, NULL);
    if (i->attr == IRV_UABAL) {
        snprintf(text, sizeof text, "%s %%2, %%1, %%0", add[lane]);
        d = gc_vec_asm(g, text, false, d, gc_vec_source(g, i->c), NULL);
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
    lval a = gc_vec_source(g, i->a), mask = gc_vec_const(g, low[lane], low[lane]);
    lval even = gc_vec_asm(g, "vpand %2, %1, %0", false, a, mask, NULL);
    lval d = gc_vec_asm(g, add[lane], false, even, gc_vec_asm(g, shift[lane], false, a, NULL, NULL), NULL);
    if (i->attr == IRV_UADALP)
        d = gc_vec_asm(g, add[lane], false, d, gc_vec_source(g, i->c), NULL);
    return gc_vec_put(g, i, d);
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
        a = gc_vec_local(g, gc_vec_of(g, gc_src(g, i->a), gc_u64(g, 0)));
        return gc_vec_put(g, i, gc_vec_asm(g, broadcast[lane], false, a, NULL, NULL));
    case IRV_DUP: {
        unsigned n = (i->imm & 0xff) << lane; // byte where the lane begins
        char text[40];
        a = gc_vec_source(g, i->a);
        snprintf(text, sizeof text, "vpsrldq $%u, %%1, %%0", n);
        if (n)
            a = gc_vec_asm(g, text, false, a, NULL, NULL);
        if ((i->type & ~3u) != IR_SCALAR)
            return gc_vec_put(g, i, gc_vec_asm(g, broadcast[lane], false, a, NULL, NULL));
        if (lane < IR_LANE32)
            return false;
        a = gc_vec_asm(g, lane == IR_LANE64 ? "vmovq %1, %0" : "vinsertps $14, %1, %1, %0", false, a, NULL, NULL);
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

bool gc_lower_vec(struct gc *g, const struct ir_insn *i)
{
    return int_op(g, i) || shift_op(g, i) || byte_shift_op(g, i) || widening_op(g, i) || pairwise_op(g, i) || move_op(g, i) || gc_lower_simd(g, i) || gc_lower_fp(g, i);
}
