// SPDX-License-Identifier: GPL-3.0-or-later
// Encodings, with their text at address 0x60002100, beginning where the first instruction stands.
#include "tests/jit/golden_cases.h"

#include "base/bits.h"

// clang-format off
static const struct golden_case moves[] = {
    { "mov register", { { 0xaa0103e0, "mov x0, x1" } } },
    { "mov 32 bits", { { 0x2a0103e0, "mov w0, w1" } } },
    { "mov register in the state", { { 0xaa0a03e9, "mov x9, x10" } } },
    { "small constant", { { 0xd2824680, "mov x0, #0x1234" } } },
    { "negative constant", { { 0x92800000, "mov x0, #0xffffffffffffffff" } } },
    { "64-bit constant", {
        { 0xd2824680, "mov x0, #0x1234" },
        { 0xf2aacf00, "movk x0, #0x5678, lsl #16" },
        { 0xf2d35780, "movk x0, #0x9abc, lsl #32" },
        { 0xf2fbde00, "movk x0, #0xdef0, lsl #48" },
    } },
    { "add three registers", { { 0x8b020020, "add x0, x1, x2" } } },
    { "add in place", { { 0x8b010000, "add x0, x0, x1" } } },
    { "add registers in the state", { { 0x8b0b0149, "add x9, x10, x11" } } },
    { "add immediate 32 bits", { { 0x11000420, "add w0, w1, #0x1" } } },
    { "sub from a large immediate", { { 0xd1448c20, "sub x0, x1, #0x123, lsl #12" } } },
    { "add shifted", { { 0x8b020c20, "add x0, x1, x2, lsl #3" } } },
    { "add extended", { { 0x8b224820, "add x0, x1, w2, uxtw #2" } } },
    { "and immediate", { { 0x92401c20, "and x0, x1, #0xff" } } },
    { "bic", { { 0x8a220020, "bic x0, x1, x2" } } },
    { "shift by register", { { 0x9ac22020, "lsl x0, x1, x2" } } },
    { "adds flags kept", { { 0xab020020, "adds x0, x1, x2" } } },
    { "long addition", {
        { 0xab020000, "adds x0, x0, x2" },
        { 0x9b077cc5, "mul x5, x6, x7" },
        { 0xba030021, "adcs x1, x1, x3" },
        { 0x9bc77cc6, "umulh x6, x6, x7" },
        { 0xba040021, "adcs x1, x1, x4" },
        { 0x9a1f0063, "adc x3, x3, xzr" },
    } },
    { "128-bit add", { { 0xab020000, "adds x0, x0, x2" }, { 0x9a030021, "adc x1, x1, x3" } } },
};

static const struct golden_case branches[] = {
    { "cmp register b.eq", { { 0xeb01001f, "cmp x0, x1" }, { 0x54000200, "b.eq 0x60002144" } } },
    { "cmp immediate b.hi", { { 0x7100241f, "cmp w0, #0x9" }, { 0x54000208, "b.hi 0x60002144" } } },
    { "cmp immediate b.lt backward", {
        { 0xf100001f, "cmp x0, #0x0" },
        { 0x54fffe0b, "b.lt 0x600020c4" },
    } },
    { "tst b.ne", { { 0x7219001f, "tst w0, #0x80" }, { 0x54000201, "b.ne 0x60002144" } } },
    { "b.cond with flags from before", { { 0x5400020d, "b.le 0x60002140" } } },
    { "cbz", { { 0xb4000200, "cbz x0, 0x60002140" } } },
    { "cbnz 32 bits in the state", { { 0x35000209, "cbnz w9, 0x60002140" } } },
    { "tbz", { { 0x36280200, "tbz w0, #5, 0x60002140" } } },
    { "tbnz high bit", { { 0x37f80209, "tbnz w9, #31, 0x60002140" } } },
    { "conditional branch across pages", { { 0xb4020000, "cbz x0, 0x60006100" } } },
    { "loop of three instructions", {
        { 0x38401422, "ldrb w2, [x1], #1" },
        { 0xf1000400, "subs x0, x0, #0x1" },
        { 0x54ffffc1, "b.ne 0x60002100" },
    } },
};

