// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/verify.h"

#include "jit/fp_host.h"
#include "jit/interp.h"
#include "jit/verify_run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// States -----------------------------------------------------------------------------------------

void verify_state_get(struct vcpu *cpu, struct verify_state *s)
{
    fp_host_sync(&cpu->fp);
    memset(s, 0, sizeof *s);
    memcpy(s->r, cpu->r, sizeof s->r);
    memcpy(s->v, cpu->v, sizeof s->v);
    s->pc = cpu->pc;
    s->pc_page = cpu->pc_page;
    s->icount = cpu->icount;
    s->mode = cpu->mode;
    s->excl_addr = cpu->excl_addr;
    memcpy(s->excl_value, cpu->excl_value, sizeof s->excl_value);
    s->excl_size = cpu->excl_size;
    s->nzcv = cpu->nzcv;
    s->fpcr = cpu->fp.fpcr;
    s->fpsr = cpu->fp.fpsr;
    s->halt = cpu->halt;
    if (cpu->guest->extra_size)
        cpu->guest->extra_get(cpu, s->extra);
}

void verify_state_set(struct vcpu *cpu, const struct verify_state *s)
{
    memcpy(cpu->r, s->r, sizeof s->r);
    memcpy(cpu->v, s->v, sizeof s->v);
    cpu->pc = s->pc;
    cpu->pc_page = s->pc_page;
    cpu->icount = s->icount;
    cpu->mode = s->mode;
    cpu->excl_addr = s->excl_addr;
    memcpy(cpu->excl_value, s->excl_value, sizeof s->excl_value);
    cpu->excl_size = s->excl_size;
    cpu->nzcv = s->nzcv;
    cpu->halt = s->halt;
    cpu->bail = false;
    fp_host_set_fpcr(&cpu->fp, s->fpcr); // folds what has gathered, which then is overwritten
    cpu->fp.fpsr = s->fpsr;
    if (cpu->guest->extra_size)
        cpu->guest->extra_set(cpu, s->extra); // and what follows from all this
}

// What is not the same in two states, or NULL. Registers are told one by one in the dump.
static const char *compare(const struct vcpu *cpu, const struct verify_state *a, const struct verify_state *b)
{
    if (a->pc != b->pc)
        return "the program counter";
    if (memcmp(a->r, b->r, cpu->guest->nr_r * sizeof a->r[0]))
        return "a register";
    if (memcmp(a->v, b->v, cpu->guest->nr_v * sizeof a->v[0]))
        return "a vector register";
    if (a->nzcv != b->nzcv)
        return "the flags";
    if (a->fpcr != b->fpcr || a->fpsr != b->fpsr)
        return "the floating-point status";
    if (a->excl_size != b->excl_size || (a->excl_size && (a->excl_addr != b->excl_addr || memcmp(a->excl_value, b->excl_value, sizeof a->excl_value))))
        return "the exclusive monitor";
    if (a->mode != b->mode || memcmp(a->extra, b->extra, sizeof a->extra))
        return "the state of the processor";
    return NULL;
}

// Running ----------------------------------------------------------------------------------------

bool verify_replay(struct vcpu *cpu, uint64_t icount, verify_step_fn *step, void *opaque)
{
    struct verify_run *run = cpu->verify;
    while (!run->what && cpu->icount < icount) {
        uint64_t left = step ? 1 : icount - cpu->icount, exceptions = cpu->stats.exceptions;
        if (step)
            step(cpu, opaque);
        struct tb *tb = tb_find(cpu, cpu->pc), *shortened = NULL;
        if (!tb)
            return false;
        if (tb->n_insns > left)
            tb = shortened = tb_make_short(cpu, tb, (unsigned)left);
        vcpu_kick(cpu, EXIT_REQ_BLOCK);
        interp_run_from(cpu, tb);
        if (shortened)
            tb_free_short(cpu->jit, shortened);
        if (cpu->stats.exceptions != exceptions)
            return false;
    }
    verify_settle(cpu);
    return !run->what;
}

// The region's accesses that the replay did not come to may be those of the instruction it left to
// the interpreter, as far as they have changed nothing.
static bool all_seen(const struct verify_run *run, enum region_result result)
{
    for (unsigned n = run->next; n < run->nr; n++)
        if (result != REGION_BAIL || (run->events[n].kind != VERIFY_LOAD && run->events[n].kind != VERIFY_PROBE))
            return false;
    return true;
}

