// SPDX-License-Identifier: GPL-3.0-or-later
// Helpers of the system instructions. Each says what its operands are; imm of those that name a
// register is its index in a64_sysregs[] | Rt << 16.
//
// A helper that refuses calls a64_fail() before it has changed anything; one that changes the mode
// or contexts is followed by EXIT, one that may unmask or cause interrupts by the block's end.
#include "frontend/helpers.h"
#include "frontend/sysreg.h"
#include "jit/rendezvous.h"
#include "jit/tb.h"
#include "jit/tlb.h"

#include <inttypes.h>
#include <sched.h>
#include <string.h>

static const struct sysreg *named(uint64_t imm)
{
    return &a64_sysregs[imm & 0xffff];
}

// A closed gate traps EL0.
static bool gate_passed(struct a64_cpu *cpu, uint64_t imm, bool read)
{
    const struct sysreg *reg = named(imm);
    if (cpu->el || a64_sysreg_gate_open(cpu, reg->gate, read))
        return true;
    a64_fail(cpu, A64_EXC(EC_SYSREG, a64_sysreg_iss(reg->id, imm >> 16 & 31, read)));
    return false;
}

// d = the register
void a64_helper_sysreg_read(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                            uint64_t imm)
{
    uint64_t value;
    if (gate_passed(a64(v), imm, true) && a64_sysreg_get(a64(v), named(imm), &value))
        *(uint64_t *)d = value;
}

// the register = a
void a64_helper_sysreg_write(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                             uint64_t imm)
{
    if (gate_passed(a64(v), imm, false))
        a64_sysreg_set(a64(v), named(imm), *(const uint64_t *)a);
}

// imm: a64_sysreg_id() | read << 16
void a64_helper_sysreg_unknown(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                               uint64_t imm)
{
    struct a64_cpu *cpu = a64(v);
    unsigned id = imm & 0xffff;
    log_printf(cpu->log, LOG_UNIMP, "%s system register %u_%u_c%u_c%u_%u at EL%u pc %#" PRIx64 "\n",
               imm >> 16 ? "read of unknown" : "write to unknown", id >> 14, id >> 11 & 7,
               id >> 7 & 15, id >> 3 & 15, id & 7, cpu->el, v->pc);
    a64_fail(cpu, A64_EXC(EC_UNKNOWN, 0));
}

// imm: an instruction that the decode tables do not have. Only says so; the exception follows.
void a64_helper_unallocated(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                            uint64_t imm)
{
    log_printf(a64(v)->log, LOG_UNIMP,
               "undefined instruction %08" PRIx32 " at EL%u pc %#" PRIx64 "\n", (uint32_t)imm,
               a64(v)->el, v->pc);
}

// a: Xt
void a64_helper_sys_op(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                       uint64_t imm)
{
    if (gate_passed(a64(v), imm, false))
        named(imm)->write(a64(v), named(imm), *(const uint64_t *)a);
}

// a: Xt; whether EL0 may is known from the mode. A helper of its own, since guests clear their memory
// by it: no guest register has to be where a system operation could look at it.
void a64_helper_dc_zva(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                       uint64_t imm)
{
    sysop_dc_zva(a64(v), &a64_sysregs[A64_SYSREG_DC_ZVA], *(const uint64_t *)a);
}

// imm: enum a64_pstate_imm << 4 | operand
void a64_helper_pstate_set(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                           uint64_t imm)
{
    struct a64_cpu *cpu = a64(v);
    unsigned value = imm & 15;
    switch (imm >> 4) {
    case A64_PSTATE_DAIFSET:
        a64_set_daif(cpu, cpu->daif | value);
        return;
    case A64_PSTATE_DAIFCLR:
        a64_set_daif(cpu, cpu->daif & ~value);
        return;
    case A64_PSTATE_SPSEL:
        cpu->spsel = value & 1;
        break;
    case A64_PSTATE_PAN:
        cpu->pan = value & 1;
        a64_update_context(cpu);
        return;
    case A64_PSTATE_UAO:
        cpu->uao = value & 1;
        break;
    case A64_PSTATE_DIT:
        cpu->dit = value & 1;
        return;
    case A64_PSTATE_SSBS:
        cpu->ssbs = value & 1;
        return;
    }
    a64_update_mode(cpu);
}

// d = DAIF
void a64_helper_daif_read(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                          uint64_t imm)
{
    *(uint64_t *)d = (uint64_t)a64(v)->daif << 6;
}

// DAIF = a
void a64_helper_daif_write(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                           uint64_t imm)
{
    a64_set_daif(a64(v), *(const uint64_t *)a >> 6 & 15);
}

void a64_helper_eret(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                     uint64_t imm)
{
    a64_eret(a64(v));
}

void a64_helper_hvc(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                    uint64_t imm)
{
    a64_psci_call(a64(v));
}

void a64_helper_semihost(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                         uint64_t imm)
{
    a64_semihost(a64(v));
}

// ISS of a trapped WFI or WFE: CV, COND = always, TI.
#define WFX_ISS(ti) (1u << 24 | 0xeu << 20 | (ti))

void a64_helper_wfi(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                    uint64_t imm)
{
    struct a64_cpu *cpu = a64(v);
    if (__atomic_load_n(&cpu->irq_lines, __ATOMIC_ACQUIRE))
        return; // pending, masked or not
    if (v->mode & A64_MODE_NTWI) {
        a64_fail(cpu, A64_EXC(EC_WFX, WFX_ISS(0)));
        return;
    }
    v->halt = VCPU_EXIT_HALT;
}