static const struct golden_case calls[] = {
    { "whole block", { { 0xd503201f, "nop" }, { 0x14000010, "b 0x60002144" } }, true },
    { "branch across pages", { { 0x14001000, "b 0x60006100" } } },
    { "call within the page", { { 0x94000010, "bl 0x60002140" } } },
    { "call across pages", { { 0x97fff000, "bl 0x5fffe100" } } },
    { "call through a register", { { 0xd63f0020, "blr x1" } } },
    { "jump through a register", { { 0xd61f0200, "br x16" } } },
    { "return", { { 0xd65f03c0, "ret" } } },
    { "adrp add", { { 0xf0000000, "adrp x0, 0x60005000" }, { 0x91048c00, "add x0, x0, #0x123" } } },
    { "prologue", {
        { 0xa9be7bfd, "stp x29, x30, [sp, #-32]!" },
        { 0x910003fd, "mov x29, sp" },
        { 0xa90153f3, "stp x19, x20, [sp, #16]" },
    } },
    { "epilogue", {
        { 0xa94153f3, "ldp x19, x20, [sp, #16]" },
        { 0xa8c27bfd, "ldp x29, x30, [sp], #32" },
        { 0xd65f03c0, "ret" },
    } },
    { "svc", { { 0xd4000001, "svc #0x0" } } },
    { "thread pointer", { { 0xd53bd040, "mrs x0, s3_3_c13_c0_2" } } },
};

static const struct golden_case memory[] = {
    { "ldr 64", { { 0xf9400020, "ldr x0, [x1]" } } },
    { "ldr 64 offset", { { 0xf9400420, "ldr x0, [x1, #8]" } } },
    { "ldr 64 base in the state", { { 0xf9400549, "ldr x9, [x10, #8]" } } },
    { "ldr 32", { { 0xb9400020, "ldr w0, [x1]" } } },
    { "ldrh", { { 0x79400420, "ldrh w0, [x1, #2]" } } },
    { "ldrb", { { 0x39400020, "ldrb w0, [x1]" } } },
    { "ldrsw", { { 0xb9800020, "ldrsw x0, [x1]" } } },
    { "ldrsb 32", { { 0x39c00020, "ldrsb w0, [x1]" } } },
    { "ldr register offset scaled", { { 0xf8627820, "ldr x0, [x1, x2, lsl #3]" } } },
    { "ldr extended offset", { { 0xb862d820, "ldr w0, [x1, w2, sxtw #2]" } } },
    { "ldrb register offset", { { 0x38626820, "ldrb w0, [x1, x2]" } } },
    { "ldr pre-index", { { 0xf8408c20, "ldr x0, [x1, #8]!" } } },
    { "ldr literal", { { 0x58000200, "ldr x0, 0x60002140" } } },
    { "ldur", { { 0xf85fd020, "ldur x0, [x1, #-3]" } } },
    { "str 64", { { 0xf9000020, "str x0, [x1]" } } },
    { "str 32", { { 0xb9000420, "str w0, [x1, #4]" } } },
    { "strh", { { 0x79000020, "strh w0, [x1]" } } },
    { "strb", { { 0x39000020, "strb w0, [x1]" } } },
    { "str register offset", { { 0xb8227820, "str w0, [x1, x2, lsl #2]" } } },
    { "ldp", { { 0xa9400820, "ldp x0, x2, [x1]" } } },
    { "ldp in the state", { { 0xa9412969, "ldp x9, x10, [x11, #16]" } } },
    { "stp", { { 0xa9010820, "stp x0, x2, [x1, #16]" } } },
    { "stp zeroes", { { 0xa8817c3f, "stp xzr, xzr, [x1], #16" } } },
    { "two loads of one structure", {
        { 0xf9400420, "ldr x0, [x1, #8]" },
        { 0xf9400822, "ldr x2, [x1, #16]" },
    } },
    { "ldr q", { { 0x3dc00020, "ldr q0, [x1]" } } },
    { "str q", { { 0x3d800420, "str q0, [x1, #16]" } } },
    { "ldp q", { { 0xacc10420, "ldp q0, q1, [x1], #32" } } },
    { "stp q", { { 0xac810440, "stp q0, q1, [x2], #32" } } },
};

