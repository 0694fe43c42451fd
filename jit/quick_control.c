// SPDX-License-Identifier: GPL-3.0-or-later
// What quick code asks C for: blocks, exceptions, slow accesses, regions.
//
// The control functions find the state exact in the vcpu (the slice's count and the flags apart,
// which leave() and resume() see to), settle where the guest goes on, and say where its code is.
#include "jit/quick_ctx.h"

#include "jit/interp.h"
#include "jit/tier.h"
#include "jit/tlb.h"
#include "jit/verify.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct quick *quick_of(const struct vcpu *cpu)
{
    return cpu->jit->quick;
}

static void arrive(struct vcpu *cpu)
{
    cpu->nzcv = quick_flags_to(cpu->qflags);
}

// Goes on in quick code at `code`; the guest's state is in the vcpu.
static const void *resume(struct vcpu *cpu, const uint8_t *code)
{
    const struct guest *g = cpu->guest;
    cpu->qflags = quick_flags_from(cpu->nzcv);
    cpu->hot_mode = cpu->mode;
    cpu->hot_disp = g->mode_r ? Q_DISP(r) + 8 * (int32_t)g->mode_r(cpu->mode) : Q_DISP(sink);
    cpu->slice_end = cpu->icount + QUICK_SLICE;
    return quick_exec(quick_of(cpu), code);
}

static const void *leave(struct vcpu *cpu)
{
    return resume(cpu, quick_of(cpu)->leave);
}

static struct tb *fault(struct vcpu *cpu)
{
    cpu->stats.exceptions++;
    cpu->guest->raise_fault(cpu);
    return NULL;
}

// The block at vcpu.pc; faults of the fetch are taken on the way. NULL: it is time to leave.
static struct tb *next_block(struct vcpu *cpu)
{
    while (!cpu->halt && !__atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED)) {
        struct tb *tb = tb_find(cpu, cpu->pc);
        if (tb && tb->quick) {
            cpu->pc_page = cpu->pc & PAGE_MASK;
            return tb;
        }
        if (tb) // no room for its code: the safe point makes some
            vcpu_kick(cpu, EXIT_REQ_BLOCK);
        else
            fault(cpu);
    }
    return NULL;
}

// FAST PATH: the code at vcpu.pc by the instruction TLB and the page's table alone, as compiled code
// finds it. NULL: it has to be looked for, or something else is to be done first.
static const uint8_t *known_code(struct vcpu *cpu)
{
    const struct quick *q = quick_of(cpu);
    const struct itlb_entry *e = &cpu->itlb[cpu->pc >> PAGE_BITS & (ITLB_SIZE - 1)];
    if (cpu->halt || cpu->alone || __atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED) ||
        e->tag != ((cpu->pc & (PAGE_MASK | 3)) ^ cpu->ictx) || e->mode != cpu->mode)
        return NULL;
    cpu->stats.tb_lookup++;
    const uint8_t *code =
        q->code.write + __atomic_load_n(&e->page->quick[(cpu->pc & ~PAGE_MASK) >> 2], __ATOMIC_ACQUIRE);
    if (unlikely(code == q->lookup_slow))
        return NULL;
    cpu->pc_page = cpu->pc & PAGE_MASK;
    return code;
}

static const void *go_on(struct vcpu *cpu)
{
    const uint8_t *code = known_code(cpu);
    if (likely(code))
        return resume(cpu, code);
    struct tb *tb = cpu->alone ? NULL : next_block(cpu);
    return tb ? resume(cpu, tb->quick) : leave(cpu);
}

static void enter(struct vcpu *cpu, const uint8_t *code)
{
    quick_of(cpu)->enter(cpu, resume(cpu, code), (uint8_t *)cpu + QUICK_BIAS);
    arrive(cpu);
}

void quick_run(struct vcpu *cpu)
{
    if (unlikely(quick_of(cpu)->verify)) {
        quick_verify_run(cpu);
        return;
    }
    struct tb *tb = next_block(cpu);
    if (tb)
        enter(cpu, tb->quick);
}

const void *quick_do_lookup(struct vcpu *cpu, gva_t pc)
{
    arrive(cpu);
    cpu->pc = pc;
    return go_on(cpu);
}

const void *quick_do_exit_pc(struct vcpu *cpu, uint64_t unused)
{
    (void)unused;
    arrive(cpu);
    return go_on(cpu);
}

