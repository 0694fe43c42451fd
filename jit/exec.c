// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/exec.h"

#include "jit/dirty.h"
#include "jit/fp_host.h"
#include "jit/interp.h"
#include "jit/ir.h"
#include "jit/quick.h"
#include "jit/rendezvous.h"
#include "jit/tb.h"
#include "jit/tlb.h"

#include <string.h>

// So many exceptions in a row without an instruction in between will go on for ever.
#define HOPELESS 64

static unsigned take_requests(struct vcpu *cpu)
{
    return __atomic_exchange_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST);
}

static enum vcpu_exit take_halt(struct vcpu *cpu)
{
    enum vcpu_exit why = cpu->halt;
    cpu->halt = VCPU_EXIT_NONE;
    return why;
}

static void begin(struct vcpu *cpu)
{
    rendezvous_enter(cpu);
    fp_host_enter(&cpu->fp);
}

static void end(struct vcpu *cpu)
{
    fp_host_leave(&cpu->fp);
    rendezvous_leave(cpu);
}

// What has to be looked at between blocks. VCPU_EXIT_STOP if somebody asked for it.
static enum vcpu_exit serve(struct vcpu *cpu)
{
    unsigned req = __atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED) ? take_requests(cpu) : 0;
    if (unlikely(req & EXIT_REQ_WORK))
        rendezvous_serve(cpu);
    tb_safe_point(cpu);
    if (req & EXIT_REQ_DIRTY)
        dirty_flush(cpu);
    if (unlikely(req & EXIT_REQ_SAMPLE) && cpu->jit->sample)
        cpu->jit->sample(cpu->jit->sample_opaque, cpu);
    if (req & EXIT_REQ_INTERRUPT)
        cpu->guest->interrupt(cpu);
    if (req & EXIT_REQ_STOP)
        return VCPU_EXIT_STOP;
    return unlikely(cpu->halt) ? take_halt(cpu) : VCPU_EXIT_NONE;
}

enum vcpu_exit exec_run(struct vcpu *cpu)
{
    enum vcpu_exit why = VCPU_EXIT_NONE;
    begin(cpu);
    while (why == VCPU_EXIT_NONE && (why = serve(cpu)) == VCPU_EXIT_NONE) {
        cpu->jit->quick ? quick_run(cpu) : interp_run(cpu);
        why = take_halt(cpu);
    }
    end(cpu);
    return why;
}

bool exec_monitor_lost(const struct vcpu *cpu)
{
    gva_t va = cpu->excl_addr;
    const struct tlb_entry *e = &cpu->rtlb[tlb_index(va)];
    if (!cpu->excl_size)
        return false;
    if (e->tag != tlb_want(va, cpu->excl_size, (uint32_t)cpu->dctx))
        return true; // it cannot be seen
    const uint8_t *at = (const uint8_t *)(uintptr_t)(va + e->addend);
    uint64_t now[2] = { 0 };
    if (cpu->excl_size == 16)
        now[1] = __atomic_load_n((const uint64_t *)(const void *)(at + 8), __ATOMIC_ACQUIRE);
    switch (cpu->excl_size) {
    case 1: now[0] = __atomic_load_n(at, __ATOMIC_ACQUIRE); break;
    case 2: now[0] = __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE); break;
    case 4: now[0] = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE); break;
    default: now[0] = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE); break;
    }
    return memcmp(now, cpu->excl_value, sizeof now);
}

// A moment is as good as none to who counts instructions.
static enum vcpu_exit without_pause(enum vcpu_exit why)
{
    return why == VCPU_EXIT_PAUSE ? VCPU_EXIT_NONE : why;
}

// Runs one block of at most max_insns instructions. A device access is left to a block of one
// instruction: it may raise an interrupt line, and lines are looked at between blocks.
static void run_block(struct vcpu *cpu, uint64_t max_insns)
{
    struct tb *tb = tb_find(cpu, cpu->pc), *shortened = NULL;
    if (!tb) {
        cpu->stats.exceptions++;
        cpu->guest->raise_fault(cpu);
        return;
    }
    if (cpu->io == VCPU_IO_WANTED)
        max_insns = 1;
    if (tb->n_insns > max_insns)
        tb = shortened = tb_make_short(cpu, tb, (unsigned)max_insns);
    cpu->io = tb->n_insns == 1 ? VCPU_IO_FREE : VCPU_IO_REFUSED;
    vcpu_kick(cpu, EXIT_REQ_BLOCK);
    interp_run_from(cpu, tb);
    if (shortened)
        tb_free_short(cpu->jit, shortened);
}

enum vcpu_exit exec_run_until(struct vcpu *cpu, uint64_t icount)
{
    enum vcpu_exit why = VCPU_EXIT_NONE;
    unsigned in_vain = 0;
    begin(cpu);
    while (why == VCPU_EXIT_NONE && cpu->icount < icount && (why = without_pause(serve(cpu))) == VCPU_EXIT_NONE) {
        uint64_t before = cpu->icount;
        run_block(cpu, icount - before);
        why = without_pause(take_halt(cpu));
        in_vain = cpu->icount == before ? in_vain + 1 : 0;
        if (in_vain == HOPELESS)
            why = VCPU_EXIT_STOP;
    }
    cpu->io = VCPU_IO_FREE;
    __atomic_and_fetch(&cpu->exit_request, ~(unsigned)EXIT_REQ_BLOCK, __ATOMIC_SEQ_CST);
    end(cpu);
    return why;
}

enum vcpu_exit exec_step(struct vcpu *cpu, bool interrupts)
{
    uint64_t before = cpu->icount;
    struct vcpu_debug *d = &cpu->debug;
    begin(cpu);
    d->hold = !interrupts;
    uint64_t taken = cpu->stats.interrupts;
    enum vcpu_exit why = without_pause(serve(cpu));
    if (why == VCPU_EXIT_NONE && cpu->stats.interrupts == taken) {
        d->stepping = true;
        cpu->io = VCPU_IO_WANTED; // a block of its own
        run_block(cpu, 1);
        d->stepping = false;
        why = without_pause(take_halt(cpu));
        __atomic_and_fetch(&cpu->exit_request, ~(unsigned)EXIT_REQ_BLOCK, __ATOMIC_SEQ_CST);
    }
    // The guest's own software step is to see this instruction complete.
    if (why == VCPU_EXIT_NONE && cpu->icount != before)
        why = without_pause(serve(cpu));
    d->hold = false;
    cpu->io = VCPU_IO_FREE;
    vcpu_kick(cpu, EXIT_REQ_INTERRUPT); // those that were not taken
    end(cpu);
    return why;
}