// Without an event the vCPU's thread waits for one, though not for long: it may come as the end of
// the exclusive monitor's hold, which nobody announces.
void a64_helper_wfe(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                    uint64_t imm)
{
    struct a64_cpu *cpu = a64(v);
    bool event = __atomic_load_n(&cpu->event, __ATOMIC_ACQUIRE);
    if (!event && v->mode & A64_MODE_NTWE) {
        a64_fail(cpu, A64_EXC(EC_WFX, WFX_ISS(1)));
        return;
    }
    if (event)
        __atomic_store_n(&cpu->event, false, __ATOMIC_RELEASE);
    else
        v->halt = VCPU_EXIT_PAUSE;
}

#define YIELDS_A_TURN 64

// A spinning CPU lets its host processor's other thread have more of it, and after a while whoever
// waits for the processor itself: that may be the CPU that it spins for.
void a64_helper_yield(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                      uint64_t imm)
{
    if (v->jit->nr_cpus == 1)
        return;
    __builtin_ia32_pause();
    if (!(++a64(v)->yields % YIELDS_A_TURN))
        sched_yield();
}

// What this CPU has asked of the others (TLBI) is done when it returns.
void a64_helper_dsb(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                    uint64_t imm)
{
    rendezvous_await(v);
}

// imm: 1 for this CPU alone (SEVL)
void a64_helper_sev(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                    uint64_t imm)
{
    __atomic_store_n(&a64(v)->event, true, __ATOMIC_RELEASE);
    for (unsigned n = 0; !imm && n < v->jit->nr_cpus; n++)
        __atomic_store_n(&a64(v->jit->cpus[n])->event, true, __ATOMIC_SEQ_CST);
    if (!imm && v->jit->nr_cpus > 1 && a64(v)->board->event)
        a64(v)->board->event(a64(v)->board->opaque);
}

// Before a stepped instruction; it has taken place once interrupts are looked at again without an
// exception in between. imm: it is a load-exclusive.
void a64_helper_step_begin(struct vcpu *v, void *d, const void *a, const void *b, const void *c,
                           uint64_t imm)
{
    struct a64_cpu *cpu = a64(v);
    cpu->stepping = true;
    cpu->step_valid = true;
    cpu->step_ex = imm;
    vcpu_kick(v, EXIT_REQ_INTERRUPT);
}

// Caches -----------------------------------------------------------------------------------------

bool sysop_dc_setway(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    return true;
}

// An access by address: EL0 needs permission to read; EL1 none, but to write where arg says so.
static bool cache_walk(struct a64_cpu *cpu, gva_t va, enum mem_access access, struct a64_walk *w)
{
    unsigned flags = !cpu->el ? 0 : WALK_EL1 | (access == MEM_WRITE ? 0 : WALK_ANY);
    if (a64_walk(cpu, va, access, flags, w))
        return true;
    a64_fail_fault(cpu, va, w->fsc, MEM_WRITE, MEM_CACHE);
    return false;
}

bool sysop_dc_va(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    struct a64_walk w;
    return cache_walk(cpu, value, reg->arg, &w);
}

bool sysop_ic_va(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    struct a64_walk w;
    if (!cache_walk(cpu, value, MEM_READ, &w))
        return false;
    tb_suspect_page(cpu->v.jit, w.pa & PAGE_MASK);
    return true;
}

bool sysop_ic_all(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    tb_suspect_all(cpu->v.jit);
    return true;
}

// DC ZVA, for memory that is not in the write TLB: device memory faults, the rest is stored to.
static bool zero_slow(struct a64_cpu *cpu, gva_t va, gva_t line)
{
    static const uint64_t zero[2];
    struct vcpu *v = &cpu->v;
    struct a64_walk w;
    bool ok = mem_probe(v, line, 64, MEM_WRITE, 0);
    if (!ok)
        cpu->fault.va = va; // FAR is the instruction's argument, not the block
    if (ok && a64_walk(cpu, line, MEM_WRITE, cpu->el ? WALK_EL1 | WALK_PAN : 0, &w) && w.device) {
        a64_fail_fault(cpu, va, FSC_ALIGNMENT, MEM_WRITE, 0);
        return false;
    }
    for (unsigned n = 0; ok && n < 64; n += sizeof zero)
        ok = mem_store(v, line + n, sizeof zero, 0, zero);
    if (!ok) {
        v->bail = true;
        cpu->fault.va = va; // as given, not the line's
    }
    return ok;
}

bool sysop_dc_zva(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    gva_t line = value & ~UINT64_C(63);
    const struct tlb_entry *e = &cpu->v.wtlb[tlb_index(line)];
    if (unlikely(e->tag != tlb_want(line, 64, cpu->v.dctx)))
        return zero_slow(cpu, value, line);
    memset((void *)(uintptr_t)(line + e->addend), 0, 64);
    return true;
}

// AT: the walk's result in PAR_EL1. An external abort on the walk is an exception instead.
bool sysop_at(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    struct a64_walk w;
    enum mem_access access = reg->arg & AT_WRITE ? MEM_WRITE : MEM_READ;
    unsigned flags = (reg->arg & AT_EL1 ? WALK_EL1 : 0) | (reg->arg & AT_PAN ? WALK_PAN : 0);
    uint64_t par;
    if (a64_walk(cpu, value, access, flags, &w)) {
        par = (uint64_t)w.attr << 56 | (w.pa & PAGE_MASK) | BIT(11) | BIT(9) | (uint64_t)w.sh << 7;
    } else if (w.fsc >= FSC_EXTERNAL_WALK_L && w.fsc <= FSC_EXTERNAL_WALK_L + 3) {
        a64_fail_fault(cpu, value, w.fsc, MEM_WRITE, MEM_CACHE);
        return false;
    } else {
        par = BIT(11) | (uint64_t)w.fsc << 1 | 1;
    }
    cpu->v.r[A64_PAR_EL1] = par;
    return true;
}
