// SPDX-License-Identifier: GPL-3.0-or-later
// Floating point in regions: every operation that has a lowering, in every shape, one at a time so
// that no flag hides behind another's. Operands are zeros, denormals, the smallest normals and what
// rounds to them, the largest, infinities, NaNs; in every rounding mode, with and without DN. With
// FZ a region must decline.
#include "tests/jit/trial.h"

#include "jit/fp.h"
#include "tests/diff/diff.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

// V0 (and V3) = op(V1, V2). Vector forms are for .2s; Q is bit 30, doubles bit 22.
// clang-format off
static const struct {
    const char *name;
    uint32_t insn;
    bool vector, narrow; // narrow: this width alone
} ops[] = {
    { "fmul", 0x1e220820, false, false },   { "fdiv", 0x1e221820, false, false },   { "fadd", 0x1e222820, false, false },
    { "fsub", 0x1e223820, false, false },   { "fmax", 0x1e224820, false, false },   { "fmin", 0x1e225820, false, false },
    { "fmaxnm", 0x1e226820, false, false }, { "fnmul", 0x1e228820, false, false },  { "fsqrt", 0x1e21c020, false, false },
    { "fabs", 0x1e20c020, false, false },   { "fneg", 0x1e214020, false, false },   { "fmov", 0x1e204020, false, false },
    { "fmadd", 0x1f020c20, false, false },  { "fmsub", 0x1f028c20, false, false },  { "fnmadd", 0x1f220c20, false, false },
    { "fnmsub", 0x1f228c20, false, false }, { "fcmp", 0x1e222020, false, false },   { "fcmpe", 0x1e222030, false, false },
    { "fcmp #0", 0x1e202028, false, false }, { "fcmpe #0", 0x1e202038, false, false }, { "fcvt d,s", 0x1e22c020, false, true },
    { "fcvt s,d", 0x1e624020, false, true }, { "fcvtzs x", 0x9e380020, false, false }, { "scvtf x", 0x9e220020, false, false },
    { "frintx", 0x1e274020, false, false }, { "fmla s[1]", 0x5fa21020, false, true },
    { "fadd v", 0x0e22d420, true, false },  { "fsub v", 0x0ea2d420, true, false },  { "fmul v", 0x2e22dc20, true, false },
    { "fdiv v", 0x2e22fc20, true, false },  { "fmla v", 0x0e22cc20, true, false },  { "fmls v", 0x0ea2cc20, true, false },
    { "fsqrt v", 0x2ea1f820, true, false }, { "fneg v", 0x2ea0f820, true, false },  { "fabs v", 0x0ea0f820, true, false },
    { "fmulx v", 0x0e22dc20, true, false }, { "fmla v[0]", 0x0f821020, true, false }, { "fmul v[1]", 0x0fa29020, true, true },
    { "faddp v", 0x2e22d420, true, false }, { "fcmgt v", 0x2ea2e420, true, false },
};
// clang-format on

#define MAX_VARIANTS (3 * ARRAY_SIZE(ops))

struct variant {
    struct trial trial;
    unsigned op;
    unsigned width; // 32 or 64
    char name[48];
};

// clang-format off
static const uint64_t special64[] = {
    0x0000000000000000, 0x0000000000000001, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x001fffffffffffff,
    0x3ca0000000000000, 0x3fe0000000000000, 0x3fefffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001, 0x3ff8000000000000,
    0x4000000000000000, 0x5fe5555555555555, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000001234, 0x7ff8000000004321,
    0x1ff5555555555555, 0x0360000000000000,
};
// clang-format on
// clang-format off
static const uint32_t special32[] = {
    0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x33000000, 0x3f000000, 0x3f7fffff, 0x3f800000,
    0x3f800001, 0x3fc00000, 0x40000000, 0x5f2aaaaa, 0x7f7fffff, 0x7f800000, 0x7f801234, 0x7fc04321, 0x1f2aaaaa, 0x0b800000,
};
// clang-format on

static uint64_t operand(unsigned width, uint64_t *random)
{
    uint64_t x = diff_random(random);
    unsigned n = (unsigned)(x >> 32) % ARRAY_SIZE(special64);
    uint64_t sign = x & 1, bits;
    if (x >> 8 & 7)
        bits = width == 64 ? special64[n] : special32[n];
    else // of middling size, so that sums cancel and round
        bits = width == 64 ? (x >> 12 & 0x3fffffffffffff) + 0x3fe0000000000000
                           : (x >> 40 & 0x1ffffff) + 0x3f000000;
    return bits ^ sign << (width - 1);
}

