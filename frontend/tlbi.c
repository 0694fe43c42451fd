// SPDX-License-Identifier: GPL-3.0-or-later
// TLB maintenance instructions on jit/'s TLB (Arm ARM D8.13).
//
// By address they ignore the ASID and level hints: every context loses the address, which is more
// than asked and cheap. By ASID the contexts of that ASID are retired; contexts without one (EL1)
// lose what is not global, so global entries survive. The inner-shareable forms act as the local
// ones: there is one vCPU.
#include "frontend/sysreg.h"
#include "jit/tlb.h"

#include <inttypes.h>

static void say(const struct a64_cpu *cpu, const struct sysreg *reg, uint64_t what)
{
    if (log_enabled(cpu->log, LOG_MMU))
        log_printf(cpu->log, LOG_MMU, "%s %#" PRIx64 "\n", reg->name, what);
}

bool tlbi_all(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    say(cpu, reg, 0);
    tlb_flush_all(&cpu->v);
    a64_update_context(cpu);
    return true;
}

// Xt: VA[55:12] in the low 44 bits.
bool tlbi_va(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    gva_t va = (gva_t)sext64(value << 12, 56);
    say(cpu, reg, va);
    tlb_flush_va(&cpu->v, va);
    return true;
}

static bool has_asid(uint64_t key, uint64_t asid)
{
    return !(key & TLB_KEY_NO_ASID) && (key & 0xffff) == asid;
}

bool tlbi_asid(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    uint64_t asid = value >> 48 & mask64(cpu->v.r[A64_TCR_EL1] & TCR_AS ? 16 : 8);
    say(cpu, reg, asid);
    tlb_retire(&cpu->v, has_asid, asid);
    tlb_drop_nonglobal(&cpu->v);
    a64_update_context(cpu);
    return true;
}