// Another vCPU may stand between a jump's guard and the jump, and has seen that page there: the jump
// leads into that one for good.
static bool may_lead(const struct vcpu *cpu, const struct tb_link *l, const struct tb *to)
{
    return !l->guard || !l->page || l->page == to->page || cpu->jit->nr_cpus == 1;
}

// Patches a way out of tb to go to `to`, unless one of them has come into doubt.
static void link(struct vcpu *cpu, struct tb *tb, struct tb_link *l, const struct tb *to)
{
    mutex_lock(&cpu->jit->lock);
    bool reached = l->guard || to->page == tb->page; // else the mapping changes while we look
    if (reached && !tb->suspect && !to->suspect && to->quick && may_lead(cpu, l, to)) {
        l->page = to->page;
        x86_retarget(l->jump, to->quick);
        if (l->guard) // after the jump: who finds the number finds the way
            x86_set_imm32(l->guard, to->page->id);
    }
    mutex_unlock(&cpu->jit->lock);
}

const void *quick_do_link(struct vcpu *cpu, uint64_t tb_and_number)
{
    struct tb *from = (struct tb *)(uintptr_t)(tb_and_number & ~UINT64_C(7));
    unsigned number = tb_and_number & 7;
    thread_took_over(from);
    arrive(cpu);
    cpu->pc = cpu->pc_page + (uint64_t)from->to[number];
    gva_t pc = cpu->pc;
    struct tb *to = cpu->alone ? NULL : next_block(cpu);
    if (!to)
        return leave(cpu);
    if (cpu->pc == pc && to->page->mode == from->page->mode)
        link(cpu, from, &from->link[number], to);
    return resume(cpu, to->quick);
}

// The slice is used up, tb's instructions counted, none of them done.
const void *quick_do_tick(struct vcpu *cpu, struct tb *tb)
{
    thread_took_over(tb);
    arrive(cpu);
    cpu->pc = cpu->pc_page + tb->off;
    if (__atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED)) {
        cpu->icount -= tb->n_insns;
        return leave(cpu);
    }
    if (cpu->jit->tier && RELAXED(tb->looked) != TIER_DONE)
        tier_look(cpu, tb);
    return resume(cpu, tb->quick_body);
}

// Exact pc and count for leaving at an instruction that is not done. False: leaving is all there is
// to do.
static bool stand_at(struct vcpu *cpu, uint32_t where)
{
    cpu->pc = cpu->pc_page + quick_where_off(where);
    cpu->icount -= quick_where_left(where);
    if (likely(!cpu->alone))
        return true;
    cpu->alone = QUICK_ALONE_BAILED;
    return false;
}

const void *quick_do_raise(struct vcpu *cpu, const struct quick_call *call)
{
    arrive(cpu);
    if (!stand_at(cpu, call->where))
        return leave(cpu);
    cpu->icount++;
    cpu->stats.exceptions++;
    cpu->guest->raise(cpu, call->imm);
    return go_on(cpu);
}

const void *quick_do_fault(struct vcpu *cpu, uint32_t where)
{
    arrive(cpu);
    if (!stand_at(cpu, where))
        return leave(cpu);
    if (where & 0xffff)
        cpu->guest->record_fault(cpu, FAULT_STACK, cpu->xfer[0], MEM_READ, 0);
    fault(cpu);
    return go_on(cpu);
}

// tb's place was taken by a region's; nothing of it is counted.
const void *quick_do_region(struct vcpu *cpu, struct tb *tb)
{
    thread_took_over(tb);
    const struct region_way *way = __atomic_load_n(&tb->region, __ATOMIC_ACQUIRE);
    uint64_t before = cpu->icount;
    enum region_result result = REGION_BAIL;
    arrive(cpu);
    cpu->pc = cpu->pc_page + tb->off;
    if (likely(way)) { // else it was taken away just now
        result = region_enter(cpu, way);
        cpu->stats.region_insns += cpu->icount - before;
        if (likely(cpu->jit->tier))
            tier_note(cpu, way->region, cpu->icount - before);
    }
    if (result == REGION_LEFT)
        return go_on(cpu);
    // One block of our own, even if a region starts there.
    cpu->stats.region_bails++;
    struct tb *own = next_block(cpu);
    if (!own)
        return leave(cpu);
    cpu->icount += own->n_insns;
    return resume(cpu, own->quick_body);
}

// One by one -------------------------------------------------------------------------------------

