// SPDX-License-Identifier: GPL-3.0-or-later
#include "frontend/cpu_state.h"

#include "frontend/sysreg.h"
#include "jit/fp_host.h"
#include "jit/tlb.h"

#include <string.h>

_Static_assert(sizeof(struct a64_state) == 8 * (A64_NR_R + 2 * VCPU_NR_V + 5) + sizeof(struct a64_pmu_state) + 4 * 4 + 16,
               "a state has no padding");
_Static_assert(sizeof(struct a64_pmu_state) == 8 * (6 + 2 * (PMU_COUNTERS + 1)),
               "a state has no padding");

// The one-byte members: where, and the greatest value.
#define BYTES(X)                                                                                   \
    X(el, 1)                                                                                       \
    X(spsel, 1)                                                                                    \
    X(daif, 15) X(pan, 1) X(uao, 1) X(ss, 1) X(il, 1) X(dit, 1) X(ssbs, 1) X(event, 1)             \
        X(claim, 255) X(stepping, 1) X(step_valid, 1) X(step_ex, 1)

_Static_assert(sizeof(struct a64_extra) == 16 + 24 + sizeof(struct a64_pmu_state), "it has no padding");

void a64_state_get(const struct a64_cpu *cpu, struct a64_state *s)
{
    const struct vcpu *v = &cpu->v;
    *s = (struct a64_state){.pc = v->pc,
                            .icount = v->icount,
                            .excl_addr = v->excl_addr,
                            .excl_value = {v->excl_value[0], v->excl_value[1]},
                            .excl_size = v->excl_size,
                            .pmu = cpu->pmu.s,
                            .nzcv = v->nzcv,
                            .fpcr = v->fp.fpcr,
                            .fpsr = v->fp.fpsr,
                            .off = cpu->off,
#define X(name, max) .name = (uint8_t)cpu->name,
                            BYTES(X)
#undef X
    };
    memcpy(s->r, v->r, sizeof s->r);
    memcpy(s->v, v->v, sizeof s->v);
}

// Could this register hold this value? Bits outside its mask are fixed at their reset value; those
// with no mask are not the guest's to write.
static bool reg_valid(const struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    switch (reg->slot) {
    case A64_MPIDR_EL1:
        return value == cpu->v.r[A64_MPIDR_EL1];
    case A64_RVBAR_EL1:
        return true;
    case A64_OSLSR_EL1: // OSLK follows OSLAR_EL1
        return !((value ^ reg->reset) & ~BIT(1));
    default:
        return (value & ~a64_sysreg_mask(reg, cpu->lacks)) == a64_sysreg_fixed(reg, cpu->lacks);
    }
}

static const char *wrong_reg(const struct a64_cpu *cpu, const struct a64_state *s)
{
    for (unsigned n = 0; n < A64_NR_SYSREGS; n++) {
        const struct sysreg *reg = &a64_sysregs[n];
        if (reg->kind == SYSREG_STORED && !reg_valid(cpu, reg, s->r[reg->slot]))
            return reg->name;
    }
    return NULL;
}

static const char *wrong(const struct a64_cpu *cpu, const struct a64_state *s)
{
#define X(name, max)                                                                               \
    if (s->name > (max))                                                                           \
        return #name;
    BYTES(X)
#undef X
    if (s->nzcv > 15)
        return "nzcv";
    if (s->fpcr & ~FPCR_MASK)
        return "fpcr";
    if (s->fpsr & ~FPSR_MASK)
        return "fpsr";
    if (s->excl_size > 16 || (s->excl_size & (s->excl_size - 1)))
        return "exclusive monitor";
    if (!a64_pmu_valid(cpu, &s->pmu, s->icount))
        return "performance monitor";
    if (s->off > 1)
        return "off";
    if (s->reserved)
        return "reserved bytes";
    return wrong_reg(cpu, s);
}

bool a64_state_set(struct a64_cpu *cpu, const struct a64_state *s, struct error *err)
{
    struct vcpu *v = &cpu->v;
    const char *what = wrong(cpu, s);
    if (what)
        return error_set(err, "saved state: CPU %u cannot have this %s", v->index, what);
    memcpy(v->r, s->r, sizeof s->r);
    memcpy(v->v, s->v, sizeof s->v);
    v->pc = s->pc;
    v->icount = s->icount;
    cpu->pmu.s = s->pmu;
    v->excl_addr = s->excl_addr;
    v->excl_value[0] = s->excl_value[0];
    v->excl_value[1] = s->excl_value[1];
    v->excl_size = s->excl_size;
    v->nzcv = s->nzcv;
    fp_host_set_fpcr(&v->fp, s->fpcr);
    v->fp.fpsr = s->fpsr;
    cpu->off = s->off;
#define X(name, max) cpu->name = s->name;
    BYTES(X)
#undef X
    v->bail = cpu->exc_recorded = false;
    v->halt = VCPU_EXIT_NONE;
    a64_state_settle(cpu);
    return true;
}

void a64_state_settle(struct a64_cpu *cpu)
{
    tlb_flush_all(&cpu->v);
    a64_update_mode(cpu);
    a64_pmu_settle(cpu);
    // Lines may be up, or a single step complete; nothing happens if not.
    vcpu_kick(&cpu->v, EXIT_REQ_INTERRUPT);
}

void a64_extra_get(const struct vcpu *v, void *extra)
{
    const struct a64_cpu *cpu = (const struct a64_cpu *)v;
    struct a64_extra *e = extra;
    const struct a64_pmu *p = &cpu->pmu;
    *e = (struct a64_extra){
#define X(name, max) .name = (uint8_t)cpu->name,
        BYTES(X)
#undef X
        .pmu_counting = p->counting,
        .pmu_line = p->line,
        .pmu_rate = p->rate,
        .pmu_armed_at = p->armed_at,
        .pmu_armed_ns = p->armed_ns,
        .pmu = p->s,
    };
}

void a64_extra_set(struct vcpu *v, const void *extra)
{
    struct a64_cpu *cpu = a64(v);
    const struct a64_extra *e = extra;
#define X(name, max) cpu->name = e->name;
    BYTES(X)
#undef X
    struct a64_pmu *p = &cpu->pmu;
    p->counting = e->pmu_counting;
    p->line = e->pmu_line;
    p->rate = (uint32_t)e->pmu_rate;
    p->armed_at = e->pmu_armed_at;
    p->armed_ns = e->pmu_armed_ns;
    p->s = e->pmu;
    a64_update_mode(cpu);
}
