// SPDX-License-Identifier: GPL-3.0-or-later
// Random programs as regions against the interpreter; half of the runs with a device among the data,
// at one of whose accesses an interrupt, a TLBI, an IC or a watchpoint comes. REGION_CASES in the environment changes the
// number of regions of each test (2000 for a long run), REGION_SEED where the randomness starts.
#include "tests/jit/trial.h"

#include "tests/diff/diff.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define STATES 12 // starts for each region
#define BATCH  40

struct sort {
    const char *name;
    unsigned mix;
    bool graph;
};

static struct trial *make(struct bed *b, const struct sort *sort, uint64_t *random)
{
    struct trial *t = calloc(1, sizeof *t);
    cr_assert(t);
    do {
        bed_random_state(random, &t->base, 40);
        t->align = !(diff_random(random) >> 32 & 7);
        if (sort->graph)
            program_graph(&t->program, random, 3 + (unsigned)(diff_random(random) >> 32) % 8,
                          1 + (unsigned)(diff_random(random) >> 32) % 3, sort->mix);
        else
            program_straight(&t->program, random, 6 + (unsigned)(diff_random(random) >> 32) % 12,
                             sort->mix);
    } while (!trial_form(t, b));
    return t;
}

// The shortest beginning of a straight line that still differs: its last instruction is to blame.
static void blame(const struct trial *t, struct bed *b, const struct bed_state *s)
{
    struct trial *shorter[24];
    unsigned n = 0;
    struct trial_stats stats = {0};
    struct batch batch;
    while (n < t->recipe.n_insns - 1 && n < ARRAY_SIZE(shorter)) {
        shorter[n] = malloc(sizeof *t);
        cr_assert(shorter[n]);
        *shorter[n] = *t;
        shorter[n]->program.code[t->program.roots.entries[0] / 4 + n + 1] = INSN_SVC;
        cr_assert(trial_form(shorter[n], b));
        n++;
    }
    fprintf(stderr, "---- the shortest beginning that differs:\n");
    bool found = !trial_compile(shorter, n, &batch);
    for (unsigned k = 0; k < n; k++) {
        trial_install(shorter[k], b);
        found = found || !trial_run_all(shorter[k], b, s, &stats, "beginning");
        free(shorter[k]);
    }
    batch_free(&batch);
}

// Every row of the decode tables, a few to a line.
static void make_row(struct trial *t, struct bed *b, const uint16_t *rows, unsigned n,
                     uint64_t *random)
{
    memset(t, 0, sizeof *t);
    bed_random_state(random, &t->base, 1);
    t->base.fpcr = 0;
    t->program.roots = (struct batch_roots){.nr_entries = 1, .end = PAGE_SIZE};
    unsigned at = 0;
    for (unsigned k = 0; k < n; k++) {
        uint32_t insn = program_row(random, rows[k]);
        if (insn)
            t->program.code[at++] = insn;
    }
    t->program.code[at] = INSN_SVC;
    cr_assert(trial_form(t, b));
}

// One of the data pages becomes a device. Which.
static unsigned disturb(struct bed *b, uint64_t *random)
{
    unsigned page = 1 + (unsigned)(diff_random(random) >> 32) % 9;
    bed_map_data(b, page, BED_MMIO_NORMAL);
    b->kick = (unsigned)(diff_random(random) >> 32) % BED_NR_KICKS;
    b->kick_at = 1 + (diff_random(random) >> 32) % 6;
    return page;
}

static void calm(struct bed *b, unsigned page)
{
    b->kick_at = 0;
    if (page)
        bed_map_data(b, page, BED_RW);
}

static bool run_one(const struct trial *t, struct bed *b, const struct sort *sort, uint64_t *random,
                    struct trial_stats *stats)
{
    trial_install(t, b);
    for (unsigned k = 0; k < STATES; k++) {
        struct bed_state s;
        bed_random_state(random, &s, 1 + (unsigned)(diff_random(random) >> 32) % 60);
        // Any other start of the same mode.
        if (!s.fpcr != !t->base.fpcr)
            s.fpcr = t->base.fpcr;
        unsigned page = k & 1 ? disturb(b, random) : 0;
        bool ok = trial_run_all(t, b, &s, stats, sort->name);
        if (!ok && !sort->graph && t->recipe.nr_blocks == 1)
            blame(t, b, &s);
        calm(b, page);
        if (!ok)
            return false;
    }
    return true;
}