// Stands for a region's function: runs the block cpu->tb.
static uint32_t run_alone(struct vcpu *cpu, uint64_t page0, uint32_t entry)
{
    (void)page0;
    (void)entry;
    cpu->alone = QUICK_ALONE;
    cpu->icount += cpu->tb->n_insns;
    enter(cpu, cpu->tb->quick_body);
    bool bailed = cpu->alone == QUICK_ALONE_BAILED;
    cpu->alone = QUICK_CHAINED;
    return bailed ? REGION_BAIL : REGION_LEFT;
}

// As a region of one block, for what is written when it differs.
static void describe(const struct tb *tb, struct region *region, struct region_recipe *r)
{
    memset(r, 0, offsetof(struct region_recipe, pages[0].bytes));
    r->mode = tb->page->mode;
    r->nr_pages = r->nr_blocks = r->nr_entries = 1;
    r->n_insns = tb->n_insns;
    r->blocks[0] = (struct region_block){ .flags = REGION_ENTRY, .off = (uint16_t)tb->off,
                                          .n_insns = (uint16_t)tb->n_insns, .weight = 1 };
    memcpy(r->pages[0].bytes + tb->off, tb->insns, tb->n_insns * 4);
    *region = (struct region){ .fn = run_alone, .recipe = r };
}

static void interpret_one(struct vcpu *cpu)
{
    struct tb *tb = tb_find(cpu, cpu->pc);
    if (!tb) {
        fault(cpu);
        return;
    }
    struct tb *one = tb_make_short(cpu, tb, 1);
    vcpu_kick(cpu, EXIT_REQ_BLOCK);
    interp_run_from(cpu, one);
    tb_free_short(cpu->jit, one);
    __atomic_and_fetch(&cpu->exit_request, ~(unsigned)EXIT_REQ_BLOCK, __ATOMIC_SEQ_CST);
}

void quick_verify_run(struct vcpu *cpu)
{
    struct region_recipe *recipe = malloc(sizeof *recipe);
    assert(recipe);
    for (struct tb *tb; (tb = next_block(cpu));) {
        struct region region;
        cpu->tb = tb;
        describe(tb, &region, recipe);
        cpu->pc_page = cpu->pc & PAGE_MASK;
        if (verify_region(cpu, &region, cpu->pc_page, 0) == REGION_BAIL && !cpu->halt)
            interpret_one(cpu);
    }
    free(recipe);
}

// Within an instruction -------------------------------------------------------------------------

bool quick_do_call(struct vcpu *cpu, const struct quick_call *call)
{
    uint8_t *base = (uint8_t *)cpu;
    unsigned f = call->flags;
    if (f & HELPER_BAILS)
        cpu->pc = cpu->pc_page + quick_where_off(call->where);
    if (f & (HELPER_READS_NZCV | HELPER_WRITES_NZCV))
        cpu->nzcv = quick_flags_to(cpu->qflags);
    // A verified run may have helpers of its own.
    ir_fn *fn = likely(!call->helper) ? call->fn : cpu->helpers[call->helper - 1].fn;
    fn(cpu, base + call->d, base + call->a, base + call->b, base + call->c, call->imm);
    if (f & HELPER_WRITES_NZCV)
        cpu->qflags = quick_flags_from(cpu->nzcv);
    if (likely(!cpu->bail))
        return true;
    cpu->bail = false;
    return false;
}

// Such a function may look at everything.
bool quick_do_call_full(struct vcpu *cpu, const struct quick_call *call)
{
    cpu->nzcv = quick_flags_to(cpu->qflags);
    bool done = quick_do_call(cpu, call);
    cpu->qflags = quick_flags_from(cpu->nzcv);
    return done;
}

// The access is made here, once; a load finds its bytes in vcpu.xfer, a store's go nowhere there.
struct quick_place quick_do_access(struct vcpu *cpu, gva_t va, uint32_t where)
{
    unsigned size = where & 0x3f, attr = where >> 6 & 0x1ff;
    cpu->pc = cpu->pc_page + quick_where_off(where);
    if (unlikely(cpu->verify)) {
        uint64_t out[2];
        uint64_t at = verify_slow_access(cpu, va, size, attr, where >> 15 & 1, out);
        return (struct quick_place){ at - va, !out[1] };
    }
    bool ok = where >> 15 & 1 ? mem_store(cpu, va, size, attr, cpu->xfer) : mem_load(cpu, va, size, attr, cpu->xfer);
    return (struct quick_place){ (uint64_t)(uintptr_t)cpu->xfer - va, ok };
}
