// SPDX-License-Identifier: GPL-3.0-or-later
// Every condition, and every other user of NZCV, behind every instruction that sets it: with the
// setter in the same block, in the block before, and in one of several blocks before.
#include "tests/jit/trial.h"

#include "tests/diff/diff.h"

#include <criterion/criterion.h>
#include <stdlib.h>

// Of X0 and X1 (W0 and W1); the result goes to X9.
// clang-format off
static const struct {
    const char *name;
    uint32_t before, setter; // before: 0 or an instruction in front
} setters[] = {
    { "adds x", 0, 0xab010009 }, { "adds w", 0, 0x2b010009 }, { "subs x", 0, 0xeb010009 }, { "subs w", 0, 0x6b010009 },
    { "cmp x", 0, 0xeb01001f },  { "cmn w", 0, 0x2b01001f },  { "cmp imm", 0, 0xf1000c1f }, { "cmp #0", 0, 0x7100001f },
    { "ands x", 0, 0xea010009 }, { "ands w", 0, 0x6a010009 }, { "bics x", 0, 0xea210009 }, { "bics w", 0, 0x6a210009 },
    { "tst imm", 0, 0xf240001f }, { "adcs x", 0, 0xba010009 }, { "adcs w", 0, 0x3a010009 }, { "sbcs x", 0, 0xfa010009 },
    { "sbcs w", 0, 0x7a010009 }, { "ngcs after cmp", 0xeb02005f, 0xfa0103e9 },
    { "ccmp x hi after cmp", 0xeb02001f, 0xfa418005 }, { "ccmn w eq after tst", 0x6a02005f, 0x3a41000a },
    { "ccmp w le after adds", 0x2b02001f, 0x7a41d003 }, { "ccmn x cs after ccmp", 0xfa42b804, 0xba412007 },
    { "fcmp d", 0, 0x1e612000 }, { "fcmp s", 0, 0x1e212000 }, { "fcmpe #0", 0, 0x1e602018 }, { "fccmp", 0xeb01001f, 0x1e61b404 },
    { "msr nzcv", 0, 0xd51b4200 }, { "rmif", 0, 0xba01040f }, { "setf8", 0, 0x3a00080d }, { "setf16", 0, 0x3a00480d },
    { "cfinv after subs", 0xeb010009, 0xd500401f },
};
// clang-format on

struct maker {
    struct program *p;
    unsigned at;
};

static void put(struct maker *m, uint32_t insn)
{
    m->p->code[m->at++] = insn;
}

// X10 gets a bit for every condition that does not hold; each branch is in a block of its own.
static void conditions(struct maker *m)
{
    for (unsigned c = 0; c < 14; c++) {
        put(m, 0x54000040u | c); // b.c +8
        put(m, c < 12 ? 0x9100014au | 1u << c << 10
                      : 0x9140014au | 1u << (c - 12) << 10); // add x10, x10, #bit
    }
}

static void users(struct maker *m)
{
    // clang-format off
    static const uint32_t words[] = {
        0x9a01000b, // adc x11, x0, x1
        0x5a01000c, // sbc w12, w0, w1
        0x9a81800d, // csel x13, x0, x1, hi
        0x5a81b40e, // csneg w14, w0, w1, lt
        0x9a9fd7ef, // cset x15, gt
        0xfa4b8180, // ccmp x12, x11, #0, hi
        0x9a9f57e2, // cset x2, mi
        0xd53b4203, // mrs x3, nzcv
        INSN_SVC,
    };
    // clang-format on
    for (unsigned n = 0; n < ARRAY_SIZE(words); n++)
        put(m, words[n]);
}

static void begin(struct maker *m, struct trial *t)
{
    *m = (struct maker){&t->program, 0};
    t->program.roots = (struct batch_roots){.nr_entries = 1, .end = PAGE_SIZE};
}

static void make(struct trial *t, unsigned n)
{
    struct maker m;
    begin(&m, t);
    if (setters[n].before)
        put(&m, setters[n].before);
    put(&m, setters[n].setter);
    conditions(&m);
    users(&m);
}

// X4's bits choose the setter; all of them go on to the same blocks.
static void make_join(struct trial *t, unsigned first)
{
    struct maker m;
    begin(&m, t);
    unsigned jumps[8];
    for (unsigned k = 0; k < 8; k++) {
        put(&m, 0x36000064u | k << 19); // tbz w4, #k, the next three
        put(&m, setters[(first + k) % ARRAY_SIZE(setters)].setter);
        jumps[k] = m.at;
        put(&m, 0x14000000);
    }
    for (unsigned k = 0; k < 8; k++)
        t->program.code[jumps[k]] |= m.at - jumps[k];
    conditions(&m);
    users(&m);
}

// clang-format off
static const uint64_t edges[] = {
    0, 1, 2, 3, 0x7f, 0x80, 0x7fff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
    0x8000000000000000, 0xffffffffffffffff, 0x123456789abcdef0,
};
// clang-format on

static void run(struct trial *t, struct bed *b, uint64_t *random, const char *what)
{
    struct trial_stats stats = {0};
    static const uint64_t doubles[] = {0,
                                       0x8000000000000000,
                                       0x3ff0000000000000,
                                       0xbff0000000000000,
                                       0x7ff0000000000000,
                                       0x7ff8000000000000,
                                       0x7ff0000000000001,
                                       1};
    trial_install(t, b);
    for (unsigned i = 0; i < ARRAY_SIZE(edges) * ARRAY_SIZE(edges); i++) {
        struct bed_state s = t->base;
        s.x[0] = edges[i % ARRAY_SIZE(edges)];
        s.x[1] = edges[i / ARRAY_SIZE(edges)];
        s.x[2] = edges[diff_random(random) % ARRAY_SIZE(edges)];
        s.x[4] = BIT(diff_random(random) >> 32 & 7) | BIT(diff_random(random) >> 32 & 7);
        s.x[10] = 0;
        s.v[0][0] = doubles[diff_random(random) % ARRAY_SIZE(doubles)] >> (i & 32);
        s.v[1][0] = doubles[diff_random(random) % ARRAY_SIZE(doubles)] >> (i & 32);
        s.nzcv = diff_random(random) >> 60;
        cr_assert(trial_run_all(t, b, &s, &stats, what), "%s", what);
    }
    cr_assert_gt(stats.insns, 15 * stats.runs, "%s: %llu instructions in %llu runs", what,
                 (unsigned long long)stats.insns, (unsigned long long)stats.runs);
}

static void run_all(void (*maker)(struct trial *, unsigned), unsigned n)
{
    static struct trial trials[ARRAY_SIZE(setters)];
    struct trial *list[ARRAY_SIZE(setters)];
    struct bed *b = bed_create();
    struct batch batch;
    uint64_t random = 99;
    for (unsigned k = 0; k < n; k++) {
        list[k] = &trials[k];
        bed_random_state(&random, &trials[k].base, 0);
        trials[k].base.fpcr = 0;
        maker(&trials[k], k);
        cr_assert(trial_form(&trials[k], b));
    }
    cr_assert(trial_compile(list, n, &batch));
    for (unsigned k = 0; k < n; k++)
        run(&trials[k], b, &random, setters[k].name);
    batch_free(&batch);
    bed_destroy(b);
}

Test(jit_region, conditions_after_setters, .timeout = 600)
{
    run_all(make, ARRAY_SIZE(setters));
}

Test(jit_region, conditions_after_several_setters, .timeout = 600)
{
    run_all(make_join, 8);
}
