// SPDX-License-Identifier: GPL-3.0-or-later
// The decode table against itself and against words whose fields are known.
#include <criterion/criterion.h>

#include "base/bits.h"
#include "frontend/a64_decode.h"
#include "frontend/a64_random.h"
#include "tests/decode/random.h"

#include <inttypes.h>
#include <string.h>

#define SEED UINT64_C(0x61726d6c6574)

// The row found the slow way, A64_UNALLOCATED if none; fails if there are two.
static enum a64_op search(uint32_t insn)
{
    enum a64_op found = A64_UNALLOCATED;

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++) {
        if (!a64_matches(op, insn))
            continue;
        cr_assert_eq(found, A64_UNALLOCATED, "%08" PRIx32 " matches both %s and %s", insn,
                     a64_rows[found].name, a64_rows[op].name);
        found = op;
    }
    return found;
}

Test(decode, random_encodings_decode_to_their_own_row)
{
    uint64_t state = SEED;

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++) {
        for (int i = 0; i < 500; i++) {
            union a64_fields f;
            uint32_t insn = a64_random_encoding(op, random_next, &state);
            enum a64_op got = a64_decode(insn, &f);

            cr_assert_eq(got, op, "%08" PRIx32 " was made as %s, decodes as %s", insn,
                         a64_rows[op].name, a64_rows[got].name);
        }
    }
}

Test(decode, no_word_matches_two_rows)
{
    uint64_t state = SEED + 1;

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
        for (int i = 0; i < 40; i++)
            cr_assert_eq(search(a64_random_encoding(op, random_next, &state)), op);
}

// Half of the words are neighbours of valid ones, where the switches are most likely to be wrong.
Test(decode, decoder_agrees_with_the_linear_search)
{
    uint64_t state = SEED + 2;

    for (int i = 0; i < 80000; i++) {
        union a64_fields f;
        uint64_t r = random_next(&state);
        uint32_t insn = (uint32_t)r;

        if (i & 1) {
            enum a64_op op = 1 + (r >> 40) % (A64_OP_COUNT - 1);
            insn = a64_random_encoding(op, random_next, &state) ^ UINT32_C(1) << (r & 31);
        }
        enum a64_op got = a64_decode(insn, &f), want = search(insn);
        cr_assert_eq(got, want, "%08" PRIx32 " decodes as %s, the rows say %s", insn,
                     a64_rows[got].name, a64_rows[want].name);
    }
}

Test(decode, rows_are_well_formed)
{
    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++) {
        const struct a64_row *row = &a64_rows[op];

        cr_assert(row->name && row->format && row->translate, "row %d", op);
        cr_assert_eq(row->value & ~row->mask, 0, "%s: value outside its mask", row->name);
        cr_assert_eq((row->sbo | row->sbz) & row->mask, 0, "%s: ignored bits fixed", row->name);
    }
    for (int i = 0; i < A64_FEATURE_COUNT; i++)
        cr_assert(a64_feature_names[i], "feature %d", i);
}

