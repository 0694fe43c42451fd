// SPDX-License-Identifier: GPL-3.0-or-later
// Integer vector ops that take the host a few instructions: by tables of asm, where %0 is the
// result, %1 a scratch register, %2, %3, %4 the operands a, b, c. A row serves vectors of 64 bits too
// (what is above them is cut off) unless lanes come from the upper half.
#include "jit/gccjit_vec.h"

#include <stdio.h>

static lval simd_asm(struct gc *g, const char *text, lval a, lval b, lval c)
{
    lval d = gc_local(g, g->v2, "d"), scratch = gc_local(g, g->v2, "s");
    const lval in[3] = { a, b, c };
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&x", d);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&x", scratch);
    for (unsigned n = 0; n < 3; n++)
        gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(in[n] ? in[n] : a));
    return d;
}

static lval operand(struct gc *g, const struct ir_insn *i, ir_val v, unsigned which)
{
    return ir_vop_info[i->attr].operands & which ? gc_vec_source(g, v) : NULL;
}

static lval simd_op(struct gc *g, const struct ir_insn *i, const char *text)
{
    lval a = operand(g, i, i->a, IRV_A), b = operand(g, i, i->b, IRV_B), c = operand(g, i, i->c, IRV_C);
    return simd_asm(g, text, a, b, c);
}

#define ONES    "vpcmpeqd %1, %1, %1\n\t"
#define ZERO    "vpxor %1, %1, %1\n\t"
#define FLIP    "\n\t" ONES "vpxor %1, %0, %0"
#define ALL(t)  { t, t, t, t }

// By lane.
struct simd_row {
    uint16_t vop;
    bool full; // 128 bits only
    const char *text[4];
};

#define CMGE(s) "vpcmpgt" s " %2, %3, %0" FLIP
#define CMHS(s) "vpmaxu" s " %3, %2, %0\n\tvpcmpeq" s " %2, %0, %0"
#define CMHI(s) "vpminu" s " %3, %2, %0\n\tvpcmpeq" s " %2, %0, %0" FLIP
#define TEST(s) "vpand %3, %2, %0\n\t" ZERO "vpcmpeq" s " %1, %0, %0" FLIP
#define ABD(u, s)  "vpmax" u s " %3, %2, %0\n\tvpmin" u s " %3, %2, %1\n\tvpsub" s " %1, %0, %0"
#define ABA(u, s)  ABD(u, s) "\n\tvpadd" s " %4, %0, %0"
#define EVEN8   ONES "vpsrlw $8, %1, %1\n\tvpand %1, %2, %0\n\tvpand %1, %3, %1\n\tvpackuswb %1, %0, %0"
#define EVEN16  ONES "vpsrld $16, %1, %1\n\tvpand %1, %2, %0\n\tvpand %1, %3, %1\n\tvpackusdw %1, %0, %0"
#define ODD8    "vpsrlw $8, %2, %0\n\tvpsrlw $8, %3, %1\n\tvpackuswb %1, %0, %0"
#define ODD16   "vpsrld $16, %2, %0\n\tvpsrld $16, %3, %1\n\tvpackusdw %1, %0, %0"
#define PAIRS8(op) "vpsrlw $8, %2, %0\n\t" op " %2, %0, %0\n\tvpsrlw $8, %3, %1\n\t" op " %3, %1, %1\n\t" \
                "vpsllw $8, %0, %0\n\tvpsllw $8, %1, %1\n\tvpsrlw $8, %0, %0\n\tvpsrlw $8, %1, %1\n\tvpackuswb %1, %0, %0"

