// SPDX-License-Identifier: GPL-3.0-or-later
// Which encodings can be compared with qemu-aarch64. See the header.
#include "encodings.h"

#include "a64_random.h"
#include "base/bits.h"
#include "diff.h"
#include "jit/fp.h"

#include <stdlib.h>
#include <string.h>

static uint64_t next(void *state)
{
    return diff_random(state);
}

bool diff_in_group(enum a64_op op, const char *const *names)
{
    const char *fn = a64_rows[op].translate;

    for (; *names; names++) {
        size_t n = strlen(*names);
        if ((*names)[n - 1] == '*' ? !strncmp(fn, *names, n - 1) : !strcmp(fn, *names))
            return true;
    }
    return false;
}

// Extensions that qemu-aarch64 -cpu max has and armlet does not offer.
static bool offered(enum a64_op op, uint32_t insn)
{
    const char *feature = a64_feature_names[a64_needs(op, insn)];
    static const char *const absent[] = {"bf16", "i8mm"};

    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++)
        if (!strcmp(feature, absent[i]))
            return false;
    return true;
}

// The instruction's result is a choice of the implementation: write-back to a transferred register,
// a pair loaded twice into one register.
static bool unpredictable(enum a64_op op, const union a64_fields *f)
{
    const char *format = a64_rows[op].format;
    const struct a64_ldst_imm *i = &f->ldst_imm;
    const struct a64_ldst_pair *p = &f->ldst_pair;

    if (!strcmp(format, "ldst_imm"))
        return (i->idx == A64_IDX_PRE || i->idx == A64_IDX_POST) && i->rn == i->rt && i->rn != 31;
    if (!strcmp(format, "ldst_pair"))
        return (p->L && p->rt == p->rt2) || ((p->idx == A64_IDX_PRE || p->idx == A64_IDX_POST) &&
                                             p->rn != 31 && (p->rn == p->rt || p->rn == p->rt2));
    if (!strcmp(format, "ldst_fp_pair"))
        return f->ldst_fp_pair.L && f->ldst_fp_pair.rt == f->ldst_fp_pair.rt2;
    return false;
}

bool diff_oracle_is_wrong(enum a64_op op, const union a64_fields *f, const struct diff_state *in)
{
    const char *fn = a64_rows[op].translate;
    uint64_t v = in->v[f->fp_int.rn & 31][0];

    // A half-precision lane is written 32 bits wide.
    if (!strcmp(fn, "scalar_fp_fixed") && f->scalar_shift.size == 1)
        return true;
    // A denormal that is flushed to zero is not exact (FPToFixedJS).
    if (!strcmp(fn, "fjcvtzs"))
        return v << 1 && v << 1 < UINT64_C(0x20000000000000) && in->fpcr & FPCR_FZ;
    // Unaligned, these fault without FEAT_LSE2.
    return !strcmp(fn, "ldapr") || !strcmp(fn, "ldapur");
}

bool diff_comparable(enum a64_op op, uint32_t insn, const union a64_fields *f)
{
    return offered(op, insn) && !unpredictable(op, f);
}

uint32_t diff_random_insn(enum a64_op op, union a64_fields *f, uint64_t *random)
{
    uint32_t insn = a64_random_encoding(op, next, random);

    a64_decode(insn, f);
    return diff_comparable(op, insn, f) ? insn : 0;
}

#define NAMES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

const struct diff_group diff_groups[] = {
    {"integer", NAMES("adr", "adrp", "addsub_*", "logical_*", "movwide", "bitfield", "extr", "div",
                      "shiftv", "dp1", "rmif", "setf", "ccmp_*", "csel", "madd", "maddl", "mulh",
                      "cfinv", "xaflag", "axflag", "crc32")},
    {"load_store", NAMES("ldar", "ldapr", "ldapur", "cas", "casp", "atomic", "swp", "ldst_imm",
                         "ldst_reg", "ldst_pair", "ldst_fp_pair", "ldst_fp_imm", "ldst_fp_reg")},
    {"structures", NAMES("ld_multi", "ld_single", "ld_repl")},
    {"fp_scalar", NAMES("fcvt_int", "fjcvtzs", "cvtf_*", "fmov_*", "fcvtz_fixed", "fp_dp*", "fcvt",
                        "fcmp", "fccmp", "fcsel")},
    {"three_same", NAMES("simd_three_same", "scalar_three_same", "simd_logical", "simd_dot")},
    {"three_same_fp",
     NAMES("simd_three_same_fp", "scalar_three_same_fp", "fcmla_*", "fcadd_v", "simd_fmlal*")},
    {"three_diff", NAMES("simd_three_diff", "scalar_three_diff", "pmull")},
    {"two_misc", NAMES("simd_two_misc", "scalar_two_misc", "simd_addlp", "simd_narrow", "simd_shll",
                       "scalar_narrow")},
    {"two_misc_fp", NAMES("simd_two_misc_fp", "simd_fp_cmpz", "simd_fp_cvt", "scalar_two_misc_fp",
                          "scalar_fp_cmpz", "scalar_fp_cvt", "simd_fcvt_*", "fcvtxn_s")},
    {"across", NAMES("simd_across*", "scalar_pair")},
    {"by_element", NAMES("simd_by_element*", "scalar_by_element*", "simd_dot_x")},
    {"shift", NAMES("simd_shift_*", "simd_fp_fixed", "scalar_shift_*", "scalar_fp_fixed")},
    {"copy", NAMES("simd_modimm", "fmov_h_vi", "simd_dup_*", "simd_mov_to_gen", "simd_ins_*",
                   "scalar_dup_elem", "simd_permute", "simd_table", "simd_ext")},
    {"crypto", NAMES("aes", "sha*")},
    {NULL, NULL},
};
