// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/exec.h"

#include "jit/fp_host.h"
#include "jit/interp.h"
#include "jit/ir.h"
#include "jit/quick.h"
#include "jit/tb.h"

// So many exceptions in a row without an instruction in between will go on for ever.
#define HOPELESS 64

static unsigned take_requests(struct vcpu *cpu)
{
    return __atomic_exchange_n(&cpu->exit_request, 0, __ATOMIC_SEQ_CST);
}

// What has to be looked at between blocks. VCPU_EXIT_STOP if somebody asked for it.
static enum vcpu_exit serve(struct vcpu *cpu)
{
    unsigned req = cpu->exit_request ? take_requests(cpu) : 0;
    tb_safe_point(cpu->jit);
    if (req & EXIT_REQ_INTERRUPT)
        cpu->guest->interrupt(cpu);
    return req & EXIT_REQ_STOP ? VCPU_EXIT_STOP : VCPU_EXIT_NONE;
}

static enum vcpu_exit take_halt(struct vcpu *cpu)
{
    enum vcpu_exit why = cpu->halt;
    cpu->halt = VCPU_EXIT_NONE;
    return why;
}

enum vcpu_exit exec_run(struct vcpu *cpu)
{
    enum vcpu_exit why = VCPU_EXIT_NONE;
    fp_host_enter(&cpu->fp);
    while (why == VCPU_EXIT_NONE && (why = serve(cpu)) == VCPU_EXIT_NONE) {
        cpu->jit->quick ? quick_run(cpu) : interp_run(cpu);
        why = take_halt(cpu);
    }
    fp_host_leave(&cpu->fp);
    return why;
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
    fp_host_enter(&cpu->fp);
    while (why == VCPU_EXIT_NONE && cpu->icount < icount && (why = serve(cpu)) == VCPU_EXIT_NONE) {
        uint64_t before = cpu->icount;
        run_block(cpu, icount - before);
        why = take_halt(cpu);
        in_vain = cpu->icount == before ? in_vain + 1 : 0;
        if (in_vain == HOPELESS)
            why = VCPU_EXIT_STOP;
    }
    cpu->io = VCPU_IO_FREE;
    __atomic_and_fetch(&cpu->exit_request, ~(unsigned)EXIT_REQ_BLOCK, __ATOMIC_SEQ_CST);
    fp_host_leave(&cpu->fp);
    return why;
}