static const struct simd_row rows[] = {
    { IRV_NOT, false, ALL(ONES "vpxor %1, %2, %0") },
    { IRV_ORN, false, ALL(ONES "vpxor %1, %3, %0\n\tvpor %0, %2, %0") },
    { IRV_SELECT, false, ALL("vpand %4, %2, %0\n\tvpandn %3, %4, %1\n\tvpor %1, %0, %0") },
    { IRV_XOR3, false, ALL("vpxor %3, %2, %0\n\tvpxor %4, %0, %0") },
    { IRV_NEG, false, { ZERO "vpsubb %2, %1, %0", ZERO "vpsubw %2, %1, %0", ZERO "vpsubd %2, %1, %0", ZERO "vpsubq %2, %1, %0" } },
    { IRV_ABS, false, { "vpabsb %2, %0", "vpabsw %2, %0", "vpabsd %2, %0", NULL } },
    { IRV_MLA, false, { NULL, "vpmullw %3, %2, %0\n\tvpaddw %4, %0, %0", "vpmulld %3, %2, %0\n\tvpaddd %4, %0, %0", NULL } },
    { IRV_MLS, false, { NULL, "vpmullw %3, %2, %0\n\tvpsubw %0, %4, %0", "vpmulld %3, %2, %0\n\tvpsubd %0, %4, %0", NULL } },
    { IRV_CMGE, false, { CMGE("b"), CMGE("w"), CMGE("d"), CMGE("q") } },
    { IRV_CMHS, false, { CMHS("b"), CMHS("w"), CMHS("d"), NULL } },
    { IRV_CMHI, false, { CMHI("b"), CMHI("w"), CMHI("d"), NULL } },
    { IRV_CMTST, false, { TEST("b"), TEST("w"), TEST("d"), TEST("q") } },
    { IRV_UABD, false, { ABD("u", "b"), ABD("u", "w"), ABD("u", "d"), NULL } },
    { IRV_SABD, false, { ABD("s", "b"), ABD("s", "w"), ABD("s", "d"), NULL } },
    { IRV_UABA, false, { ABA("u", "b"), ABA("u", "w"), ABA("u", "d"), NULL } },
    { IRV_SABA, false, { ABA("s", "b"), ABA("s", "w"), ABA("s", "d"), NULL } },
    { IRV_URHADD, false, { "vpavgb %3, %2, %0", "vpavgw %3, %2, %0", NULL, NULL } },
    { IRV_ADDP, true, { NULL, "vphaddw %3, %2, %0", "vphaddd %3, %2, %0",
                        "vpunpcklqdq %3, %2, %0\n\tvpunpckhqdq %3, %2, %1\n\tvpaddq %1, %0, %0" } },
    { IRV_UMAXP, true, { PAIRS8("vpmaxub"), NULL, NULL, NULL } },
    { IRV_UMINP, true, { PAIRS8("vpminub"), NULL, NULL, NULL } },
    { IRV_ZIP1, false, { "vpunpcklbw %3, %2, %0", "vpunpcklwd %3, %2, %0", "vpunpckldq %3, %2, %0", "vpunpcklqdq %3, %2, %0" } },
    { IRV_ZIP2, true, { "vpunpckhbw %3, %2, %0", "vpunpckhwd %3, %2, %0", "vpunpckhdq %3, %2, %0", "vpunpckhqdq %3, %2, %0" } },
    { IRV_UZP1, true, { EVEN8, EVEN16, "vshufps $0x88, %3, %2, %0", "vpunpcklqdq %3, %2, %0" } },
    { IRV_UZP2, true, { ODD8, ODD16, "vshufps $0xdd, %3, %2, %0", "vpunpckhqdq %3, %2, %0" } },
    { IRV_TRN1, false, { NULL, "vpslld $16, %3, %0\n\tvpblendw $0xaa, %0, %2, %0", "vpsllq $32, %3, %0\n\tvpblendd $10, %0, %2, %0", "vpunpcklqdq %3, %2, %0" } },
    { IRV_TRN2, false, { NULL, "vpsrld $16, %2, %0\n\tvpblendw $0xaa, %3, %0, %0", "vpsrlq $32, %2, %0\n\tvpblendd $10, %3, %0, %0", "vpunpckhqdq %3, %2, %0" } },
};

static bool row_op(struct gc *g, const struct ir_insn *i)
{
    bool full = (i->type & ~3u) == IR_FULL;
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        const char *text = rows[n].text[i->type & 3];
        if (rows[n].vop == i->attr && text && (full || !rows[n].full))
            return gc_vec_put(g, i, simd_op(g, i, text));
    }
    return false;
}