Test(decode, unallocated)
{
    static const struct {
        uint32_t insn;
        const char *what;
    } words[] = {
        {0x00000000, "UDF"},
        {0xffffffff, "all ones"},
        {0x00c0ffee, "reserved"},
        {0x04200000, "SVE"},
        {0xc0800000, "SME"},
        {0x12400000, "AND (immediate), 32 bits, N=1"},
        {0x1200fc00, "AND (immediate), imms=111111"},
        {0x9240fc00, "AND (immediate), N=1, imms=111111"},
        {0x52c00000, "MOVZ, 32 bits, hw=2"},
        {0x32800000, "MOVE (wide), opc=01"},
        {0x13400000, "SBFM, 32 bits, N=1"},
        {0x0bc00000, "ADD (shifted), ROR"},
        {0x0b008000, "ADD (shifted), 32 bits, amount 32"},
        {0x0b201400, "ADD (extended), amount 5"},
        {0x9ac04000, "CRC32B with sf=1"},
        {0xd61f0800, "BRAAZ"},
        {0xd71f0800, "BRAA"},
        {0xd65f0bff, "RETAA"},
        {0xdac10000, "PACIA"},
        {0xf8200400, "LDRAA"},
        {0x91800000, "ADDG"},
        {0xd9200400, "STG"},
        {0xd50040df, "MSR (immediate), no such field"},
        {0xb8c00800, "LDRSW with opc=11"},
        {0xf8800400, "PRFM, post-indexed"},
        {0x69000000, "STGP"},
        {0x08217c00, "CASP with odd Rs"},
        {0x08207c01, "CASP with odd Rt"},
        {0x1e801000, "FMOV (immediate), ptype=10"},
        {0x1ea04000, "FABS and its like, ptype=10"},
        {0x1e66c000, "FRINT, no such opcode"},
        {0x0ee08400, "ADD .1d"},
        {0x4ee09c00, "MUL .2d"},
        {0x2e609c00, "PMUL .4h"},
        {0x0e60d400, "FADD .1d"},
        {0x0ee02800, "TRN1 .1d"},
        {0x2e004000, "EXT .8b, index 8"},
        {0x0f400400, "SSHR .1d"},
        {0x0e000400, "DUP, imm5=0"},
        {0x0e083c00, "UMOV Wd, .d"},
        {0x0c408c00, "LD2 .1d"},
        {0x0d40dc00, "LD1 .d[], S=1"},
        {0xce60c000, "SM3PARTW1"},
        {0xcec08400, "SM4E"},
        {0x5ac02000, "ABS (CSSC)"},
        {0x54000010, "BC.EQ"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        union a64_fields f;
        enum a64_op got = a64_decode(words[i].insn, &f);

        cr_expect_eq(got, A64_UNALLOCATED, "%08" PRIx32 " (%s) decodes as %s", words[i].insn,
                     words[i].what, a64_rows[got].name);
    }
}

#define CHECK(word, row, fmt, ...)                                                                 \
    do {                                                                                           \
        union a64_fields f_;                                                                       \
        enum a64_op op_ = a64_decode(word, &f_);                                                   \
        const struct a64_##fmt want_ = {__VA_ARGS__}, *got_ = &f_.fmt;                             \
        cr_expect_eq(op_, row, "%08x decodes as %s", word, a64_rows[op_].name);                    \
        cr_expect_arr_eq(got_, &want_, sizeof(want_), "%08x: fields of %s", word,                  \
                         a64_rows[op_].name);                                                      \
    } while (0)

Test(decode, fields)
{
    // add x1, x2, #0x5, lsl #12
    CHECK(0x91401441, A64_ADD_IMM, addsub_imm, .sf = 1, .imm = 0x5000, .rn = 2, .rd = 1);
    // adr x3, .-1; adrp x3, .-4096
    CHECK(0x70ffffe3, A64_ADR, pcrel, .op = 0, .imm = -1, .rd = 3);
    CHECK(0xf0ffffe3, A64_ADRP, pcrel, .op = 1, .imm = -1, .rd = 3);
    // b .-4; b.ne .+8; tbnz x5, #33, .-32768; cbz w7, .-4
    CHECK(0x17ffffff, A64_B, b, .op = 0, .imm = -4);
    CHECK(0x54000041, A64_B_COND, b_cond, .cond = 1, .imm = 8);
    CHECK(0xb70c0005, A64_TBNZ, tbz, .op = 1, .rt = 5, .imm = -32768, .bit = 33);
    CHECK(0x34ffffe7, A64_CBZ, cbz, .sf = 0, .op = 0, .rt = 7, .imm = -4);
    // mrs x9, sctlr_el1; dc zva, x1
    CHECK(0xd5381009, A64_MRS, system, .L = 1, .op0 = 3, .op1 = 0, .crn = 1, .crm = 0, .op2 = 0,
          .rt = 9);
    CHECK(0xd50b7421, A64_SYS, system, .L = 0, .op0 = 1, .op1 = 3, .crn = 7, .crm = 4, .op2 = 1,
          .rt = 1);
    // ldr x1, [x2, #32760]; ldrsh w3, [x4], #-256; str q0, [sp, #-16]!; sttr w1, [x2, #1]
    CHECK(0xf97ffc41, A64_LDR_IMM, ldst_imm, .size = 3, .opc = 1, .rn = 2, .rt = 1, .imm = 32760,
          .idx = A64_IDX_OFFSET);
    CHECK(0x78d00483, A64_LDRSH_POST, ldst_imm, .size = 1, .opc = 3, .rn = 4, .rt = 3, .imm = -256,
          .idx = A64_IDX_POST);
    CHECK(0x3c9f0fe0, A64_STR_FP_PRE, ldst_fp_imm, .L = 0, .rn = 31, .rt = 0, .scale = 4,
          .imm = -16, .idx = A64_IDX_PRE);
    CHECK(0xb8001841, A64_STTR, ldst_imm, .size = 2, .opc = 0, .rn = 2, .rt = 1, .imm = 1,
          .idx = A64_IDX_UNPRIV);
    // ldp x29, x30, [sp], #-512; ldpsw x1, x2, [x3, #-256]; ldp q0, q1, [x0, #-1024]
    CHECK(0xa8e07bfd, A64_LDP_POST, ldst_pair, .opc = 2, .L = 1, .rt2 = 30, .rn = 31, .rt = 29,
          .imm = -512, .idx = A64_IDX_POST);
    CHECK(0x69600861, A64_LDPSW_OFF, ldst_pair, .opc = 1, .L = 1, .rt2 = 2, .rn = 3, .rt = 1,
          .imm = -256, .idx = A64_IDX_OFFSET);
    CHECK(0xad600400, A64_LDP_FP_OFF, ldst_fp_pair, .L = 1, .rt2 = 1, .rn = 0, .rt = 0, .scale = 4,
          .imm = -1024, .idx = A64_IDX_OFFSET);
    // ld4 {v30.d-v1.d}[1], [x2], x3; ld1 {v5.4s-v7.4s}, [x1]; ld3r {v0.8h-v2.8h}, [x1], #6
    CHECK(0x4de3a45e, A64_LD4_LANE_POST, ld_single, .L = 1, .rm = 3, .rn = 2, .rt = 30, .regs = 4,
          .scale = 3, .index = 1, .idx = A64_IDX_POST);
    CHECK(0x4c406825, A64_LD1_3, ld_multi, .Q = 1, .L = 1, .size = 2, .rn = 1, .rt = 5, .regs = 3,
          .elems = 1, .idx = A64_IDX_OFFSET);
    CHECK(0x4ddfe420, A64_LD3R_POST, ld_repl, .Q = 1, .rm = 31, .size = 1, .rn = 1, .rt = 0,
          .regs = 3, .idx = A64_IDX_POST);
    // fmla v1.2d, v2.2d, v19.d[1]; sqdmulh v1.8h, v2.8h, v3.h[7]; mov v1.s[3], v2.s[2]
    CHECK(0x4fd31841, A64_FMLA_VX, elem_fp, .Q = 1, .U = 0, .rn = 2, .rd = 1, .size = 3, .rm = 19,
          .index = 1);
    CHECK(0x4f73c841, A64_SQDMULH_VX, elem, .Q = 1, .U = 0, .size = 1, .rn = 2, .rd = 1, .rm = 3,
          .index = 7);
    CHECK(0x6e1c4441, A64_INS_ELEM, ins, .rn = 2, .rd = 1, .size = 2, .index = 3, .index2 = 2);
    // sshr v1.4s, v2.4s, #1; sshll2 v1.4s, v2.8h, #15
    CHECK(0x4f3f0441, A64_SSHR_VI, simd_shift, .Q = 1, .U = 0, .rn = 2, .rd = 1, .size = 2,
          .right = 1, .left = 31);
    CHECK(0x4f1fa441, A64_SSHLL_VI, simd_shift, .Q = 1, .U = 0, .rn = 2, .rd = 1, .size = 1,
          .right = 1, .left = 15);
    // fcvtzs x1, d2, #64; movi v3.2d, #0xff00ff00ff00ff00
    CHECK(0x9e580041, A64_FCVTZS_FIXED, fp_fixed, .sf = 1, .ptype = 1, .rmode = 3, .opcode = 0,
          .rn = 2, .rd = 1, .fbits = 64, .fsize = 3);
    CHECK(0x6f05e543, A64_MOVI_64, modimm, .Q = 1, .op = 1, .cmode = 14, .rd = 3, .imm8 = 0xaa);
}

Test(decode, features)
{
    static const struct {
        uint32_t insn;
        enum a64_feature feature;
    } words[] = {
        {0x8b020020, A64_FEATURE_NONE},  // add x0, x1, x2
        {0xf8210040, A64_FEATURE_LSE},   // ldadd x1, x0, [x2]
        {0x1ac24020, A64_FEATURE_CRC32}, // crc32b w0, w1, w2
        {0x1e622820, A64_FEATURE_NONE},  // fadd d0, d1, d2
        {0x1ee22820, A64_FEATURE_FP16},  // fadd h0, h1, h2
        {0x0e421420, A64_FEATURE_FP16},  // fadd v0.4h, v1.4h, v2.4h
        {0x0f1fe420, A64_FEATURE_FP16},  // scvtf v0.4h, v1.4h, #1
        {0x0f3fe420, A64_FEATURE_NONE},  // scvtf v0.2s, v1.2s, #1
        {0x1ee24020, A64_FEATURE_NONE},  // fcvt s0, h1
        {0x0e22e020, A64_FEATURE_NONE},  // pmull v0.8h, v1.8b, v2.8b
        {0x0ee2e020, A64_FEATURE_PMULL}, // pmull v0.1q, v1.1d, v2.1d
        {0x4e284820, A64_FEATURE_AES},   // aese v0.16b, v1.16b
        {0x38bfc020, A64_FEATURE_LRCPC}, // ldaprb w0, [x1]
        {0xd503233f, A64_FEATURE_NONE},  // paciasp, a hint
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        union a64_fields f;
        enum a64_op op = a64_decode(words[i].insn, &f);
        enum a64_feature got = a64_needs(op, words[i].insn);

        cr_expect_neq(op, A64_UNALLOCATED, "%08" PRIx32 " is unallocated", words[i].insn);
        cr_expect_eq(got, words[i].feature, "%s needs %s, not %s", a64_rows[op].name,
                     a64_feature_names[got], a64_feature_names[words[i].feature]);
    }
}