// What differs, or NULL. The vCPU is as the interpreter left it.
static const char *replay(struct vcpu *cpu, struct verify_run *run, enum region_result result)
{
    verify_state_set(cpu, run->before);
    verify_begin(cpu, run, VERIFY_REPLAY);
    bool same = verify_replay(cpu, run->region->icount, NULL, NULL);
    verify_end(cpu);
    verify_state_get(cpu, run->interp);
    if (!same)
        return run->what ? run->what : "the interpreter takes an exception";
    if (!all_seen(run, result))
        return "the region makes an access that the interpreter does not make";
    const char *what = run->in_shadow ? verify_shadow_compare(run) : NULL;
    return what ? what : compare(cpu, run->region, run->interp);
}

static struct verify_run *run_of(struct vcpu *cpu)
{
    struct verify_run **run = &cpu->jit->verify->runs[cpu->index];
    if (!*run) {
        *run = aligned_alloc(64, ALIGN_UP(sizeof **run, 64));
        struct verify_state *states = aligned_alloc(64, ALIGN_UP(3 * sizeof *states, 64));
        assert(*run && states);
        **run = (struct verify_run){ .in_shadow = true, .before = states, .region = states + 1, .interp = states + 2 };
    }
    return *run;
}

static void clear_block_request(struct vcpu *cpu)
{
    __atomic_and_fetch(&cpu->exit_request, ~(unsigned)EXIT_REQ_BLOCK, __ATOMIC_SEQ_CST);
}

enum region_result verify_region(struct vcpu *cpu, const struct region *region, uint64_t page0, uint32_t entry)
{
    struct verify *v = cpu->jit->verify;
    struct verify_run *run = run_of(cpu);
    if (run->skip) {
        run->skip--;
        return region->fn(cpu, page0, entry);
    }
    run->skip = v->options.every ? v->options.every - 1 : 0;
    run->nr = 0;
    verify_state_get(cpu, run->before);
    // By turns: accesses in order, and the fast path.
    run->in_shadow = v->options.how == VERIFY_BY_TURNS ? !run->in_shadow : v->options.how == VERIFY_SHADOW;
    cpu->helpers = run->in_shadow ? v->helpers : cpu->guest->helpers;
    verify_begin(cpu, run, VERIFY_RECORD);
    enum region_result result = region->fn(cpu, page0, entry);
    verify_settle(cpu);
    verify_end(cpu);
    cpu->helpers = cpu->guest->helpers;
    verify_state_get(cpu, run->region);
    const char *what = run->what ? run->what : replay(cpu, run, result);
    clear_block_request(cpu);
    run->counts.entries++;
    run->counts.insns += run->region->icount - run->before->icount;
    if (run->in_shadow && !what)
        verify_shadow_commit(run);
    if (!what)
        return result;
    if (!run->counts.differences++) {
        verify_dump(cpu, run, region, page0, entry, result, what);
        clear_block_request(cpu);
        if (v->options.failed)
            v->options.failed(v->options.opaque);
    }
    // The guest ends here, in the one state that all of its memory fits.
    verify_state_set(cpu, run->in_shadow ? run->before : run->region);
    return result;
}

// ------------------------------------------------------------------------------------------------

void verify_init(struct jit *jit, const struct verify_options *options)
{
    assert(jit->guest->extra_size <= sizeof(((struct verify_state *)NULL)->extra));
    struct verify *v = calloc(1, sizeof *v);
    assert(v);
    v->options = *options;
    v->helpers = verify_shadow_helpers(jit->guest);
    jit->verify = v;
}

void verify_fini(struct jit *jit)
{
    for (unsigned n = 0; jit->verify && n < JIT_MAX_CPUS; n++) {
        struct verify_run *run = jit->verify->runs[n];
        if (run) {
            free(run->events);
            free(run->before);
            free(run->shadow);
        }
        free(run);
    }
    free(jit->verify ? jit->verify->helpers : NULL);
    free(jit->verify);
    jit->verify = NULL;
}

struct verify_counts verify_counts(const struct jit *jit)
{
    struct verify_counts sum = { 0 };
    for (unsigned n = 0; jit->verify && n < JIT_MAX_CPUS; n++) {
        const struct verify_run *run = jit->verify->runs[n];
        if (run) {
            sum.entries += run->counts.entries;
            sum.insns += run->counts.insns;
            sum.differences += run->counts.differences;
        }
    }
    return sum;
}