// Shifts by a constant and an addition.
static bool accumulate_op(struct gc *g, const struct ir_insn *i)
{
    static const char *const logical[4] = { NULL, "vpsrlw", "vpsrld", "vpsrlq" }, *const arithmetic[4] = { NULL, "vpsraw", "vpsrad", NULL };
    static const char *const add[4] = { NULL, "vpaddw", "vpaddd", "vpaddq" };
    unsigned lane = i->type & 3;
    const char *shift = i->attr == IRV_USRAI ? logical[lane] : i->attr == IRV_SSRAI ? arithmetic[lane] : NULL;
    if (!shift)
        return false;
    char text[80];
    snprintf(text, sizeof text, "%s $%u, %%2, %%0\n\t%s %%4, %%0, %%0", shift, (unsigned)(i->imm & 0xff), add[lane]);
    return gc_vec_put(g, i, simd_op(g, i, text));
}

// Bytes of a pair of vectors; of one, permuted.
static bool permute_op(struct gc *g, const struct ir_insn *i)
{
    bool full = (i->type & ~3u) == IR_FULL;
    unsigned n = i->imm & 0xff, lane = i->type & 3;
    char text[96];
    if (i->attr == IRV_EXT && n < (full ? 16 : 8)) {
        snprintf(text, sizeof text, full ? "vpalignr $%u, %%2, %%3, %%0" : "vpunpcklqdq %%3, %%2, %%0\n\tvpsrldq $%u, %%0, %%0", n);
        return gc_vec_put(g, i, simd_op(g, i, text));
    }
    if (i->attr != IRV_REV)
        return false;
    uint64_t from[2] = { 0, 0 };
    for (unsigned k = 0; k < 16; k++)
        from[k / 8] |= (uint64_t)(k ^ n << lane) << k % 8 * 8;
    return gc_vec_put(g, i, simd_asm(g, "vpshufb %3, %2, %0", gc_vec_source(g, i->a), gc_vec_const(g, from[0], from[1]), NULL));
}

static uint64_t bytes(unsigned b)
{
    return b * UINT64_C(0x0101010101010101);
}

// One register of a table: what is beyond it saturates into the bit that makes a zero, or takes c.
static bool table_op(struct gc *g, const struct ir_insn *i)
{
    unsigned n = i->imm & 0xff;
    if (i->attr != IRV_TBX)
        return false;
    lval index = gc_vec_source(g, i->b);
    if (n)
        index = gc_vec_asm(g, "vpsubb %2, %1, %0", false, index, gc_vec_const(g, bytes(n), bytes(n)), NULL);
    index = gc_vec_asm(g, "vpaddusb %2, %1, %0", false, index, gc_vec_const(g, bytes(0x70), bytes(0x70)), NULL);
    const char *text = "vpshufb %3, %2, %0\n\tvpblendvb %3, %4, %0, %0";
    return gc_vec_put(g, i, simd_asm(g, text, gc_vec_source(g, i->a), index, gc_vec_source(g, i->c)));
}

// Widening: both operands, or the second, extended; then one operation in the wider lanes, and one
// with the accumulator.
struct long_row {
    uint16_t vop;
    bool sign, wide_a;
    const char *op, *acc; // "mul", "add", "sub"
};

static const struct long_row long_rows[] = {
    { IRV_SADDL, true, false, "add", NULL },  { IRV_UADDL, false, false, "add", NULL },
    { IRV_SSUBL, true, false, "sub", NULL },  { IRV_USUBL, false, false, "sub", NULL },
    { IRV_SADDW, true, true, "add", NULL },   { IRV_UADDW, false, true, "add", NULL },
    { IRV_SSUBW, true, true, "sub", NULL },   { IRV_USUBW, false, true, "sub", NULL },
    { IRV_SMULL, true, false, "mul", NULL },  { IRV_UMULL, false, false, "mul", NULL },
    { IRV_SMLAL, true, false, "mul", "add" }, { IRV_UMLAL, false, false, "mul", "add" },
    { IRV_SMLSL, true, false, "mul", "sub" }, { IRV_UMLSL, false, false, "mul", "sub" },
};

static lval extend(struct gc *g, const struct ir_insn *i, lval v, bool sign)
{
    static const char *const lanes[3] = { "bw", "wd", "dq" };
    char text[48];
    if (i->imm >> 8 & 1)
        v = gc_vec_asm(g, "vpsrldq $8, %1, %0", false, v, NULL, NULL);
    snprintf(text, sizeof text, "vpmov%cx%s %%1, %%0", sign ? 's' : 'z', lanes[i->type & 3]);
    return gc_vec_asm(g, text, false, v, NULL, NULL);
}

