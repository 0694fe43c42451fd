// SPDX-License-Identifier: GPL-3.0-or-later
// Random encodings of every row of the decode tables that is no branch and no system instruction,
// on random states: armlet must leave what qemu-aarch64 leaves. One test a group of rows, named by
// their translate functions; DIFF_CASES in the environment changes the number of cases a row.
#include "diff.h"

#include "a64_random.h"
#include "base/bits.h"
#include "jit/fp.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next(void *state)
{
    return diff_random(state);
}

// names ends with NULL; a name that ends with * stands for all that begin so.
static bool in_group(enum a64_op op, const char *const *names)
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

// Where qemu-aarch64 7.2 is known not to do what the architecture says.
static bool oracle_is_wrong(enum a64_op op, const union a64_fields *f, const struct diff_state *in)
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

struct run {
    struct diff_case *cases;
    struct diff_state *oracle, *armlet;
    size_t n, room;
};

static size_t cases_a_row(void)
{
    const char *s = getenv("DIFF_CASES");
    return s ? strtoul(s, NULL, 0) : 40;
}

static struct diff_case *new_case(struct run *r)
{
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 1024;
        r->cases = realloc(r->cases, r->room * sizeof(*r->cases));
        cr_assert(r->cases);
    }
    memset(&r->cases[r->n], 0, sizeof(*r->cases));
    return &r->cases[r->n++];
}

// A random encoding that can be compared, whatever the state; 0 if this one cannot.
static uint32_t random_insn(enum a64_op op, union a64_fields *f, uint64_t *random)
{
    uint32_t insn = a64_random_encoding(op, next, random);

    a64_decode(insn, f);
    return offered(op, insn) && !unpredictable(op, f) ? insn : 0;
}

static void add_cases(struct run *r, enum a64_op op)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15) * (op + 1u);

    for (size_t i = 0; i < cases_a_row(); i++) {
        union a64_fields f;
        uint32_t insn = random_insn(op, &f, &random);
        struct diff_case *c;
        if (!insn)
            continue;
        c = new_case(r);
        c->insn[0] = insn;
        c->n = 1;
        diff_random_state(&random, &c->in);
        if (oracle_is_wrong(op, &f, &c->in))
            r->n--;
    }
}

// Both sides.
static void run_cases(struct run *r)
{
    cr_assert(r->n > 0);
    r->oracle = calloc(r->n, sizeof(*r->oracle));
    r->armlet = calloc(r->n, sizeof(*r->armlet));
    cr_assert(r->oracle && r->armlet);
    cr_assert(diff_run_oracle(r->cases, r->n, r->oracle));
    diff_run_armlet(r->cases, r->n, r->armlet);
}

static void run_fini(struct run *r)
{
    free(r->cases);
    free(r->oracle);
    free(r->armlet);
}

// Compares row by row, so that each row that differs is named.
static size_t compare_row(const struct run *r, enum a64_op op, size_t *at)
{
    size_t first = *at, bad;
    union a64_fields f;

    while (*at < r->n && a64_decode(r->cases[*at].insn[0], &f) == op)
        ++*at;
    bad = diff_compare(&r->cases[first], *at - first, &r->oracle[first], &r->armlet[first],
                       DIFF_IGNORE_NONE, 2);
    if (bad)
        fprintf(stderr, "row %s: %zu of %zu cases differ\n\n", a64_rows[op].name, bad, *at - first);
    return bad;
}

static void run_group(const char *const *names)
{
    struct run r = {.cases = NULL};
    size_t bad = 0, rows = 0, at = 0, ran = 0;

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
        if (in_group(op, names))
            add_cases(&r, op);
    run_cases(&r);
    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
        if (in_group(op, names)) {
            bad += compare_row(&r, op, &at) != 0;
            rows++;
        }
    for (size_t i = 0; i < r.n; i++)
        ran += r.oracle[i].status == DIFF_RAN;
    cr_assert_eq(at, r.n);
    run_fini(&r);
    cr_assert_eq(bad, 0, "%zu of %zu rows differ", bad, rows);
    // The comparison would be hollow if most of it trapped on both sides.
    cr_assert(ran > r.n / 8, "only %zu of %zu cases ran", ran, r.n);
}

#define GROUP(name, ...)                                                                           \
    Test(diff, name, .timeout = 250)                                                               \
    {                                                                                              \
        static const char *const names[] = {__VA_ARGS__, NULL};                                    \
        run_group(names);                                                                          \
    }