static unsigned make(struct variant *list, struct bed *b, uint32_t fpcr, uint64_t *random)
{
    unsigned n = 0;
    for (unsigned op = 0; op < ARRAY_SIZE(ops); op++)
        for (unsigned shape = 0; shape < 3; shape++) { // s, d; or 2s, 4s, 2d
            struct variant *v = &list[n];
            uint32_t insn = ops[op].insn;
            bool wide = ops[op].vector ? shape == 2 : shape == 1;
            if ((!ops[op].vector && shape == 2) || (ops[op].narrow && wide) ||
                (ops[op].narrow && !ops[op].vector && shape))
                continue;
            if (wide)
                insn |= 1u << 22;
            if (ops[op].vector && shape)
                insn |= 1u << 30;
            v->op = op;
            v->width = wide || !strcmp(ops[op].name, "fcvt s,d") ? 64 : 32;
            snprintf(
                v->name, sizeof v->name, "%s %s fpcr %x", ops[op].name,
                (const char *[]){"s", "d", "2s", "4s", "2d"}[ops[op].vector ? 2 + shape : shape],
                fpcr);
            memset(&v->trial, 0, sizeof v->trial);
            bed_random_state(random, &v->trial.base, 0);
            v->trial.base.fpcr = fpcr;
            v->trial.program.code[0] = insn;
            v->trial.program.code[1] = INSN_SVC;
            v->trial.program.roots = (struct batch_roots){.nr_entries = 1, .end = PAGE_SIZE};
            cr_assert(trial_form(&v->trial, b));
            n++;
        }
    return n;
}

static void fill(struct bed_state *s, const struct variant *v, unsigned round, uint64_t *random)
{
    for (unsigned r = 0; r < 4; r++)
        for (unsigned half = 0; half < 2; half++)
            s->v[r][half] = v->width == 64 ? operand(64, random)
                                           : operand(32, random) | operand(32, random) << 32;
    // Every pair of special ones, in the lowest lane.
    unsigned i = round % ARRAY_SIZE(special64),
             j = round / ARRAY_SIZE(special64) % ARRAY_SIZE(special64);
    if (v->width == 64) {
        s->v[1][0] = special64[i] | (s->v[1][0] & BIT(63));
        s->v[2][0] = special64[j] | (s->v[2][0] & BIT(63));
    } else {
        s->v[1][0] = (s->v[1][0] & 0xffffffff80000000) | special32[i];
        s->v[2][0] = (s->v[2][0] & 0xffffffff80000000) | special32[j];
    }
}

static const uint32_t roundings[] = {0, 1u << FPCR_RMODE_SHIFT, 2u << FPCR_RMODE_SHIFT,
                                     3u << FPCR_RMODE_SHIFT};

static unsigned run(struct variant *v, struct bed *b, uint64_t *random, unsigned rounds)
{
    struct trial_stats stats = {0};
    trial_install(&v->trial, b);
    for (unsigned n = 0; n < rounds; n++) {
        struct bed_state s = v->trial.base;
        fill(&s, v, n, random);
        s.fpsr = 0;
        if (v->trial.base.fpcr)
            s.fpcr = roundings[n & 3] | (n & 4 ? FPCR_DN : 0) | FPCR_FZ16;
        if (!trial_run_all(&v->trial, b, &s, &stats, v->name))
            return 1;
        if (stats.insns != stats.runs) {
            fprintf(stderr, "%s: declined\n", v->name);
            return 1;
        }
    }
    return 0;
}

static void run_list(uint32_t fpcr)
{
    static struct variant list[MAX_VARIANTS];
    uint64_t random = 4711 + fpcr;
    struct bed *b = bed_create();
    unsigned n = make(list, b, fpcr, &random), bad = 0;
    unsigned rounds =
        trial_count("REGION_CASES", 400) < 400 ? 400 : trial_count("REGION_CASES", 400);
    for (unsigned first = 0; first < n; first += BATCH_MAX) {
        struct trial *trials[BATCH_MAX];
        struct batch batch;
        unsigned k = n - first < BATCH_MAX ? n - first : BATCH_MAX;
        for (unsigned i = 0; i < k; i++)
            trials[i] = &list[first + i].trial;
        cr_assert(trial_compile(trials, k, &batch));
        for (unsigned i = 0; i < k && bad < 5; i++)
            bad += run(&list[first + i], b, &random,
                       ops[list[first + i].op].vector ? rounds / 2 : rounds);
        batch_free(&batch);
    }
    bed_destroy(b);
    cr_assert_eq(bad, 0, "%u operations differ", bad);
}

Test(jit_region, fp_default, .timeout = 900)
{
    run_list(0);
}

Test(jit_region, fp_rounding_modes, .timeout = 900)
{
    run_list(FPCR_FZ16);
}

Test(jit_region, fp_declines_when_flushing, .timeout = 300)
{
    static struct variant list[MAX_VARIANTS];
    struct bed *b = bed_create();
    struct batch batch;
    uint64_t random = 5;
    unsigned n = make(list, b, FPCR_FZ, &random);
    struct trial *trials[BATCH_MAX];
    cr_assert(n > 20);
    n = 20; // the first 20 have scalar lowerings
    for (unsigned i = 0; i < n; i++)
        trials[i] = &list[i].trial;
    cr_assert(trial_compile(trials, n, &batch));
    for (unsigned i = 0; i < n; i++) {
        struct trial_stats stats = {0};
        // The others are functions, which know FZ.
        bool lowered = list[i].op < 4 || !strcmp(ops[list[i].op].name, "fsqrt");
        trial_install(&list[i].trial, b);
        cr_expect(trial_run_all(&list[i].trial, b, &list[i].trial.base, &stats, list[i].name));
        cr_expect(!lowered || !stats.insns, "%s: ran although FZ is set", list[i].name);
    }
    batch_free(&batch);
    bed_destroy(b);
}