static lval wide_op(struct gc *g, const char *op, bool sign, unsigned lane, lval a, lval b)
{
    static const char *const products[2][3] = { { "vpmullw", "vpmulld", "vpmuludq" }, { "vpmullw", "vpmulld", "vpmuldq" } };
    char text[48];
    if (op[0] == 'm')
        snprintf(text, sizeof text, "%s %%2, %%1, %%0", products[sign][lane]);
    else
        snprintf(text, sizeof text, "vp%s%c %%2, %%1, %%0", op, "wdq"[lane]);
    return gc_vec_asm(g, text, false, a, b, NULL);
}

static bool long_op(struct gc *g, const struct ir_insn *i)
{
    const struct long_row *r = NULL;
    unsigned lane = i->type & 3;
    for (size_t n = 0; n < ARRAY_SIZE(long_rows); n++)
        if (long_rows[n].vop == i->attr)
            r = &long_rows[n];
    if (!r || lane == IR_LANE64)
        return false;
    lval a = gc_vec_source(g, i->a), b = extend(g, i, gc_vec_source(g, i->b), r->sign);
    lval d = wide_op(g, r->op, r->sign, lane, r->wide_a ? a : extend(g, i, a, r->sign), b);
    if (r->acc)
        d = wide_op(g, r->acc, r->sign, lane, gc_vec_source(g, i->c), d);
    gc_vec_dst(g, i->d, gcc_jit_lvalue_as_rvalue(d));
    return true;
}

static bool long_shift_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3;
    if ((i->attr != IRV_SSHLLI && i->attr != IRV_USHLLI) || lane == IR_LANE64)
        return false;
    char text[48];
    snprintf(text, sizeof text, "vpsll%c $%u, %%1, %%0", "wdq"[lane], (unsigned)(i->imm & 0xff));
    lval v = extend(g, i, gc_vec_source(g, i->a), i->attr == IRV_SSHLLI);
    gc_vec_dst(g, i->d, gcc_jit_lvalue_as_rvalue(gc_vec_asm(g, text, false, v, NULL, NULL)));
    return true;
}

// The lower halves of twice as wide lanes, shifted first; into the lower half, or behind c's.
static bool narrow_op(struct gc *g, const struct ir_insn *i)
{
    static const char *const texts[3] = {
        "vpsrlw $%u, %%2, %%0\n\tvpsllw $8, %%0, %%0\n\tvpsrlw $8, %%0, %%0\n\tvpackuswb %%0, %%0, %%0",
        "vpsrld $%u, %%2, %%0\n\tvpslld $16, %%0, %%0\n\tvpsrld $16, %%0, %%0\n\tvpackusdw %%0, %%0, %%0",
        "vpsrlq $%u, %%2, %%0\n\tvpshufd $8, %%0, %%0",
    };
    unsigned lane = i->type & 3;
    if ((i->attr != IRV_XTN && i->attr != IRV_SHRNI) || lane == IR_LANE64)
        return false;
    char text[128];
    snprintf(text, sizeof text, texts[lane], i->attr == IRV_XTN ? 0 : (unsigned)(i->imm & 0xff));
    lval d = simd_asm(g, text, gc_vec_source(g, i->a), NULL, NULL);
    d = i->imm >> 8 & 1 ? gc_vec_asm(g, "vpunpcklqdq %2, %1, %0", false, gc_vec_source(g, i->c), d, NULL)
                        : gc_vec_asm(g, "vmovq %1, %0", false, d, NULL, NULL);
    gc_vec_dst(g, i->d, gcc_jit_lvalue_as_rvalue(d));
    return true;
}

// Between vectors and general registers -----------------------------------------------------------

static bool extract_op(struct gc *g, const struct ir_insn *i)
{
    bool wide = i->attr == IRV_LANE_S64;
    unsigned lane = i->type & 3;
    if (i->attr != IRV_LANE_U && i->attr != IRV_LANE_S32 && !wide)
        return false;
    char text[48];
    lval word = gc_local(g, g->u64, "lane"), a = gc_vec_source(g, i->a);
    snprintf(text, sizeof text, "vpextr%c $%u, %%1, %%%c0", "bwdq"[lane], (unsigned)(i->imm & 0xff), lane == IR_LANE64 ? 'q' : 'k');
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=r", word);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(a));
    rval v = gcc_jit_lvalue_as_rvalue(word);
    gcc_jit_type *const narrow[4] = { g->s8, g->s16, g->s32, g->s64 };
    if (i->attr != IRV_LANE_U)
        v = gc_cast(g, gc_cast(g, gc_cast(g, gc_cast(g, v, narrow[lane]), wide ? g->s64 : g->s32), wide ? g->u64 : g->u32), g->u64);
    gc_dst(g, i->d, v);
    return true;
}