GROUP(integer, "adr", "adrp", "addsub_*", "logical_*", "movwide", "bitfield", "extr", "div",
      "shiftv", "dp1", "rmif", "setf", "ccmp_*", "csel", "madd", "maddl", "mulh", "cfinv", "xaflag",
      "axflag", "crc32")
GROUP(load_store, "ldar", "ldapr", "ldapur", "cas", "casp", "atomic", "swp", "ldst_imm", "ldst_reg",
      "ldst_pair", "ldst_fp_pair", "ldst_fp_imm", "ldst_fp_reg")
GROUP(structures, "ld_multi", "ld_single", "ld_repl")
GROUP(fp_scalar, "fcvt_int", "fjcvtzs", "cvtf_*", "fmov_*", "fcvtz_fixed", "fp_dp*", "fcvt", "fcmp",
      "fccmp", "fcsel")
GROUP(three_same, "simd_three_same", "scalar_three_same", "simd_logical", "simd_dot")
GROUP(three_same_fp, "simd_three_same_fp", "scalar_three_same_fp", "fcmla_*", "fcadd_v",
      "simd_fmlal*")
GROUP(three_diff, "simd_three_diff", "scalar_three_diff", "pmull")
GROUP(two_misc, "simd_two_misc", "scalar_two_misc", "simd_addlp", "simd_narrow", "simd_shll",
      "scalar_narrow")
GROUP(two_misc_fp, "simd_two_misc_fp", "simd_fp_cmpz", "simd_fp_cvt", "scalar_two_misc_fp",
      "scalar_fp_cmpz", "scalar_fp_cvt", "simd_fcvt_*", "fcvtxn_s")
GROUP(across, "simd_across*", "scalar_pair")
GROUP(by_element, "simd_by_element*", "scalar_by_element*", "simd_dot_x")
GROUP(shift, "simd_shift_*", "simd_fp_fixed", "scalar_shift_*", "scalar_fp_fixed")
GROUP(copy, "simd_modimm", "fmov_h_vi", "simd_dup_*", "simd_mov_to_gen", "simd_ins_*",
      "scalar_dup_elem", "simd_permute", "simd_table", "simd_ext")
GROUP(crypto, "aes", "sha*")

// Sequences of any of them: what passes over a block could break. Without ADR: a store beside the
// code would hit the oracle's own.

static const char *const any_group[] = {
    "addsub_*",  "logical_*", "movwide", "bitfield", "extr",   "div",   "shiftv", "dp1",
    "rmif",      "setf",      "ccmp_*",  "csel",     "madd",   "maddl", "mulh",   "cfinv",
    "crc32",     "ldst_*",    "ld_*",    "cas",      "atomic", "swp",   "ldar",   "fcvt_int",
    "cvtf_*",    "fmov_*",    "fp_dp*",  "fcvt",     "fcmp",   "fccmp", "fcsel",  "simd_*",
    "scalar_t*", "aes",       "sha*",    "pmull",    NULL};

Test(diff, sequences, .timeout = 250)
{
    static enum a64_op ops[A64_OP_COUNT];
    size_t nr_ops = 0, bad, ran = 0;
    struct run r = {.cases = NULL};
    uint64_t random = 0x123456789abcdef;

    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
        if (in_group(op, any_group))
            ops[nr_ops++] = op;
    for (size_t i = 0; i < 100 * cases_a_row(); i++) {
        struct diff_case *c = new_case(&r);
        size_t n = 2 + next(&random) % (DIFF_MAX_INSNS - 2);
        diff_random_state(&random, &c->in);
        while (c->n < n) {
            // A few rows again and again, so that they meet.
            enum a64_op op = ops[next(&random) % (next(&random) & 1 ? 80 : nr_ops)];
            union a64_fields f;
            uint32_t insn = random_insn(op, &f, &random);
            if (insn && !oracle_is_wrong(op, &f, &c->in))
                c->insn[c->n++] = insn;
        }
    }
    run_cases(&r);
    for (size_t i = 0; i < r.n; i++)
        ran += r.oracle[i].status == DIFF_RAN;
    bad = diff_compare(r.cases, r.n, r.oracle, r.armlet, DIFF_IGNORE_NONE, 4);
    cr_expect_eq(bad, 0, "%zu of %zu sequences differ", bad, r.n);
    cr_expect(ran > r.n / 8, "only %zu of %zu ran to their end", ran, r.n);
    run_fini(&r);
}
