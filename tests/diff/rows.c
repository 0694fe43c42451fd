// SPDX-License-Identifier: GPL-3.0-or-later
// Random encodings of every row of the decode tables that is no branch and no system instruction,
// on random states: armlet must leave what qemu-aarch64 leaves. One test a group of rows, named by
// their translate functions; DIFF_CASES in the environment changes the number of cases a row.
#include "diff.h"
#include "encodings.h"
#include "stream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
    struct diff_case *cases;
    struct diff_state *oracle, *armlet;
    size_t n, room;
};

static size_t cases_a_row(void)
{
    const char *s = getenv("DIFF_CASES");
    return s ? strtoul(s, NULL, 0) : 250;
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

static void add_cases(struct run *r, enum a64_op op)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15) * (op + 1u);

    for (size_t i = 0; i < cases_a_row(); i++) {
        union a64_fields f;
        uint32_t insn = diff_random_insn(op, &f, &random);
        struct diff_case *c;
        if (!insn)
            continue;
        c = new_case(r);
        c->insn[0] = insn;
        c->n = 1;
        diff_random_state(&random, &c->in);
        if (diff_oracle_is_wrong(op, &f, &c->in))
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
        if (diff_in_group(op, names))
            add_cases(&r, op);
    run_cases(&r);
    for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
        if (diff_in_group(op, names)) {
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

static const char *const *group_names(const char *name)
{
    const struct diff_group *g = diff_groups;

    while (strcmp(g->name, name))
        g++;
    return g->names;
}

// One test a row of diff_groups[].
#define GROUP(name)                                                                                \
    Test(diff, name, .timeout = 250)                                                               \
    {                                                                                              \
        run_group(group_names(#name));                                                             \
    }

GROUP(integer)
GROUP(load_store)
GROUP(structures)
GROUP(fp_scalar)
GROUP(three_same)
GROUP(three_same_fp)
GROUP(three_diff)
GROUP(two_misc)
GROUP(two_misc_fp)
GROUP(across)
GROUP(by_element)
GROUP(shift)
GROUP(copy)
GROUP(crypto)

// Streams over all rows: what passes over a block could break.
Test(diff, streams, .timeout = 250)
{
    struct run r = {.cases = NULL};
    size_t bad, ran = 0;

    for (size_t i = 0; i < 400 * cases_a_row(); i++)
        stream_random(i, 1, new_case(&r));
    run_cases(&r);
    for (size_t i = 0; i < r.n; i++)
        ran += r.oracle[i].status == DIFF_RAN;
    bad = diff_compare(r.cases, r.n, r.oracle, r.armlet, DIFF_IGNORE_NONE, 4);
    cr_expect_eq(bad, 0, "%zu of %zu streams differ", bad, r.n);
    cr_expect(ran > r.n / 4, "only %zu of %zu ran to their end", ran, r.n);
    run_fini(&r);
}