static bool insert_word_op(struct gc *g, const struct ir_insn *i)
{
    unsigned lane = i->type & 3;
    if (i->attr != IRV_INSW)
        return false;
    char text[48];
    lval d = gc_local(g, g->v2, "d"), c = gc_vec_source(g, i->c);
    rval word = gc_copy(g, gc_src(g, i->a), g->u64);
    snprintf(text, sizeof text, "vpinsr%c $%u, %%%c2, %%1, %%0", "bwdq"[lane], (unsigned)(i->imm & 0xff), lane == IR_LANE64 ? 'q' : 'k');
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=x", d);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "x", gcc_jit_lvalue_as_rvalue(c));
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", word);
    gc_vec_dst(g, i->d, gcc_jit_lvalue_as_rvalue(d));
    return true;
}

// Lane n of c from a lane of a.
static bool insert_lane_op(struct gc *g, const struct ir_insn *i)
{
    static const char *const quads[2][2] = { { "vpblendd $3, %2, %4, %0", "vpunpckhqdq %4, %2, %0" },
                                             { "vpunpcklqdq %2, %4, %0", "vpblendd $12, %2, %4, %0" } };
    unsigned lane = i->type & 3, n = i->imm & 0xff, from = (unsigned)(i->imm >> 8);
    if (i->attr != IRV_INS || lane < IR_LANE32)
        return false;
    char text[48];
    snprintf(text, sizeof text, "vinsertps $%u, %%2, %%4, %%0", from << 6 | n << 4);
    gc_vec_dst(g, i->d, gcc_jit_lvalue_as_rvalue(simd_op(g, i, lane == IR_LANE64 ? quads[n][from] : text)));
    return true;
}

// Sums of all bytes.
static bool across_op(struct gc *g, const struct ir_insn *i)
{
    bool full = (i->type & ~3u) == IR_FULL, sum = i->attr == IRV_ADDV;
    if ((!sum && i->attr != IRV_UADDLV) || (i->type & 3) != IR_LANE8)
        return false;
    const char *text = full ? ZERO "vpsadbw %1, %2, %0\n\tvpunpckhqdq %1, %0, %1\n\tvpaddw %1, %0, %0" : ZERO "vpsadbw %1, %2, %0";
    rval v = gc_vec_word(g, gcc_jit_lvalue_as_rvalue(simd_op(g, i, text)), 0);
    v = gc_cast(g, gc_cast(g, v, sum ? g->u8 : g->u16), g->u64);
    gc_vec_dst_low(g, i->d, gc_vec_of(g, v, gc_u64(g, 0)), 32);
    return true;
}

// Bits of each byte, by a table of those of half a byte.
static bool count_op(struct gc *g, const struct ir_insn *i)
{
    if (i->attr != IRV_CNT)
        return false;
    lval table = gc_vec_const(g, UINT64_C(0x0302020102010100), UINT64_C(0x0403030203020201)), half = gc_vec_const(g, bytes(15), bytes(15));
    const char *text = "vpsrlw $4, %2, %1\n\tvpand %4, %2, %0\n\tvpand %4, %1, %1\n\tvpshufb %0, %3, %0\n\tvpshufb %1, %3, %1\n\tvpaddb %1, %0, %0";
    return gc_vec_put(g, i, simd_asm(g, text, gc_vec_source(g, i->a), table, half));
}

bool gc_lower_simd(struct gc *g, const struct ir_insn *i)
{
    return row_op(g, i) || accumulate_op(g, i) || permute_op(g, i) || table_op(g, i) || long_op(g, i) || long_shift_op(g, i) ||
           narrow_op(g, i) || extract_op(g, i) || insert_word_op(g, i) || insert_lane_op(g, i) || across_op(g, i) || count_op(g, i);
}