static const struct golden_case atomics[] = {
    { "ldar", { { 0xc8dffc20, "ldar x0, [x1]" } } },
    { "stlr", { { 0x889ffc20, "stlr w0, [x1]" } } },
    { "ldxr", { { 0xc85f7c20, "ldxr x0, [x1]" } } },
    { "stxr", { { 0xc8007c22, "stxr w0, x2, [x1]" } } },
    { "ldaxr add stlxr", {
        { 0x885ffc20, "ldaxr w0, [x1]" },
        { 0x11000400, "add w0, w0, #0x1" },
        { 0x8802fc20, "stlxr w2, w0, [x1]" },
        { 0x35ffffa2, "cbnz w2, 0x60002100" },
    } },
    { "ldadd", { { 0xf8200022, "ldadd x0, x2, [x1]" } } },
    { "ldaddal 32", { { 0xb8e00022, "ldaddal w0, w2, [x1]" } } },
    { "swpa", { { 0xb8a08022, "swpa w0, w2, [x1]" } } },
    { "cas", { { 0xc8e0fc22, "casal x0, x2, [x1]" } } },
    { "ldset", { { 0xf8e03022, "ldsetal x0, x2, [x1]" } } },
    { "ldsmaxh", { { 0x78204022, "ldsmaxh w0, w2, [x1]" } } },
    { "stadd", { { 0xb820003f, "stadd w0, [x1]" } } },
    { "ldxp", { { 0xc87f0820, "ldxp x0, x2, [x1]" } } },
    { "stlxp", { { 0xc8208c22, "stlxp w0, x2, x3, [x1]" } } },
    { "caspal", { { 0x4860fc82, "caspal x0, x1, x2, x3, [x4]" } } },
    { "casp 32", { { 0x08207c82, "casp w0, w1, w2, w3, [x4]" } } },
    { "dmb ish", { { 0xd5033bbf, "dmb ish" } } },
};

static const struct golden_case select[] = {
    { "csel", { { 0xeb01001f, "cmp x0, x1" }, { 0x9a83b040, "csel x0, x2, x3, lt" } } },
    { "csel in the state", {
        { 0xeb0a013f, "cmp x9, x10" },
        { 0x9a8c8169, "csel x9, x11, x12, hi" },
    } },
    { "cset", { { 0x7100001f, "cmp w0, #0x0" }, { 0x1a9f07e0, "cset w0, ne" } } },
    { "ccmp and branch", {
        { 0xf100041f, "cmp x0, #0x1" },
        { 0xfa421024, "ccmp x1, x2, #0x4, ne" },
        { 0x54000200, "b.eq 0x60002148" },
    } },
    { "minimum", { { 0x6b01001f, "cmp w0, w1" }, { 0x1a819000, "csel w0, w0, w1, ls" } } },
};

static const struct golden_case bits[] = {
    { "lsl immediate", { { 0xd374cc20, "lsl x0, x1, #12" } } },
    { "lsr immediate 32 bits", { { 0x53037c20, "lsr w0, w1, #3" } } },
    { "ubfx", { { 0xd3484c20, "ubfx x0, x1, #8, #12" } } },
    { "sbfx", { { 0x93484c20, "sbfx x0, x1, #8, #12" } } },
    { "bfi", { { 0xb3781c20, "bfi x0, x1, #8, #8" } } },
    { "bfxil", { { 0xb3507c20, "bfxil x0, x1, #16, #16" } } },
    { "sxtw", { { 0x93407c20, "sxtw x0, w1" } } },
    { "extr", { { 0x93c25020, "extr x0, x1, x2, #20" } } },
    { "clz", { { 0xdac01020, "clz x0, x1" } } },
    { "rbit", { { 0xdac00020, "rbit x0, x1" } } },
    { "rev", { { 0xdac00c20, "rev x0, x1" } } },
};

static const struct golden_case multiply[] = {
    { "mul", { { 0x9b027c20, "mul x0, x1, x2" } } },
    { "madd", { { 0x1b020c20, "madd w0, w1, w2, w3" } } },
    { "msub", { { 0x9b028c20, "msub x0, x1, x2, x3" } } },
    { "umulh", { { 0x9bc27c20, "umulh x0, x1, x2" } } },
    { "udiv", { { 0x9ac20820, "udiv x0, x1, x2" } } },
    { "sdiv 32 bits", { { 0x1ac20c20, "sdiv w0, w1, w2" } } },
    { "remainder", { { 0x9ac10802, "udiv x2, x0, x1" }, { 0x9b018040, "msub x0, x2, x1, x0" } } },
    { "crc32", { { 0x9ac25c20, "crc32cx w0, w1, x2" } } },
};

