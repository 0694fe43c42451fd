// SPDX-License-Identifier: GPL-3.0-or-later
// TLB maintenance instructions on jit/'s TLB (Arm ARM D8.13).
//
// By address they ignore the ASID and level hints: every context loses the address, which is more
// than asked and cheap. By ASID the contexts of that ASID are retired; contexts without one (EL1)
// lose what is not global, so global entries survive. The inner-shareable forms (their rows' arg)
// leave the same to every other vCPU, and the DSB behind them waits until it is done.
#include "frontend/sysreg.h"
#include "jit/rendezvous.h"
#include "jit/tlb.h"

#include <inttypes.h>

static void say(const struct a64_cpu *cpu, const struct sysreg *reg, uint64_t what)
{
    if (log_enabled(cpu->log, LOG_MMU))
        log_printf(cpu->log, LOG_MMU, "%s %#" PRIx64 "\n", reg->name, what);
}

// What each form does to one vCPU, in its own thread -----------------------------------------------

void a64_flush_tlb(struct vcpu *v)
{
    tlb_flush_all(v);
    a64_update_context(a64(v));
}

static void all(struct vcpu *v, uint64_t unused)
{
    (void)unused;
    a64_flush_tlb(v);
}

static void by_va(struct vcpu *v, uint64_t va)
{
    tlb_flush_va(v, va);
}

static bool has_asid(uint64_t key, uint64_t asid)
{
    return !(key & TLB_KEY_NO_ASID) && (key & 0xffff) == asid;
}

static void by_asid(struct vcpu *v, uint64_t asid)
{
    tlb_retire(v, has_asid, asid);
    tlb_drop_nonglobal(v);
    a64_update_context(a64(v));
}

// The instructions ---------------------------------------------------------------------------------

static bool maintain(struct a64_cpu *cpu, const struct sysreg *reg,
                     void (*fn)(struct vcpu *v, uint64_t what), uint64_t what)
{
    say(cpu, reg, what);
    fn(&cpu->v, what);
    if (reg->arg)
        rendezvous_ask(cpu->v.jit, &cpu->v, fn, what);
    return true;
}

bool tlbi_all(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    return maintain(cpu, reg, all, 0);
}

// Xt: VA[55:12] in the low 44 bits.
bool tlbi_va(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    return maintain(cpu, reg, by_va, (gva_t)sext64(value << 12, 56));
}

bool tlbi_asid(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    return maintain(cpu, reg, by_asid, value >> 48 & mask64(cpu->v.r[A64_TCR_EL1] & TCR_AS ? 16 : 8));
}
