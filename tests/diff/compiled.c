// SPDX-License-Identifier: GPL-3.0-or-later
// Random streams, compiled with libgccjit, against qemu-aarch64. DIFF_COMPILED in the environment
// changes the number of streams (50000 for a long run), DIFF_SEED which ones.
#include "diff.h"
#include "stream.h"

#include "jit/fp_host.h"
#include "tests/jit/batch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 40 // streams in one compile

struct compiled {
    struct region_recipe recipes[BATCH];
    bool formed[BATCH];
    region_fn *fn[BATCH];
    uint64_t entered, insns;
};

// First pass: what there is to compile.
static void form(void *opaque, size_t i, struct vcpu *cpu, const uint8_t *page)
{
    struct compiled *c = opaque;
    struct region_recipe *r = &c->recipes[i];
    struct batch_roots roots = {
        .entries = {DIFF_PC % PAGE_SIZE}, .nr_entries = 1, .end = PAGE_SIZE};

    c->formed[i] = batch_form(r, cpu->mode, page, &roots);
    // Every block is an entry, for where a region has to be left.
    for (uint32_t n = 0; c->formed[i] && n < r->nr_blocks && n < REGION_MAX_ENTRIES; n++) {
        r->blocks[n].flags |= REGION_ENTRY | REGION_INDIRECT;
        r->blocks[n].entry = (uint16_t)n;
        r->nr_entries = n + 1;
    }
}

static int entry_at(const struct region_recipe *r, uint64_t pc)
{
    for (uint32_t n = 0; n < r->nr_entries; n++)
        if ((DIFF_PC & PAGE_MASK) + r->blocks[n].off == pc)
            return (int)n;
    return -1;
}

// Second pass.
static void enter(void *opaque, size_t i, struct vcpu *cpu, const uint8_t *page)
{
    struct compiled *c = opaque;
    const struct region_recipe *r = &c->recipes[i];
    uint64_t before = cpu->icount;
    int entry;

    if (!c->formed[i])
        return;
    fp_host_enter(&cpu->fp);
    for (unsigned round = 0; round < DIFF_MAX_INSNS && cpu->mode == r->mode; round++) {
        if ((entry = entry_at(r, cpu->pc)) < 0)
            break;
        c->entered++;
        cpu->pc_page = cpu->pc & PAGE_MASK;
        if (c->fn[i](cpu, DIFF_PC & PAGE_MASK, (uint32_t)entry) == REGION_BAIL)
            break;
    }
    fp_host_leave(&cpu->fp);
    c->insns += cpu->icount - before;
}

static void compile(struct compiled *c, size_t n, struct batch *batch)
{
    const struct region_recipe *list[BATCH] = {NULL};
    unsigned k = 0;

    for (size_t i = 0; i < n; i++)
        if (c->formed[i])
            list[k++] = &c->recipes[i];
    cr_assert(batch_compile(batch, list, k));
    k = 0;
    for (size_t i = 0; i < n; i++)
        if (c->formed[i])
            c->fn[i] = batch->fn[k++];
}

static size_t left_out(struct diff_state *oracle, struct diff_state *armlet, size_t n)
{
    size_t touched = 0;

    for (size_t i = 0; i < n; i++)
        if (armlet[i].status == DIFF_TOUCHED) {
            oracle[i] = armlet[i];
            touched++;
        }
    return touched;
}

Test(diff, compiled_streams, .timeout = 7200)
{
    static struct compiled c;
    const char *count = getenv("DIFF_COMPILED"), *seed = getenv("DIFF_SEED");
    size_t streams = count ? strtoul(count, NULL, 0) : 400, bad = 0, touched = 0;
    uint64_t which = seed ? strtoul(seed, NULL, 0) : 3;

    for (size_t first = 0; first < streams && bad < 4; first += BATCH * 10) {
        size_t n = streams - first < BATCH * 10 ? streams - first : BATCH * 10;
        struct diff_case *cases = calloc(n, sizeof(*cases));
        struct diff_state *oracle = calloc(n, sizeof(*oracle)),
                          *armlet = calloc(n, sizeof(*armlet));
        cr_assert(cases && oracle && armlet);
        for (size_t i = 0; i < n; i++)
            stream_random(first + i, which, &cases[i]);
        cr_assert(diff_run_oracle(cases, n, oracle));
        for (size_t at = 0; at < n; at += BATCH) {
            size_t k = n - at < BATCH ? n - at : BATCH;
            struct batch batch;
            diff_run_engine(cases + at, k, armlet + at, form, &c);
            compile(&c, k, &batch);
            diff_run_engine(cases + at, k, armlet + at, enter, &c);
            batch_free(&batch);
        }
        touched += left_out(oracle, armlet, n);
        bad += diff_compare(cases, n, oracle, armlet, DIFF_IGNORE_NONE, 2);
        free(cases);
        free(oracle);
        free(armlet);
    }
    cr_log_info(
        "%zu streams, %zu left out; regions were entered %llu times and did %llu instructions\n",
        streams, touched, (unsigned long long)c.entered, (unsigned long long)c.insns);
    cr_expect_eq(bad, 0, "%zu streams differ", bad);
    cr_expect(c.insns > 3 * streams, "only %llu instructions in %zu streams",
              (unsigned long long)c.insns, streams);
}