static const struct golden_case fp[] = {
    { "fmov", { { 0x1e604020, "fmov d0, d1" } } },
    { "fmov from general", { { 0x9e670000, "fmov d0, x0" } } },
    { "fmov to general", { { 0x9e660000, "fmov x0, d0" } } },
    { "fmov immediate", { { 0x1e6e1000, "fmov d0, #1.0" } } },
    { "fadd", { { 0x1e622820, "fadd d0, d1, d2" } } },
    { "fmul single", { { 0x1e220820, "fmul s0, s1, s2" } } },
    { "fdiv", { { 0x1e621820, "fdiv d0, d1, d2" } } },
    { "fmadd", { { 0x1f420c20, "fmadd d0, d1, d2, d3" } } },
    { "fsqrt", { { 0x1e61c020, "fsqrt d0, d1" } } },
    { "fneg", { { 0x1e614020, "fneg d0, d1" } } },
    { "fcmp b.gt", { { 0x1e612000, "fcmp d0, d1" }, { 0x5400020c, "b.gt 0x60002144" } } },
    { "fcsel", { { 0x1e612000, "fcmp d0, d1" }, { 0x1e644c62, "fcsel d2, d3, d4, mi" } } },
    { "fcvt", { { 0x1e22c020, "fcvt d0, s1" } } },
    { "fcvtzs", { { 0x9e780000, "fcvtzs x0, d0" } } },
    { "scvtf", { { 0x9e620000, "scvtf d0, x0" } } },
    { "fmax", { { 0x1e626820, "fmaxnm d0, d1, d2" } } },
    { "multiply and add", {
        { 0xfd400000, "ldr d0, [x0]" },
        { 0xfd400021, "ldr d1, [x1]" },
        { 0x1f410802, "fmadd d2, d0, d1, d2" },
    } },
};

static const struct golden_case neon[] = {
    { "add 4s", { { 0x4ea28420, "add v0.4s, v1.4s, v2.4s" } } },
    { "add 2d chain", {
        { 0x4ee28420, "add v0.2d, v1.2d, v2.2d" },
        { 0x4ee38400, "add v0.2d, v0.2d, v3.2d" },
    } },
    { "mla 4s", { { 0x4ea29420, "mla v0.4s, v1.4s, v2.4s" } } },
    { "eor", { { 0x6e221c20, "eor v0.16b, v1.16b, v2.16b" } } },
    { "bsl", { { 0x6e621c20, "bsl v0.16b, v1.16b, v2.16b" } } },
    { "cmeq zero", { { 0x4e209820, "cmeq v0.16b, v1.16b, #0" } } },
    { "dup general", { { 0x4e010c00, "dup v0.16b, w0" } } },
    { "umov", { { 0x0e073c20, "umov w0, v1.b[3]" } } },
    { "ins", { { 0x4e181c00, "mov v0.d[1], x0" } } },
    { "movi", { { 0x4f00e420, "movi v0.16b, #0x1" } } },
    { "ushr", { { 0x6f790420, "ushr v0.2d, v1.2d, #7" } } },
    { "tbl", { { 0x4e020020, "tbl v0.16b, {v1.16b}, v2.16b" } } },
    { "zip1", { { 0x4e423820, "zip1 v0.8h, v1.8h, v2.8h" } } },
    { "addv", { { 0x4eb1b820, "addv s0, v1.4s" } } },
    { "umaxp", { { 0x6e22a420, "umaxp v0.16b, v1.16b, v2.16b" } } },
    { "shrn", { { 0x0f0c8420, "shrn v0.8b, v1.8h, #4" } } },
    { "fadd 4s", { { 0x4e22d420, "fadd v0.4s, v1.4s, v2.4s" } } },
    { "fmla 2d", { { 0x4e62cc20, "fmla v0.2d, v1.2d, v2.2d" } } },
    { "scvtf 4s", { { 0x4e21d820, "scvtf v0.4s, v1.4s" } } },
    { "strlen step", {
        { 0x3cc10420, "ldr q0, [x1], #16" },
        { 0x4e209800, "cmeq v0.16b, v0.16b, #0" },
        { 0x6e20a400, "umaxp v0.16b, v0.16b, v0.16b" },
        { 0x9e660002, "fmov x2, d0" },
        { 0xb4ffff82, "cbz x2, 0x60002100" },
    } },
};

// clang-format on

#define GROUP(name) { #name, name, ARRAY_SIZE(name) }

const struct golden_group golden_groups[GOLDEN_NR_GROUPS] = {
    GROUP(moves),
    GROUP(branches),
    GROUP(calls),
    GROUP(memory),
    GROUP(atomics),
    GROUP(select),
    GROUP(bits),
    GROUP(multiply),
    GROUP(fp),
    GROUP(neon),
};
