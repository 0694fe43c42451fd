// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/trial.h"

#include "frontend/disas.h"
#include "jit/tb.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MORE 100000 // instructions that the interpreter goes on for at most

bool trial_form(struct trial *t, struct bed *b)
{
    b->align = t->align;
    return batch_form(&t->recipe, bed_mode(b, &t->base), (const uint8_t *)t->program.code,
                      &t->program.roots);
}

bool trial_compile(struct trial *const *trials, unsigned n, struct batch *batch)
{
    const struct region_recipe *recipes[BATCH_MAX] = {NULL};
    for (unsigned k = 0; k < n; k++)
        recipes[k] = &trials[k]->recipe;
    if (!batch_compile(batch, recipes, n))
        return false;
    for (unsigned k = 0; k < n; k++)
        trials[k]->fn = batch->fn[k];
    return true;
}

void trial_install(const struct trial *t, struct bed *b)
{
    memcpy(bed_code(b, 0), t->program.code, sizeof t->program.code);
    for (unsigned n = 0; n < BED_CODE_PAGES + BED_SPARE; n++)
        tb_suspect_page(&b->jit, bed_code_pa(n));
    b->align = t->align;
}

unsigned trial_block_off(const struct trial *t, unsigned n)
{
    const struct region_block *rb = &t->recipe.blocks[n];
    return batch_page0(&t->program.roots) + (unsigned)t->recipe.pages[rb->page].delta * PAGE_SIZE +
           rb->off;
}

static bool is_block(const struct trial *t, uint64_t pc, unsigned flags)
{
    for (uint32_t n = 0; n < t->recipe.nr_blocks; n++)
        if (BED_CODE + trial_block_off(t, n) == pc)
            return !flags || t->recipe.blocks[n].flags & flags;
    return false;
}

// Must a block that ends with this instruction be left, even for another block of the region?
static bool leaves(uint32_t insn, uint64_t to_indirect)
{
    bool indirect = (insn & 0xff9ffc1f) == 0xd61f0000 || (insn & 0xfffffc1f) == 0xd65f0000;
    bool system = (insn & 0xffc00000) == 0xd5000000;
    return system || (indirect && !to_indirect);
}

struct ends {
    struct bed_end at, last; // at the way out, and at the very end
    struct bed_end after;    // after the instruction at the way out
    bool raised;             // which raises an exception
    uint32_t before;         // the instruction that ran last
};

static void go_on(struct bed *b, struct ends *e)
{
    uint64_t exceptions = b->cpu->v.stats.exceptions;
    bed_end(b, &e->at);
    bed_interpret(b, e->at.icount + 1);
    e->raised = b->cpu->v.stats.exceptions != exceptions;
    bed_end(b, &e->after);
    bed_interpret(b, e->at.icount + MORE);
    bed_end(b, &e->last);
}

static const char *wrong_way_out(const struct trial *t, const struct bed *b,
                                 const struct bed_state *s, enum region_result r,
                                 const struct ends *want, const struct ends *got)
{
    bool declined = got->at.icount == 0 && s->fpcr & FPCR_FZ;
    if (r != REGION_LEFT && r != REGION_BAIL)
        return "returned what is no region_result";
    if (r == REGION_BAIL && !want->raised && !declined)
        return "bailed out at an instruction that raises nothing";
    if (r == REGION_LEFT && is_block(t, got->at.pc, 0) && !b->kick_at &&
        !leaves(want->before, is_block(t, got->at.pc, REGION_INDIRECT)))
        return "left for a block of its own";
    return NULL;
}

static void report(const struct trial *t, const struct bed_state *s, unsigned n, const char *what,
                   const char *why)
{
    fprintf(stderr, "%s: %s; from block %u (+%#x), mode %#" PRIx64 "\n", what, why, n,
            trial_block_off(t, n), t->recipe.mode);
    batch_print(&t->recipe, BED_CODE + batch_page0(&t->program.roots));
    bed_print_state(s);
}

bool trial_run(const struct trial *t, struct bed *b, const struct bed_state *s, unsigned n,
               struct trial_stats *stats, const char *what)
{
    static struct ends want, got;
    unsigned off = trial_block_off(t, n);
    bed_start(b, s, off);
    assert(b->cpu->v.mode == t->recipe.mode);
    enum region_result r =
        bed_run_region(b, t->fn, batch_page0(&t->program.roots), t->recipe.blocks[n].entry);
    go_on(b, &got);
    bed_start(b, s, off);
    want.before = INSN_NOP;
    if (got.at.icount && bed_interpret(b, got.at.icount - 1))
        want.before =
            *bed_code(b, (unsigned)(b->cpu->v.pc - BED_CODE) % (BED_CODE_PAGES * PAGE_SIZE));
    bed_interpret(b, got.at.icount);
    go_on(b, &want);
    stats->runs++;
    stats->insns += got.at.icount;
    stats->bails += r == REGION_BAIL;
    stats->left += r == REGION_LEFT;
    stats->exceptions += r == REGION_BAIL && want.raised;
    const char *why = NULL;
    // A store that faults half-way has written its first part, here as in the interpreter.
    if (r == REGION_BAIL && want.raised && !memcmp(got.at.mem, want.after.mem, BED_DATA_SIZE))
        memcpy(want.at.mem, got.at.mem, BED_DATA_SIZE);
    if (memcmp(&want.at, &got.at, sizeof want.at))
        why = "another state at the way out";
    else if (memcmp(&want.last, &got.last, sizeof want.last))
        why = "another state in the end";
    else
        why = wrong_way_out(t, b, s, r, &want, &got);
    if (!why)
        return true;
    report(t, s, n, what, why);
    fprintf(stderr, "    result %d at %" PRIx64 " after %" PRIu64 "\n", r, got.at.pc,
            got.at.icount);
    if (bed_same(&want.at, &got.at))
        bed_same(&want.last, &got.last);
    return false;
}

bool trial_run_all(const struct trial *t, struct bed *b, const struct bed_state *s,
                   struct trial_stats *stats, const char *what)
{
    for (uint32_t n = 0; n < t->recipe.nr_blocks; n++)
        if (t->recipe.blocks[n].flags & REGION_ENTRY && !trial_run(t, b, s, n, stats, what))
            return false;
    return true;
}

unsigned trial_count(const char *name, unsigned normal)
{
    const char *s = getenv(name);
    return s ? (unsigned)strtoul(s, NULL, 0) : normal;
}