static void run(const struct sort *sort, unsigned normal)
{
    struct bed *b = bed_create();
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15) *
                      (sort->mix + 100 * sort->graph + 1000 * trial_count("REGION_SEED", 1));
    unsigned left = trial_count("REGION_CASES", normal), bad = 0, regions = left;
    struct trial_stats stats = {0};
    while (left && bad < 3) {
        struct trial *trials[BATCH];
        struct batch batch;
        unsigned n = left < BATCH ? left : BATCH;
        for (unsigned k = 0; k < n; k++)
            trials[k] = make(b, sort, &random);
        cr_assert(trial_compile(trials, n, &batch));
        for (unsigned k = 0; k < n; k++) {
            bad += bad < 3 && !run_one(trials[k], b, sort, &random, &stats);
            free(trials[k]);
        }
        batch_free(&batch);
        left -= n;
    }
    bed_destroy(b);
    cr_log_info(
        "%s: %u regions, %llu runs, %llu instructions, %llu bails (%llu of them exceptions)\n",
        sort->name, regions, (unsigned long long)stats.runs, (unsigned long long)stats.insns,
        (unsigned long long)stats.bails, (unsigned long long)stats.exceptions);
    cr_assert_eq(bad, 0, "%u regions differ from the interpreter", bad);
    cr_assert(stats.insns > 3 * stats.runs, "only %llu instructions in %llu runs",
              (unsigned long long)stats.insns, (unsigned long long)stats.runs);
}

Test(jit_region, every_row, .timeout = 3000)
{
    enum { in_line = 8 };
    static const struct sort sort = {"every_row", PROGRAM_ALL, false};
    struct bed *b = bed_create();
    uint16_t rows[1024];
    unsigned n = program_rows(PROGRAM_ALL, rows, ARRAY_SIZE(rows)), bad = 0;
    uint64_t random = UINT64_C(0x853c49e6748fea9b) + trial_count("REGION_SEED", 1);
    struct trial_stats stats = {0};
    cr_assert(n > 700 && n < ARRAY_SIZE(rows), "%u rows", n);
    for (unsigned first = 0; first < n && bad < 3;) {
        struct trial *trials[BATCH];
        struct batch batch;
        unsigned k = 0;
        for (; k < BATCH && first < n; k++, first += in_line) {
            trials[k] = calloc(1, sizeof *trials[k]);
            cr_assert(trials[k]);
            make_row(trials[k], b, rows + first, n - first < in_line ? n - first : in_line,
                     &random);
        }
        cr_assert(trial_compile(trials, k, &batch));
        while (k > 0) {
            bad += bad < 3 && !run_one(trials[--k], b, &sort, &random, &stats);
            free(trials[k]);
        }
        batch_free(&batch);
    }
    bed_destroy(b);
    cr_log_info("every_row: %u rows, %llu runs, %llu instructions\n", n,
                (unsigned long long)stats.runs, (unsigned long long)stats.insns);
    cr_assert_eq(bad, 0, "%u lines differ from the interpreter", bad);
    cr_assert(stats.insns > in_line * stats.runs / 2);
}

#define SORT(test, mix, graph, normal)                                                             \
    Test(jit_region, test, .timeout = 3000)                                                        \
    {                                                                                              \
        run(&(const struct sort){#test, mix, graph}, normal);                                      \
    }
SORT(straight_integer, PROGRAM_INTEGER | PROGRAM_FLAGS, false, 40)
SORT(straight_memory, PROGRAM_MEMORY, false, 60)
SORT(straight_fp, PROGRAM_FP, false, 80)
SORT(straight_all, PROGRAM_ALL, false, 40)
SORT(graph_flags, PROGRAM_INTEGER | PROGRAM_FLAGS, true, 40)
SORT(graph_memory, PROGRAM_INTEGER | PROGRAM_MEMORY, true, 20)
SORT(graph_all, PROGRAM_ALL | PROGRAM_FLAGS, true, 30)
